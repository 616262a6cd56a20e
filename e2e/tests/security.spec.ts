/** What the page may load, connect to and run: as a browser enforces it, with attempts that must fail. */
import type { Page } from '@playwright/test';
import { expect, test } from '../support/demo.js';
import { draw, workersReady } from '../support/pad.js';

test.use({ opens: null });

const PAGES = ['/see', '/batch', '/compare', '/model', '/workers'];

/** Tells, from the page's first moment on, what its policy refused. */
async function watchViolations(page: Page): Promise<() => Promise<string[]>> {
  await page.addInitScript(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { violations: seen });
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      seen.push(`${violatedDirective} ${blockedURI}`),
    );
  });
  return () => page.evaluate(() => (globalThis as unknown as { violations: string[] }).violations);
}

test('asks nobody but its own server and the three workers, in an isolated process', async ({
  page,
  demo,
}) => {
  const origins = new Set<string>();
  const note = (url: string) => {
    if (!url.startsWith('blob:') && !url.startsWith('data:')) origins.add(new URL(url).host);
  };
  page.context().on('request', (request) => note(request.url()));
  page.on('websocket', (socket) => note(socket.url()));
  const violations = await watchViolations(page);
  const problems: string[] = [];
  page.on('console', (message) => {
    if (/integrity|Content Security|Cross-Origin/i.test(message.text())) problems.push(message.text());
  });
  const response = (await page.goto(demo.url))!;
  await workersReady(page);
  await draw(page, 3);
  await expect(page.getByTestId('answer')).toHaveText('The answer is 3', { timeout: 45_000 });
  for (const path of PAGES) {
    await page.locator(`nav a[href="${path}"]`).click();
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  }
  const workers = demo.cluster.cluster.workers.map(({ url }) => new URL(url).host);
  const own = new URL(demo.url).host;
  expect([...origins].filter((host) => host !== own && !workers.includes(host))).toEqual([]);
  expect(origins).toContain(own);
  expect(await violations()).toEqual([]);
  expect(problems).toEqual([]);

  expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true);
  const inWorkers = page.workers().map((worker) => worker.evaluate(() => globalThis.crossOriginIsolated));
  expect(inWorkers.length).toBeGreaterThan(0);
  expect(new Set(await Promise.all(inWorkers))).toEqual(new Set([true]));

  const headers = response.headers();
  const policy = headers['content-security-policy']!;
  expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|\*(?!;| |$)|https:(?!\/\/)/);
  expect(policy).toMatch(/default-src 'none';.*base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/);
  expect(headers).toMatchObject({
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'permissions-policy': expect.stringContaining('camera=()'),
  });
});

test('runs no script that was put into it, and reaches no server that is not named', async ({
  page,
  demo,
}) => {
  const violations = await watchViolations(page);
  await page.goto(demo.url);
  await page.evaluate(async () => {
    const inline = document.createElement('script');
    inline.textContent = 'globalThis.injected = true';
    document.head.append(inline);
    const style = document.createElement('style');
    style.textContent = 'body { display: none }';
    document.head.append(style);
    // A text instead of a function: it would be evaluated.
    setTimeout('globalThis.injected = true' as unknown as () => void);
    await fetch('https://example.org/').catch(() => undefined);
    const image = new Image();
    image.src = 'https://example.org/pixel.png';
  });
  await expect
    .poll(violations)
    .toEqual(
      expect.arrayContaining([
        'script-src-elem inline',
        'style-src-elem inline',
        'script-src eval',
        expect.stringMatching(/^connect-src https:\/\/example\.org/),
        expect.stringMatching(/^img-src https:\/\/example\.org/),
      ]),
    );
  expect(await page.evaluate(() => 'injected' in globalThis)).toBe(false);
  await expect(page.getByLabel('Drawing pad')).toBeVisible();
});

test('refuses files that were changed on their way: scripts, later parts, style sheets', async ({
  page,
  demo,
}) => {
  const changed = async (pattern: RegExp) => {
    const blocked = page.waitForEvent('console', (message) => /integrity/i.test(message.text()));
    await page.route(pattern, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${await response.text()}\n` });
    });
    return blocked;
  };
  const main = changed(/\/assets\/main-[^/]*\.js$/);
  await page.goto(demo.url);
  await main;
  await expect(page.getByLabel('Drawing pad')).toHaveCount(0);
  await page.unrouteAll();

  const style = changed(/\/assets\/[^/]*\.css$/);
  await page.goto(demo.url);
  await style;
  await page.unrouteAll();

  // A module that is imported later is named in the import map.
  await page.goto(demo.url);
  await expect(page.getByLabel('Drawing pad')).toBeVisible();
  const later = changed(/\/assets\/workers-page-[^/]*\.js$/);
  await page.locator('nav a[href="/workers"]').click();
  await later;
});
