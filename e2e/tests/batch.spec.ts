import { readFile } from 'node:fs/promises';
import { IMAGE_SIZE, loadMnist } from '@trivet/mnist';
import { evaluateGraph } from '@trivet/mpc-core';
import { expectAccessibleEverywhere } from '../support/axe.js';
import { expect, test } from '../support/demo.js';
import { workersReady } from '../support/pad.js';

const COUNT = 1000;

// For axe: colours that fade are neither of two.
test.use({ reducedMotion: 'reduce', opens: '/batch' });

test.beforeEach(async ({ page }) => {
  await workersReady(page);
});

test('a thousand test digits get the classes of the model in the clear, and can be saved', async ({
  page,
  demo,
}) => {
  test.setTimeout(180_000);
  await page.getByRole('button', { name: 'Load test digits' }).click();
  await expect(page.getByRole('heading', { name: '1,000 pictures' })).toBeVisible();
  await page.getByRole('button', { name: 'Classify privately' }).click();
  await expect(page.getByText('Done.')).toBeVisible({ timeout: 150_000 });

  const { images, labels } = await loadMnist('test');
  const inputs = Float64Array.from(images.subarray(0, COUNT * IMAGE_SIZE), (pixel) => pixel / 255);
  const logits = evaluateGraph(demo.graph, inputs, COUNT);
  const answers = Array.from({ length: COUNT }, (_, index) => {
    const row = logits.slice(10 * index, 10 * index + 10);
    return row.indexOf(Math.max(...row));
  });
  const right = answers.filter((answer, index) => answer === labels[index]).length;
  await expect(page.getByTestId('accuracy')).toContainText(`${right} of 1,000`);
  await expect(page.getByTestId('mistake')).toHaveCount(Math.min(36, COUNT - right));

  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'JSON' }).click();
  const saved = JSON.parse(await readFile(await (await download).path(), 'utf8'));
  expect(saved.results.map((row: { answer: number }) => row.answer)).toEqual(answers);

  // A cell of the confusion matrix shows its pictures.
  const cell = page.getByRole('button', { name: /was read as/ }).first();
  const count = Number(await cell.textContent());
  await cell.click();
  await expect(page.getByTestId('mistake')).toHaveCount(count);
});

test('a run is cancelled at once and keeps what was answered', async ({ page }) => {
  await page.getByRole('radio', { name: 'all 10,000' }).check({ force: true });
  await page.getByRole('button', { name: 'Load test digits' }).click();
  await page.getByRole('button', { name: 'Classify privately' }).click();
  const bar = page.getByRole('progressbar', { name: 'Pictures classified' });
  await expect(bar).not.toHaveAttribute('aria-valuenow', '0', { timeout: 30_000 });
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText(/^Cancelled after [\d,]+ pictures/)).toBeVisible();
  const kept = await bar.getAttribute('aria-valuenow');
  // The workers are free again: another run begins from the start, and nothing of the old one is added.
  await page.getByRole('radio', { name: '100', exact: true }).check({ force: true });
  await page.getByRole('button', { name: 'Load test digits' }).click();
  await expect(page.getByRole('heading', { name: '100 pictures' })).toBeVisible();
  await page.getByRole('button', { name: 'Classify privately' }).click();
  await expect(page.getByText('Done.')).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText('100 of 100', { exact: true })).toBeVisible();
  expect(Number(kept)).toBeLessThan(1);
});

test('a sheet and a labelled folder of pictures are read, and what is no picture is named', async ({
  page,
}) => {
  const { images, labels } = await loadMnist('test');
  const png = async (indices: readonly number[], columns: number) => {
    const pixels = indices.map((index) => [...images.subarray(index * IMAGE_SIZE, (index + 1) * IMAGE_SIZE)]);
    const base64 = await page.evaluate(
      async ({ pixels, columns }) => {
        const rows = Math.ceil(pixels.length / columns);
        const canvas = new OffscreenCanvas(28 * columns, 28 * rows);
        const context = canvas.getContext('2d')!;
        context.fillStyle = '#fff';
        context.fillRect(0, 0, canvas.width, canvas.height);
        pixels.forEach((image, cell) => {
          image.forEach((value, at) => {
            context.fillStyle = `rgb(0 0 0 / ${value / 255})`;
            const x = 28 * (cell % columns) + (at % 28);
            context.fillRect(x, 28 * Math.floor(cell / columns) + Math.floor(at / 28), 1, 1);
          });
        });
        const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
        return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
      },
      { pixels, columns },
    );
    return Buffer.from(base64, 'base64');
  };
  const buffer = await png([0, 1, 2, 3, 4, 5], 3);
  const files = page.getByLabel('Picture or IDX files');
  await files.setInputFiles([
    { name: 'sheet.png', mimeType: 'image/png', buffer },
    { name: `${labels[7]}.png`, mimeType: 'image/png', buffer: await png([7], 1) },
    { name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('not a picture') },
  ]);
  await expect(page.getByRole('heading', { name: '7 pictures' })).toBeVisible();
  await expect(page.getByText('broken.png: not a picture that the browser can read.')).toBeVisible();
  await expectAccessibleEverywhere(page, 'files that were left out');
  await page.getByRole('button', { name: 'Classify privately' }).click();
  await expect(page.getByText('Done.')).toBeVisible();
  await expect(page.getByTestId('accuracy')).toContainText('1 of 1');
});
