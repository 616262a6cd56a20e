import { expect, test } from '../support/demo.js';
import { holdBackGpu } from '../support/gpu.js';
import { workersReady } from '../support/pad.js';

const PROTOCOLS = ['replicated', 'fss', 'securenn'];

test('one digit in the clear and under each protocol: same answer, logits apart by rounding', async ({
  page,
  demo,
}) => {
  test.setTimeout(120_000);
  await page.goto(`${demo.url}/compare`);
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
  await compare('Compare');
  await gpu.release();
  await expect(page.getByTestId('sharing-report').locator('tr')).toHaveCount(2, { timeout: 20_000 });
  await compare('Compare again');
  const rounds = new Map<string, number>();
  for (const protocol of PROTOCOLS) {
    const row = page.getByTestId(`protocol-${protocol}`);
    const cells = await row.getByRole('cell').allTextContents();
    expect(cells[0], protocol).toBe('7');
    expect(Number(cells[1]), protocol).toBeLessThan(0.002);
    rounds.set(protocol, Number(cells[3]));
  }
  expect(rounds.get('fss')).toBeLessThan(rounds.get('replicated')!);
  expect(rounds.get('replicated')).toBeLessThan(rounds.get('securenn')!);

  // Farther apart, by the keyboard: from 0 to 200 ms each protocol takes as much longer as its rounds wait.
  const predictedMs = async (protocol: string) => {
    const text = (await page.getByTestId(`what-if-${protocol}`).locator('b').textContent())!;
    return Number.parseFloat(text) * (text.endsWith(' ms') ? 1 : 1000);
  };
  await page.getByRole('slider').focus();
  await page.keyboard.press('Home');
  const near = new Map<string, number>();
  for (const protocol of PROTOCOLS) near.set(protocol, await predictedMs(protocol));
  await page.keyboard.press('End');
  await expect(page.getByText('200 ms', { exact: true }).first()).toBeVisible();
  for (const protocol of PROTOCOLS) {
    const grown = (await predictedMs(protocol)) - near.get(protocol)!;
    // Shown to a tenth of a second.
    expect(Math.abs(grown - 200 * (1.5 + rounds.get(protocol)! / 2)), protocol).toBeLessThan(110);
    // And each prediction stands beside what was measured.
    await expect(page.getByTestId(`what-if-${protocol}`).getByTestId('check')).toHaveText(
      /predicted [\d.]+ m?s, measured [\d.]+ m?s/,
    );
  }
});
