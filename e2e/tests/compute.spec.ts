import { expectAccessibleEverywhere } from '../support/axe.js';
import { expect, test } from '../support/demo.js';
import { chooseCompute, draw, expectAnswer, workersReady } from '../support/pad.js';

test('shares are made on WebGPU or on the CPU, as chosen, with the same answer', async ({ page }) => {
  await workersReady(page);
  await chooseCompute(page, 'WebGPU');
  await draw(page, 3);
  await expectAnswer(page, 3);
  await expect(page.getByTestId('compute')).toContainText('WebGPU');
  await chooseCompute(page, 'CPU');
  await page.getByRole('button', { name: 'Ask again' }).click();
  await expect(page.getByTestId('compute')).toContainText('CPU');
  await expectAnswer(page, 3);
  // The choice outlives the page.
  await page.reload();
  await page.getByRole('button', { name: 'Settings' }).click();
  await expect(page.getByRole('radio', { name: 'CPU' })).toBeChecked();
});

test('the automatic choice is measured, and its figures are shown', async ({ page }) => {
  await workersReady(page);
  await draw(page, 1);
  await expectAnswer(page, 1);
  await page.getByRole('button', { name: 'Settings' }).click();
  await expect(page.getByTestId('sharing-report').getByRole('row')).toHaveCount(2, { timeout: 20_000 });
});

test('WebGPU and CPU give the same bits in this browser, on an accessible page', async ({ page, demo }) => {
  test.setTimeout(120_000);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto(`${demo.url}/selftest.html`);
  await expect(page.getByTestId('verdict')).toContainText('bit for bit', { timeout: 50_000 });
  const differences = await page.getByTestId('differences').allInnerTexts();
  expect(differences.length).toBeGreaterThan(40);
  expect(new Set(differences)).toEqual(new Set(['0']));
  await expectAccessibleEverywhere(page, 'self-test');
});
