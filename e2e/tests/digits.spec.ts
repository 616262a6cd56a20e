import type { Page } from '@playwright/test';
import { IMAGE_SIZE, loadMnist } from '@trivet/mnist';
import { evaluateGraph } from '@trivet/mpc-core';
import { expect, test } from '../support/demo.js';
import { fingers } from '../support/hands.js';
import { DRAWINGS, draw, expectAnswer, workersReady } from '../support/pad.js';

test.beforeEach(({ page }) => workersReady(page));

test('digits drawn with the mouse are read', async ({ page }) => {
  for (const digit of Object.keys(DRAWINGS).map(Number)) {
    await draw(page, digit);
    await expectAnswer(page, digit);
    await page.getByRole('button', { name: 'Clear' }).click();
    await expect(page.getByTestId('answer')).toContainText('No answer yet');
  }
});

test('test digits get the class and the logits of the model in the clear', async ({ page, demo }) => {
  const { images } = await loadMnist('test');
  const samples = page.getByRole('button', { name: /^A handwritten/ });
  await expect(samples).toHaveCount(20);
  await page.getByText('Logits', { exact: true }).click();
  for (const sample of await samples.all()) {
    const index = Number(/number (\d+)/.exec((await sample.getAttribute('aria-label'))!)![1]);
    const pixels = images.subarray(index * IMAGE_SIZE, (index + 1) * IMAGE_SIZE);
    const expected = evaluateGraph(
      demo.graph,
      Float64Array.from(pixels, (pixel) => pixel / 255),
      1,
    );
    await sample.click();
    // Retried as a whole: until the new answer is there, the page shows the one before.
    await expect(async () => {
      await expectAnswer(page, expected.indexOf(Math.max(...expected)));
      const logits = await page.getByTestId('logits').getByRole('listitem').allInnerTexts();
      expect(logits).toHaveLength(10);
      logits.forEach((text, digit) => {
        const logit = Number(text.trim().split(/\s+/)[1]);
        expect(Math.abs(logit - expected[digit]!), `image ${index}, logit ${digit}`).toBeLessThan(0.002);
      });
    }).toPass({ timeout: 10_000 });
  }
});

test('what is being drawn can be taken back before it is done', async ({ page }) => {
  const pad = page.getByLabel('Drawing pad');
  const undo = page.getByRole('button', { name: 'Undo' });
  const seen = page.getByRole('img', { name: /as the model will see it/ });
  const stroke = async () => {
    await page.keyboard.press('Space');
    for (let step = 0; step < 6; step++) await page.keyboard.press('ArrowDown');
    await expect(seen).toBeVisible();
    await expect(undo).toBeEnabled();
  };
  await pad.focus();
  await expect(undo).toBeDisabled();
  await stroke();
  await page.keyboard.press('Delete');
  await expect(page.getByRole('img', { name: 'No digit yet' })).toBeVisible();
  await expect(undo).toBeDisabled();
  expect(await hasInk(page)).toBe(false);
  await stroke();
  await page.keyboard.press('Control+z');
  await expect(page.getByRole('img', { name: 'No digit yet' })).toBeVisible();
  expect(await hasInk(page)).toBe(false);
  // A second stroke that is taken back leaves the first.
  await draw(page, 1);
  await expectAnswer(page, 1);
  await pad.focus();
  await stroke();
  await page.keyboard.press('Control+z');
  await expectAnswer(page, 1);
  expect(await hasInk(page)).toBe(true);
});

/** Whether anything is on the pad itself. */
function hasInk(page: Page): Promise<boolean> {
  return page.getByLabel('Drawing pad').evaluate((canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
    return data.some((value, at) => at % 4 === 3 && value > 0);
  });
}

test('undo and clear take back drawing and answer', async ({ page }) => {
  await draw(page, 7);
  await expectAnswer(page, 7);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByTestId('answer')).toContainText('No answer yet');
  await draw(page, 1);
  await expectAnswer(page, 1);
  await page.getByRole('button', { name: 'Clear' }).click();
  await expect(page.getByRole('img', { name: 'No digit yet' })).toBeVisible();
});

test.describe('with fingers', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  test('a tap on Undo right after a quick stroke is heard', async ({ page }) => {
    const hands = fingers(page);
    await hands.drawOne();
    await hands.press(page.getByRole('button', { name: 'Undo' }));
    await expect(page.getByRole('img', { name: 'No digit yet' })).toBeVisible();
  });
});

test('each worker is shown the bytes it was sent: noise that differs every time', async ({ page }) => {
  const printed = () =>
    page
      .getByRole('img', { name: /^The bytes sent to/ })
      .evaluateAll((all) => all.map((canvas) => (canvas as HTMLCanvasElement).toDataURL()));
  await page
    .getByRole('button', { name: /^A handwritten 0/ })
    .first()
    .click();
  await expectAnswer(page, 0);
  // The pictures come after the answer.
  await expect.poll(async () => new Set(await printed()).size).toBe(3);
  const first = await printed();
  await expect(page.getByText('two seeds')).toHaveCount(1);
  await expect(page.getByText('a seed and a share')).toHaveCount(2);
  await page.getByRole('button', { name: 'Ask again' }).click();
  await expect
    .poll(async () => (await printed()).filter((picture) => first.includes(picture)).length)
    .toBe(0);
  await expectAnswer(page, 0);
});

test('a picture file with dark ink on light paper is read', async ({ page }) => {
  const { images, labels } = await loadMnist('test');
  const index = labels.indexOf(6);
  const pixels = [...images.subarray(index * IMAGE_SIZE, (index + 1) * IMAGE_SIZE)];
  const png = await page.evaluate(async (grey) => {
    const canvas = new OffscreenCanvas(280, 360);
    const context = canvas.getContext('2d')!;
    context.fillStyle = 'rgb(231, 226, 214)';
    context.fillRect(0, 0, 280, 360);
    grey.forEach((value, at) => {
      context.fillStyle = `rgb(40 45 90 / ${value / 255})`;
      context.fillRect((at % 28) * 10, 40 + Math.floor(at / 28) * 10, 10, 10);
    });
    const blob = await canvas.convertToBlob({ type: 'image/png' });
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, pixels);
  await page
    .getByLabel('Picture file')
    .setInputFiles({ name: 'six.png', mimeType: 'image/png', buffer: Buffer.from(png) });
  await expectAnswer(page, 6);
  await page
    .getByLabel('Picture file')
    .setInputFiles({ name: 'six.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  await expect(page.getByText('This file is not a picture that the browser can read.')).toBeVisible();
});
