/** How long a visitor waits: from the lifted pen to the answer, and what keeps the page from answering in a batch. */
import { expect, test } from '../support/demo.js';
import { DRAWINGS, draw, workersReady } from '../support/pad.js';

const ROUNDS = 6;

test('from the lifted pen to the answer', async ({ page }) => {
  test.setTimeout(300_000);
  await workersReady(page);
  await page.evaluate(() => {
    const shown: number[] = [];
    let lifted: number | null = null;
    let asked = false;
    addEventListener('pointerup', (event) => {
      if (!(event.target instanceof HTMLCanvasElement)) return;
      lifted = performance.now();
      asked = false;
    });
    // Answered is what was asked after the pen was lifted, and is not waited for any more.
    new MutationObserver(() => {
      if (lifted === null) return;
      if (document.querySelector('[aria-busy="true"]') !== null) asked = true;
      else if (asked && document.querySelector('[data-testid="answer"][data-empty="false"]') !== null) {
        shown.push(performance.now() - lifted);
        lifted = null;
      }
    }).observe(document.body, { subtree: true, attributes: true, childList: true });
    Object.assign(window, { shown });
  });
  const times = () => page.evaluate(() => (window as unknown as { shown: number[] }).shown);
  for (let round = 0; round < ROUNDS; round++) {
    for (const digit of Object.keys(DRAWINGS).map(Number)) {
      const before = (await times()).length;
      await page.getByRole('button', { name: 'Clear' }).click({ force: true });
      await draw(page, digit);
      await expect.poll(async () => (await times()).length, { timeout: 60_000 }).toBeGreaterThan(before);
    }
  }
  // The first ones warm the workers up.
  const sorted = (await times()).slice(5).sort((a, b) => a - b);
  const at = (part: number) => `${sorted[Math.floor(part * sorted.length)]!.toFixed(0)} ms`;
  console.log(
    `lifted pen to answer, ${sorted.length} digits: median ${at(0.5)}, 95th percentile ${at(0.95)}`,
  );
});

test('a thousand digits: speed, and the longest task of the page', async ({ page, demo }) => {
  test.setTimeout(300_000);
  await page.goto(`${demo.url}/batch`);
  await workersReady(page);
  await page.evaluate(() => {
    const tasks: number[] = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) tasks.push(entry.duration);
    }).observe({ type: 'longtask' });
    Object.assign(window, { tasks });
  });
  await page.getByRole('button', { name: 'Load test digits' }).click();
  await page.getByRole('button', { name: 'Classify privately' }).click();
  await expect(page.getByText('Done.')).toBeVisible({ timeout: 240_000 });
  const tasks = await page.evaluate(() => (window as unknown as { tasks: number[] }).tasks);
  const speed = await page.getByText(/a second$/).textContent();
  const longest = tasks.length === 0 ? 'none above 50 ms' : `${Math.max(...tasks).toFixed(0)} ms`;
  console.log(
    `1,000 digits: ${speed}, longest task ${longest}, ${await page.getByTestId('accuracy').textContent()}`,
  );
});
