/** What a first visit loads, and that nothing on the page jumps while it comes. */
import { expect, test } from '../support/demo.js';
import { workersReady } from '../support/pad.js';

/** Compressed, fonts included, TensorFlow.js not: that is loaded when it is needed. */
const MOST_BYTES = 300_000;
/** "Good" is below 0.1: https://web.dev/articles/cls */
const MOST_SHIFT = 0.02;

test('a first visit loads less than 300 kB', async ({ page, demo }) => {
  const loaded = new Map<string, number>();
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    const length = Number(response.headers()['content-length']);
    if (response.url().startsWith(demo.url) && length > 0) loaded.set(pathname, length);
  });
  await page.goto(demo.url);
  await workersReady(page);
  await page.evaluate(() => document.fonts.ready);
  const files = [...loaded].sort(([, a], [, b]) => b - a);
  const total = files.reduce((sum, [, bytes]) => sum + bytes, 0);
  expect(files.map(([path]) => path)).toContainEqual(expect.stringMatching(/\/worker-.*\.js$/));
  expect(files.map(([path]) => path)).toContainEqual(expect.stringMatching(/\.woff2$/));
  expect(total, files.map(([path, bytes]) => `${bytes} ${path}`).join('\n')).toBeLessThan(MOST_BYTES);
  test
    .info()
    .annotations.push({ type: 'first load', description: `${total} bytes in ${files.length} files` });
});

test('no page jumps while it comes', async ({ page, demo }) => {
  await page.addInitScript(() => {
    const shifts: string[] = [];
    let total = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
        sources: readonly { node: Element | null }[];
      })[]) {
        if (entry.hadRecentInput) continue;
        total += entry.value;
        shifts.push(`${entry.value.toFixed(4)} ${entry.sources.map(({ node }) => node?.nodeName).join()}`);
      }
    }).observe({ type: 'layout-shift', buffered: true });
    Object.assign(globalThis, { layoutShift: () => ({ total, shifts }) });
  });
  for (const path of ['', 'see', 'batch', 'compare', 'model', 'workers']) {
    await page.goto(`${demo.url}/${path}`);
    await workersReady(page);
    await page.evaluate(() => document.fonts.ready);
    if (path === 'workers') await expect(page.getByRole('figure')).toHaveCount(5);
    const { total, shifts } = await page.evaluate(() =>
      (
        globalThis as unknown as { layoutShift(): { total: number; shifts: readonly string[] } }
      ).layoutShift(),
    );
    expect(total, `/${path}: ${shifts.join('; ')}`).toBeLessThan(MOST_SHIFT);
  }
});
