import { expect, test } from '../support/demo.js';
import { holdBackGpu } from '../support/gpu.js';
import { workersReady } from '../support/pad.js';

test('one digit in the clear and under a protocol: same answer, logits apart by rounding', async ({
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
  const cells = await page.getByTestId('protocol-replicated').getByRole('cell').allTextContents();
  expect(cells[0]).toBe('7');
  expect(Number(cells[1])).toBeLessThan(0.002);
  expect(Number(cells[3])).toBeGreaterThan(5);

  // Farther apart, slower: by the keyboard.
  const predicted = page.getByTestId('what-if-replicated');
  const before = await predicted.textContent();
  await page.getByRole('slider').focus();
  await page.keyboard.press('End');
  await expect(predicted).not.toHaveText(before!);
});
