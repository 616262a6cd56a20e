import { expect, test } from '../support/demo.js';
import { chooseCompute, draw, expectAnswer, workersReady } from '../support/pad.js';

test('without WebGPU the CPU takes over, and the page says why', async ({ page }) => {
  await workersReady(page);
  await chooseCompute(page, 'WebGPU');
  await draw(page, 7);
  await expectAnswer(page, 7);
  await expect(page.getByTestId('compute')).toContainText('CPU');
  await page.getByRole('button', { name: 'Settings' }).click();
  await expect(page.getByTestId('sharing-report')).toContainText(/no WebGPU|offers no adapter/);
});
