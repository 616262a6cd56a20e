/** What a first visit loads, and that nothing on the page jumps while it comes. */
import { expect, test } from '../support/demo.js';
import { workersReady } from '../support/pad.js';
import { openWithHeldWorkers, paintEachReport } from '../support/reports.js';
import { type Shifts, watchShifts } from '../support/shifts.js';

test.use({ opens: null });

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

async function expectStill(shifts: () => Promise<Shifts>, state: string): Promise<void> {
  const { total, each } = await shifts();
  expect(total, `${state}: ${each.join('; ')}`).toBeLessThan(MOST_SHIFT);
}

test('no page jumps while it comes', async ({ page, demo }) => {
  const shifts = await watchShifts(page);
  await paintEachReport(page);
  for (const path of ['', 'see', 'batch', 'compare', 'model', 'workers']) {
    await page.goto(`${demo.url}/${path}`);
    await workersReady(page);
    await page.evaluate(() => document.fonts.ready);
    if (path === 'workers') await expect(page.getByRole('figure')).toHaveCount(5);
    await expectStill(shifts, `/${path}`);
  }
});

const LOOKS = [
  { name: 'a screen', use: { viewport: { width: 1280, height: 900 } }, order: [2, 0, 1] },
  {
    name: 'a phone, dark',
    use: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: 'dark' },
    order: [1, 0, 2],
  },
] as const;

for (const { name, use, order } of LOOKS) {
  test.describe(name, () => {
    test.use(use);
    test('the page about the workers stays still as they are heard of, one late, and one lost', async ({
      page,
      demo,
    }) => {
      const shifts = await watchShifts(page);
      await paintEachReport(page);
      const lines = await openWithHeldWorkers(page, `${demo.url}/workers`);
      const { workers } = demo.cluster.cluster;
      const [first, second, last] = order.map((index) => workers[index]);
      const card = (worker: typeof first) => page.getByTestId(`card-${worker!.name}`);
      await expect(card(first)).toHaveAttribute('data-level', 'connecting');
      await page.evaluate(() => document.fonts.ready);
      await lines.open(first!.url);
      await expect(card(first)).toHaveAttribute('data-level', 'ready');
      await expect(page.getByRole('figure')).toHaveCount(5);
      await lines.cut(last!.url);
      await expect(card(last)).toHaveAttribute('data-level', 'away');
      await lines.open(second!.url);
      const fault = page.getByTestId('fault');
      await expect(fault.filter({ hasText: `${last!.name} is away` })).toBeAttached();
      await expect(fault.first()).toBeHidden();
      await expectStill(shifts, 'a worker is away');
      await lines.open(last!.url);
      await workersReady(page);
      await expect(fault).toHaveCount(0);
      await expectStill(shifts, 'all three are there');
    });
  });
}
