/**
 * How long a visitor waits, and how smooth the page is: from the lifted pen to the answer, frames while drawing, what
 * keeps the page from answering in a batch, and how soon a batch is called off.
 */
import { PredictionClient } from '@trivet/client';
import { type Demo, expect, MODEL_NAME, test } from '../support/demo.js';
import { DRAWINGS, draw, workersReady } from '../support/pad.js';
import { type AnswerTimes, stagesOf, watchAnswers } from './answer-probe.js';
import { cancel, watchSending } from './cancel-probe.js';
import { report, spread } from './figures.js';
import { watchFrames } from './frame-probe.js';

const ROUNDS = 6;
/** Digits that warm the browser up. */
const WARM_UP = 5;
/** How long the workers are asked before that, one digit at a time: V8 compiles what is hot by and by, as in `pnpm bench`. */
const WORKERS_WARM_UP_MS = 10_000;
const INPUTS = 784;
const DRAWING_MS = 5000;
const CANCELS = 5;

async function warmUpWorkers({ cluster }: Demo): Promise<number> {
  const { workers, clusterId, ownerKey } = cluster.cluster;
  const client = await PredictionClient.connect({ workers, clusterId, ownerKey });
  const inputs = new Float32Array(INPUTS).fill(0.5);
  const until = performance.now() + WORKERS_WARM_UP_MS;
  let digits = 0;
  for (; performance.now() < until; digits++) await client.predict(MODEL_NAME, inputs);
  client.close();
  return digits;
}

test('from the lifted pen to the answer', async ({ page, demo }) => {
  test.setTimeout(300_000);
  const digitsBefore = await warmUpWorkers(demo);
  const nextAnswer = await watchAnswers(page);
  const all: AnswerTimes[] = [];
  await workersReady(page);
  for (let round = 0; round < ROUNDS; round++) {
    for (const digit of Object.keys(DRAWINGS).map(Number)) {
      await page.getByRole('button', { name: 'Clear' }).click({ force: true });
      const answer = nextAnswer();
      await draw(page, digit);
      all.push(await answer);
    }
  }
  const times = all.slice(WARM_UP);
  const stages = times.map(stagesOf);
  report(`From the lifted pen to the answer, workers that have answered ${digitsBefore} digits before`, {
    'to the frame that shows it': spread(times.map(({ lifted, painted }) => painted - lifted)),
    'to the document': spread(times.map(({ lifted, shown }) => shown - lifted)),
    ...Object.fromEntries(
      Object.keys(stages[0]!).map((name) => [`· ${name}`, spread(stages.map((one) => one[name]!))]),
    ),
  });
});

test('frames while drawing', async ({ page }) => {
  test.setTimeout(120_000);
  await workersReady(page);
  // Once to warm up.
  await draw(page, 0);
  await expect(page.getByTestId('answer')).toContainText('The answer is');
  await page.getByRole('button', { name: 'Clear' }).click();
  const { intervals, inputToPaint } = await watchFrames(page, DRAWING_MS);
  const mean = intervals.reduce((sum, one) => sum + one, 0) / intervals.length;
  const missed = intervals.reduce((sum, one) => sum + Math.max(0, Math.round(one / (1000 / 60)) - 1), 0);
  report('While drawing', {
    frames: `${(1000 / mean).toFixed(1)} a second, ${missed} missed of ${intervals.length + missed}`,
    'between frames': spread(intervals),
    'move to frame': spread(inputToPaint),
  });
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
    Object.assign(globalThis, { tasks });
  });
  await page.getByRole('button', { name: 'Load test digits' }).click();
  await page.getByRole('button', { name: 'Classify privately' }).click();
  await expect(page.getByText('Done.')).toBeVisible({ timeout: 240_000 });
  const tasks = await page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks);
  report('A thousand digits', {
    speed: (await page.getByText(/a second$/).textContent())!,
    accuracy: (await page.getByTestId('accuracy').textContent())!,
    'longest task':
      tasks.length === 0 ? 'none of 50 ms' : `${Math.max(...tasks)} ms, ${tasks.length} of 50 ms or more`,
  });
});

test('where shares are made: what the page measures for one digit and for a batch', async ({
  page,
  demo,
}) => {
  test.setTimeout(300_000);
  const rows = page.getByTestId('sharing-report').getByRole('row');
  await page.goto(demo.url);
  await workersReady(page);
  await draw(page, 0);
  await expect(page.getByTestId('answer')).toContainText('The answer is');
  await page.getByRole('button', { name: 'Settings' }).click();
  // Measured when nobody waits for anything, and kept for later visits.
  await expect(rows).toHaveCount(2, { timeout: 60_000 });
  await page.goto(`${demo.url}/batch`);
  await workersReady(page);
  await page.getByRole('button', { name: 'Load test digits' }).click();
  await page.getByRole('button', { name: 'Classify privately' }).click();
  await expect(page.getByText('Done.')).toBeVisible({ timeout: 240_000 });
  await page.getByRole('button', { name: 'Settings' }).click();
  await expect(rows).toHaveCount(3, { timeout: 60_000 });
  const [head, ...measured] = await Promise.all(
    (await rows.all()).map((row) =>
      row.getByRole('cell').or(row.getByRole('columnheader')).allTextContents(),
    ),
  );
  const words = ([numbers, cpu, gpu]: readonly string[]) =>
    [`${head![0]}: ${numbers}`, `${head![1]} ${cpu}, ${head![2]} ${gpu}`] as const;
  report('Where shares are made', Object.fromEntries(measured.map(words)));
});

test('a run is called off', async ({ page, demo }) => {
  test.setTimeout(300_000);
  await page.goto(`${demo.url}/batch`);
  await workersReady(page);
  const sending = await watchSending(page);
  await page.getByRole('radio', { name: 'all 10,000' }).check({ force: true });
  await page.getByRole('button', { name: 'Load test digits' }).click();
  const bar = page.getByRole('progressbar', { name: 'Pictures classified' });
  const start = page.getByRole('button', { name: /^(Classify privately|Run again)$/ });
  const times = [];
  for (let run = 0; run < CANCELS; run++) {
    await start.click();
    await expect(bar).not.toHaveAttribute('aria-valuenow', '0', { timeout: 60_000 });
    times.push(await cancel(page, sending));
  }
  report('From "Cancel"', {
    'to the button for another run': spread(times.map(({ buttonBack }) => buttonBack)),
    'messages of requests that still left': times.map(({ sentAfter }) => sentAfter).join(', '),
    'the last of them after': spread(times.map(({ lastSentAfter }) => lastSentAfter)),
  });
});
