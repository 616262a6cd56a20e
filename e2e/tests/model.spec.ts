import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, MODEL_NAME, test } from '../support/demo.js';
import { KERAS_HDF5_FILE, kerasArchive } from '../support/keras-files.js';
import { draw, expectAnswer, workersReady } from '../support/pad.js';

const FOLDER = dirname(fileURLToPath(new URL('../../models/mnist/model.json', import.meta.url)));
const FILES = ['model.json', 'group1-shard1of1.bin'].map((file) => join(FOLDER, file));

test.use({ opens: '/model' });

test.beforeEach(async ({ page }) => {
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

const KERAS_FILES = [
  {
    file: async () => ({ name: 'digits.keras', mimeType: '', buffer: await kerasArchive() }),
    name: 'mnist_cnn',
    format: 'Keras archive',
    layers: [
      'conv1',
      'pool1',
      'relu1',
      'conv2',
      'pool2',
      'relu2',
      'conv3',
      'pool3',
      'relu3',
      'flatten',
      'dense',
    ],
  },
  {
    file: async () => KERAS_HDF5_FILE,
    name: 'short-conv-mnist',
    format: 'Keras HDF5',
    layers: ['conv2d', 'average_pooling2d', 'activation', 'conv2d_1', 'dense'],
  },
];

for (const { file, name, format, layers } of KERAS_FILES) {
  test(`a ${format} file is read, shared, served, and answers`, async ({ page, demo }) => {
    test.setTimeout(90_000);
    await page.getByLabel('Model files').setInputFiles(await file());
    const inspection = page.getByTestId('inspection');
    await expect(inspection).toContainText(format);
    const rows = (caption: string) =>
      inspection.getByRole('table', { name: caption }).getByRole('rowheader').allTextContents();
    expect(await rows('Layers')).toEqual(expect.arrayContaining(layers));
    // How large each step's values get, and what is left above them.
    const report = inspection.getByRole('table', { name: /^What the workers run/ });
    const left = await report.locator('tbody tr td:last-child').allTextContents();
    expect(left.length).toBeGreaterThan(3);
    for (const bits of left) expect(Number(bits), `${bits} bits left`).toBeGreaterThan(0);
    expect(await rows('Cost of one input, as each protocol declares it')).toEqual(
      expect.arrayContaining(['replicated', 'fss', 'securenn']),
    );

    await page
      .getByLabel('Owner key file')
      .setInputFiles({ name: 'owner.key', mimeType: '', buffer: Buffer.from(demo.cluster.ownerSecretKey) });
    await expect(page.getByRole('textbox', { name: 'Name' })).toHaveValue(name);
    await page.getByRole('button', { name: 'Share among three workers' }).click();
    const model = page.getByTestId(`model-${name}`);
    await expect(model).toContainText('answers nobody', { timeout: 30_000 });
    await model.getByRole('button', { name: 'Serve' }).click();
    await model.getByRole('button', { name: 'Start serving' }).click();
    await expect(model).toContainText('version 1 answers');

    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('combobox', { name: 'Model' }).selectOption(name);
    await page.getByRole('button', { name: 'Close the settings' }).click();
    await page.getByRole('link', { name: 'Draw', exact: true }).click();
    await page
      .getByRole('button', { name: /^A handwritten 7/ })
      .first()
      .click();
    await expectAnswer(page, 7);
    await page.getByRole('link', { name: 'Model', exact: true }).click();
    await expect(model.getByTestId('served')).toContainText(/: [1-9]\d* served/);
    // The tests after this one have the cluster as it was.
    await model.getByRole('button', { name: 'Stop' }).click();
    await model.getByRole('button', { name: 'Remove' }).click();
    await expect(model).toHaveCount(0);
  });
}

test('what lacks a part or is no key is refused in a sentence', async ({ page }) => {
  const text = (name: string, body: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(body) });
  await page.getByLabel('Model files').setInputFiles(FILES.slice(0, 1));
  await expect(page.getByRole('alert')).toContainText('group1-shard1of1.bin is missing');
  await page.getByLabel('Owner key file').setInputFiles([text('owner.key', 'nothing')]);
  await expect(page.getByRole('alert')).toContainText('This is no owner key');
});
