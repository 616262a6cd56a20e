import { expect, test } from '../support/demo.js';
import { holdBackGpu } from '../support/gpu.js';
import { workersReady } from '../support/pad.js';

const PROTOCOLS = ['replicated', 'fss', 'securenn'];

test.use({ opens: '/compare' });

test('one digit in the clear and under each protocol: same answer, logits apart by rounding', async ({
  page,
}) => {
  test.setTimeout(120_000);
  await workersReady(page);
  // The graphics card comes up while the model in the clear runs: neither may disturb the other.
  const gpu = await holdBackGpu(page);
  await page
    .getByRole('button', { name: /^A handwritten 7/ })
    .first()
    .click();
  await gpu.asked();
  const compare = async (button: string) => {
    await page.getByRole('button', { name: button, exact: true }).click();
    await expect(page.getByRole('button', { name: 'Compare again' })).toBeEnabled({ timeout: 100_000 });
    // Of a failure the row holds the sentence, which is then what the test shows.
    await expect(page.getByTestId('plaintext').getByRole('cell').first()).toHaveText('7');
  };
  // Exact, as the page has them; what is shown of them is rounded.
  const valuesIn = (testId: string) =>
    page
      .getByTestId(testId)
      .locator('data')
      .evaluateAll((all) => all.map((element) => Number((element as HTMLDataElement).value)));
  const measured = async () => {
    const [roundTripMs] = await valuesIn('round-trip-row');
    // On a line without any way what is left is computing.
    await page.getByRole('slider').focus();
    await page.keyboard.press('Home');
    await expect(page.getByText('0 ms', { exact: true }).first()).toBeVisible();
    const all = new Map<
      string,
      { totalMs: number; queueMs: number; computingMs: number; check: readonly number[] }
    >();
    for (const protocol of PROTOCOLS) {
      const [totalMs, queueMs] = await valuesIn(`protocol-${protocol}`);
      const [computingMs] = await valuesIn(`what-if-${protocol}`);
      const check = await valuesIn(`check-${protocol}`);
      all.set(protocol, { totalMs: totalMs!, queueMs: queueMs!, computingMs: computingMs!, check });
    }
    return { roundTripMs: roundTripMs!, all };
  };
  await compare('Compare');
  const first = await measured();
  await gpu.release();
  await expect(page.getByTestId('sharing-report').locator('tr')).toHaveCount(2, { timeout: 20_000 });
  await compare('Compare again');
  const rounds = new Map<string, number>();
  for (const protocol of PROTOCOLS) {
    const row = page.getByTestId(`protocol-${protocol}`);
    const cells = await row.getByRole('cell').allTextContents();
    expect(cells[0], protocol).toBe('7');
    expect(Number(cells[1]), protocol).toBeLessThan(0.002);
    rounds.set(protocol, Number(cells[4]));
  }
  // What was predicted from the first comparison is what came, and how far it was from that.
  const second = await measured();
  for (const protocol of PROTOCOLS) {
    const [before, now] = [first.all.get(protocol)!, second.all.get(protocol)!];
    const roundTrips = 1 + rounds.get(protocol)! / 2;
    const [predictedMs, measuredMs, apartMs] = now.check;
    expect(predictedMs, protocol).toBeCloseTo(before.computingMs + roundTrips * second.roundTripMs, 6);
    // Both are of a question that waits in no queue.
    expect(measuredMs, protocol).toBeLessThan(now.totalMs);
    const readyMs = now.computingMs + roundTrips * second.roundTripMs;
    expect(readyMs, protocol).toBeGreaterThanOrEqual(measuredMs! - 1e-6);
    expect(apartMs, protocol).toBeCloseTo(measuredMs! - predictedMs!, 6);
    expect(now.queueMs, protocol).toBeGreaterThan(0);
  }
  expect(rounds.get('fss')).toBeLessThan(rounds.get('replicated')!);
  expect(rounds.get('replicated')).toBeLessThan(rounds.get('securenn')!);

  // Farther apart, by the keyboard: from 0 to 200 ms each protocol takes as much longer as its rounds wait.
  const predictedMs = async (protocol: string) => (await valuesIn(`what-if-${protocol}`))[0]!;
  await page.getByRole('slider').focus();
  await page.keyboard.press('Home');
  await expect(page.getByText('0 ms', { exact: true }).first()).toBeVisible();
  const near = new Map<string, number>();
  for (const protocol of PROTOCOLS) near.set(protocol, await predictedMs(protocol));
  await page.keyboard.press('End');
  await expect(page.getByText('200 ms', { exact: true }).first()).toBeVisible();
  for (const protocol of PROTOCOLS) {
    const grown = (await predictedMs(protocol)) - near.get(protocol)!;
    expect(grown, protocol).toBeCloseTo(200 * (1 + rounds.get(protocol)! / 2), 6);
  }
});
