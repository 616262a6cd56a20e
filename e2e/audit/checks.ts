/**
 * Good practice, asked of a page that is loaded: the checks that count in Lighthouse's category of that name (12.8, core/config/
 * default-config.js), and those of this page's own promises: its policy, its integrity, its isolation.
 */
import type { Page } from '@playwright/test';
import type { Observed } from './observer.js';

/** What is wrong, by check; an empty list where all is well. */
export type Findings = Readonly<Record<string, readonly string[]>>;

const DEPRECATED = 'DeprecationIssue';
const COOKIES = /^Cookie|ThirdPartyCookie/;

export async function checkPractices(
  page: Page,
  { errors, issues, loaded, headers }: Observed,
): Promise<Findings> {
  const seen = await inspect(page);
  const isDeprecation = (issue: string) => issue.startsWith(DEPRECATED);
  const isCookie = (issue: string) => COOKIES.test(issue);
  return {
    'everything is loaded over https or from this computer': loaded.filter((url) => !isSafe(url)),
    'nobody is asked for a place or for notifications': seen.askedFor,
    'pasting is allowed': seen.unpasteable,
    'pictures keep their proportions': seen.distorted,
    'pictures are as sharp as they are shown': seen.blurred,
    'the document has a type': seen.doctype === 'html CSS1Compat' ? [] : [seen.doctype],
    'the text is UTF-8': seen.charset === 'UTF-8' ? [] : [seen.charset],
    'the page fits a phone': /width=device-width/.test(seen.viewport) ? [] : [seen.viewport],
    'nothing deprecated is used': issues.filter(isDeprecation),
    'no third party sets cookies': issues.filter(isCookie),
    'the console has no errors': errors,
    'the browser lists no issues': issues.filter((issue) => !isDeprecation(issue) && !isCookie(issue)),
    'every script and style sheet has its hash': seen.unhashed,
    'scripts run from this server only': policyGaps(headers['content-security-policy'] ?? ''),
    'the page is isolated from others': seen.isolated
      ? []
      : [`${headers['cross-origin-opener-policy']}, ${headers['cross-origin-embedder-policy']}`],
    'types and addresses are not given away': [
      ...(headers['x-content-type-options'] === 'nosniff' ? [] : ['x-content-type-options']),
      ...(headers['referrer-policy'] === 'no-referrer' ? [] : ['referrer-policy']),
    ],
  };
}

function isSafe(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return (
    ['https:', 'wss:', 'data:', 'blob:'].includes(protocol) || ['localhost', '127.0.0.1'].includes(hostname)
  );
}

/** What an injected script would need. */
function policyGaps(policy: string): string[] {
  const directives = new Map(
    policy.split(';').map((directive) => {
      const [name = '', ...sources] = directive.trim().split(/\s+/);
      return [name, sources] as const;
    }),
  );
  const scripts = directives.get('script-src') ?? directives.get('default-src') ?? ['*'];
  const loose = scripts.filter((source) => /^(\*|https?:|data:|'unsafe-inline'|'unsafe-eval')/.test(source));
  const missing = ['base-uri', 'form-action', 'frame-ancestors'].filter((name) => !directives.has(name));
  return [...loose, ...missing.map((name) => `no ${name}`)];
}

/** Runs in the page. */
function inspect(page: Page) {
  return page.evaluate(() => {
    const nameOf = (element: Element) => element.outerHTML.slice(0, 120);
    const pasted = (element: Element) =>
      element.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true }));
    const pictures = [...document.images].filter(({ complete, clientWidth }) => complete && clientWidth > 0);
    const parts = [
      ...document.querySelectorAll('script[src], link[rel="stylesheet"], link[rel="modulepreload"]'),
    ];
    // What is loaded later has its hash in the import map.
    const map = document.querySelector('script[type="importmap"]')?.textContent ?? '{}';
    const mapped = (JSON.parse(map) as { integrity?: Record<string, string> }).integrity ?? {};
    const isHashed = (element: Element) => {
      const { integrity, src, href } = element as HTMLScriptElement & HTMLLinkElement;
      return integrity !== '' || new URL(src || href).pathname in mapped;
    };
    return {
      askedFor: (globalThis as unknown as { askedFor: string[] }).askedFor,
      unpasteable: [...document.querySelectorAll('input, textarea')]
        .filter((one) => !pasted(one))
        .map(nameOf),
      distorted: pictures
        .filter(({ naturalWidth, naturalHeight, clientWidth, clientHeight }) => {
          return Math.abs(clientHeight - (clientWidth * naturalHeight) / naturalWidth) > 2;
        })
        .map(nameOf),
      blurred: pictures
        .filter(({ naturalWidth, clientWidth, src }) => {
          return !/\.svg$|^data:image\/svg/.test(src) && naturalWidth < clientWidth * devicePixelRatio * 0.75;
        })
        .map(nameOf),
      doctype: `${document.doctype?.name} ${document.compatMode}`,
      charset: document.characterSet,
      viewport: document.querySelector<HTMLMetaElement>('meta[name="viewport"]')?.content ?? '',
      unhashed: parts.filter((one) => !isHashed(one)).map(nameOf),
      isolated: crossOriginIsolated,
    };
  });
}
