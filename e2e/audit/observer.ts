/** What a browser notes by itself while a page loads and is used: errors, issues, what was asked for and loaded. */
import type { Page } from '@playwright/test';

export interface Observed {
  /** Errors in the console, of scripts and of the network. */
  readonly errors: readonly string[];
  /** What the browser's own tools would list, by its code: deprecated features, cookies, policies that were broken… */
  readonly issues: readonly string[];
  /** Addresses that were loaded. */
  readonly loaded: readonly string[];
  /** Of the document. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Loads a page and watches. @returns what was noted until it is called */
export async function observe(page: Page, url: string): Promise<() => Promise<Observed>> {
  const errors: string[] = [];
  const issues: string[] = [];
  const loaded: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('requestfailed', (request) => {
    const { errorText = '' } = request.failure() ?? {};
    // Given up by the page that was left.
    if (errorText !== 'net::ERR_ABORTED') errors.push(`${request.url()}: ${errorText}`);
  });
  page.on('request', (request) => loaded.push(request.url()));
  const devtools = await page.context().newCDPSession(page);
  devtools.on('Audits.issueAdded', ({ issue }) => {
    issues.push(`${issue.code}: ${JSON.stringify(issue.details).slice(0, 300)}`);
  });
  await devtools.send('Audits.enable');
  await page.addInitScript(() => {
    const asked: string[] = [];
    const note = (owner: object, name: string) => {
      Object.defineProperty(owner, name, { value: () => void asked.push(name) });
    };
    note(Geolocation.prototype, 'getCurrentPosition');
    note(Geolocation.prototype, 'watchPosition');
    note(Notification, 'requestPermission');
    Object.assign(globalThis, { askedFor: asked });
  });
  const response = (await page.goto(url))!;
  const headers = await response.allHeaders();
  return async () => ({ errors, issues, loaded, headers });
}
