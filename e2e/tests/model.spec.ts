import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, MODEL_NAME, test } from '../support/demo.js';
import { draw, expectAnswer, workersReady } from '../support/pad.js';

const FOLDER = dirname(fileURLToPath(new URL('../../models/mnist/model.json', import.meta.url)));
const FILES = ['model.json', 'group1-shard1of1.bin'].map((file) => join(FOLDER, file));

test.beforeEach(async ({ page, demo }) => {
  await page.goto(`${demo.url}/model`);
  await workersReady(page);
});

test('an owner shares a version that tells its class alone, switches, rolls back, stops and serves again', async ({
  page,
  demo,
}) => {
  await page.getByLabel('Model files').setInputFiles(FILES);
  const inspection = page.getByTestId('inspection');
  await expect(inspection).toContainText('Conv2D');
  const cost = () =>
    inspection
      .getByRole('row', { name: /^replicated/ })
      .getByRole('cell')
      .first();
  const rounds = Number(await cost().textContent());
  // What it tells is a part of it: the page reads it anew, and says what that costs.
  await page.getByRole('radio', { name: 'The class' }).check({ force: true });
  await expect(inspection).toContainText('Clients receive the class alone.');
  expect(Number(await cost().textContent())).toBeGreaterThan(rounds);

  const folder = await mkdtemp(join(tmpdir(), 'trivet-key-'));
  const keyFile = join(folder, 'owner.key');
  await writeFile(keyFile, `${demo.cluster.ownerSecretKey}\n`);
  try {
    await page.getByLabel('Owner key file').setInputFiles(keyFile);
    await page.getByRole('textbox', { name: 'Name' }).fill(MODEL_NAME);
  } finally {
    await rm(folder, { recursive: true });
  }
  const model = page.getByTestId(`model-${MODEL_NAME}`);
  await expect(model).toContainText('version 1 answers');
  await page.getByRole('button', { name: 'Share among three workers' }).click();
  await model.getByRole('button', { name: 'Switch to it' }).click();
  await expect(model).toContainText('version 2 answers');
  await expect(model).toContainText('tells the class alone');

  // The new version answers, and its count is seen to grow.
  await page.getByRole('link', { name: 'Draw', exact: true }).click();
  await draw(page, 7);
  await expectAnswer(page, 7);
  await expect(page.getByTestId('classes-only')).toBeVisible();
  await page.getByRole('link', { name: 'Model', exact: true }).click();
  await expect(model.getByTestId('served')).not.toContainText(/: 0 served/);

  await model.getByRole('button', { name: 'Roll back' }).click();
  await expect(model).toContainText('version 1 answers');
  await model.getByRole('button', { name: 'Stop' }).click();
  await expect(model).toContainText('answers nobody');
  await model.getByRole('button', { name: 'Serve' }).last().click();
  await page.getByLabel('Images to answer').fill('1000');
  await page.getByRole('button', { name: 'Start serving' }).click();
  // The page may have asked about the digit again by then.
  await expect(model).toContainText(/[01] of 1,000 served/);

  // The key is gone from the page, and the page knows nothing of the owner's models any more.
  await page.getByRole('button', { name: 'Forget the key' }).click();
  await expect(model).toHaveCount(0);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  expect(kept).not.toContain(demo.cluster.ownerSecretKey);
});

test('what lacks a part or is no key is refused in a sentence', async ({ page }) => {
  const text = (name: string, body: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(body) });
  await page.getByLabel('Model files').setInputFiles(FILES.slice(0, 1));
  await expect(page.getByRole('alert')).toContainText('group1-shard1of1.bin is missing');
  await page.getByLabel('Owner key file').setInputFiles([text('owner.key', 'nothing')]);
  await expect(page.getByRole('alert')).toContainText('This is no owner key');
});
