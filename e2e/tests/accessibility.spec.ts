/** The states that no walk goes through: empty, loading, wrong, refused, away, offline. Each by day and by night, wide and narrow. */

import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { ModelOwner } from '@trivet/client';
import { compileModelFile, MNIST_CLASSES, MNIST_INPUT_RANGE, MNIST_PREPROCESSING } from '@trivet/node';
import { expectAccessibleEverywhere } from '../support/axe.js';
import { type Demo, expect, MODEL_NAME, test } from '../support/demo.js';
import { held } from '../support/held.js';
import { KERAS_HDF5_FILE } from '../support/keras-files.js';
import { draw, expectAnswer, workersReady } from '../support/pad.js';

const MODEL_FILE = fileURLToPath(new URL('../../models/mnist/model.json', import.meta.url));
const SILENT = 'silent';

test.use({ reducedMotion: 'reduce' });

const turnTo = (page: Page, name: string) => page.getByRole('link', { name, exact: true }).click();
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const text = (name: string, body: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(body) });

async function takeSeven(page: Page): Promise<void> {
  await page
    .getByRole('button', { name: /^A handwritten 7/ })
    .first()
    .click();
}

test('pages with nothing on them yet, no page at all, and one that does not load', async ({ page, demo }) => {
  for (const path of ['see', 'compare', 'model', 'nowhere']) {
    await page.goto(`${demo.url}/${path}`);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expectAccessibleEverywhere(page, path);
  }
  await page.route('**/assets/workers-page-*.js', (route) => route.abort());
  await turnTo(page, 'Workers');
  await expect(page.getByRole('alert')).toContainText('Part of it did not load');
  await expectAccessibleEverywhere(page, 'a page that does not load');
});

test('a cluster file that takes its time, and one that is broken', async ({ page, demo }) => {
  const file = await held(page, '**/cluster.json', { contentType: 'application/json', body: '{"format":1' });
  await page.goto(`${demo.url}/workers`);
  await expect(page.getByTestId(/^card-\d$/)).toHaveCount(3);
  await expectAccessibleEverywhere(page, 'connecting');
  await turnTo(page, 'Draw');
  file.release();
  await expect(page.getByRole('alert')).toContainText('cluster.json beside this page is not');
  await expectAccessibleEverywhere(page, 'a broken cluster file');
});

test('files that are dropped, pasted, read and refused', async ({ page, demo }) => {
  await page.goto(`${demo.url}/model`);
  await workersReady(page);
  const sheet = page.getByRole('region', { name: '1. Choose a model' });
  const alert = page.getByRole('alert');
  const transfer = (kind: 'text' | 'model' | 'picture') =>
    page.evaluateHandle(async (what) => {
      const given = new DataTransfer();
      const add = async (path: string, name: string, type: string) =>
        given.items.add(new File([await (await fetch(path)).blob()], name, { type }));
      if (what === 'text') given.setData('text/plain', '7');
      else if (what === 'picture') {
        const canvas = new OffscreenCanvas(100, 140);
        const context = canvas.getContext('2d')!;
        context.fillStyle = 'white';
        context.fillRect(0, 0, 100, 140);
        context.fillStyle = 'black';
        context.fillRect(45, 20, 12, 100);
        given.items.add(new File([await canvas.convertToBlob()], '1.png', { type: 'image/png' }));
      } else {
        await add('/models/mnist/model.json', 'model.json', 'application/json');
        await add('/models/mnist/group1-shard1of1.bin', 'group1-shard1of1.bin', '');
      }
      return given;
    }, kind);

  await sheet.dispatchEvent('drop', { dataTransfer: await transfer('text') });
  await expect(alert).toContainText('What was dropped here is not a file.');
  await page.getByLabel('to', { exact: true }).fill('-1');
  await expect(alert.first()).toContainText('a larger largest number');
  await expectAccessibleEverywhere(page, 'no file, and no range');
  await page.getByLabel('to', { exact: true }).fill('1');
  await page.getByLabel('Model files').setInputFiles([text('notes.txt', 'hello')]);
  await expect(alert).toContainText('no model that can be read');
  await expectAccessibleEverywhere(page, 'no model');

  const model = await transfer('model');
  await sheet.dispatchEvent('dragover', { dataTransfer: model });
  await expect(sheet).toHaveAttribute('data-dropping', 'true');
  await sheet.dispatchEvent('drop', { dataTransfer: model });
  await expect(page.getByTestId('inspection')).toContainText('Conv2D');
  await page.getByLabel('Model files').setInputFiles(KERAS_HDF5_FILE);
  await expect(page.getByTestId('inspection')).toContainText('short-conv-mnist.h5');
  await page.getByRole('radio', { name: 'The best few' }).check({ force: true });
  await expect(page.getByTestId('inspection')).toContainText('the best 3 classes, in order');
  const key = page.getByLabel('Owner key file');
  await key.setInputFiles([text('owner.key', '1'.repeat(64))]);
  await expect(alert).toContainText('refused');
  await expectAccessibleEverywhere(page, 'a model that tells its best three, and a key that is refused');
  await key.setInputFiles([text('owner.key', demo.cluster.ownerSecretKey)]);
  await expect(page.getByTestId('will-reveal')).toContainText('the best 3 classes');
  await button(page, 'Stop').click();
  await button(page, 'Serve').click();
  await expectAccessibleEverywhere(page, 'signed in, with a model to share and one to serve');
  await button(page, 'Start serving').click();
  await expect(page.getByTestId('model-mnist')).toContainText('version 1 answers');

  await turnTo(page, 'Batch');
  const digits = await held(page, '**/mnist/t10k-labels*');
  await button(page, 'Load test digits').click();
  await expect(page.getByRole('progressbar', { name: 'Reading pictures' })).toBeVisible();
  await expectAccessibleEverywhere(page, 'pictures are read');
  await button(page, 'Cancel').click();
  digits.release();
  await page.getByLabel('Picture or IDX files').setInputFiles([text('notes.txt', 'hello')]);
  await expect(alert).toContainText('notes.txt: neither a picture nor an IDX file.');
  await expectAccessibleEverywhere(page, 'no picture');
  await page.evaluate(
    (clipboardData) => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData })),
    await transfer('picture'),
  );
  await expect(page.getByRole('heading', { name: '1 picture' })).toBeVisible();

  const run = await held(page, '**/assets/run-batch-*.js');
  await button(page, 'Classify privately').click();
  await expect(button(page, 'Cancel')).toBeVisible();
  await expectAccessibleEverywhere(page, 'a batch runs');
  await button(page, 'Cancel').click();
  await expect(page.getByText('Cancelled after 0 pictures.')).toBeVisible();
  await expectAccessibleEverywhere(page, 'a batch was cancelled');
  run.release();

  await turnTo(page, 'Compare');
  await takeSeven(page);
  const inTheClear = await held(page, '**/models/mnist/*');
  await button(page, 'Compare').click();
  await expect(page.getByText('Measuring in the clear …')).toBeVisible();
  await expectAccessibleEverywhere(page, 'comparing');
  await button(page, 'Cancel').click();
  await expect(button(page, 'Compare again')).toBeEnabled();
  inTheClear.release();
});

test('a model that tells its class alone, and wants a token', async ({ page, demo }) => {
  test.setTimeout(180_000);
  const token = await shareSilent(demo);
  await workersReady(page);
  const settings = button(page, 'Settings');
  const alert = page.getByRole('alert');
  const showToken = async (shown: string, outcome: string) => {
    await settings.click();
    await page.getByLabel('Token, for a model that needs one').fill(shown);
    await button(page, 'Use').click();
    await expect(page.getByRole('dialog')).toContainText(outcome);
    await expectAccessibleEverywhere(page, outcome);
    await button(page, 'Close the settings').click();
  };

  // Where nothing is open the workers show no model.
  await turnTo(page, 'Workers');
  await expect(page.getByTestId('fault')).toContainText('No model is open to this page');
  await expect(page.getByTestId('fault')).toBeVisible();
  await expectAccessibleEverywhere(page, 'workers that show no model');
  await turnTo(page, 'Draw');
  await takeSeven(page);
  await expect(alert).toContainText('Put the token');
  await expectAccessibleEverywhere(page, 'an answer that is refused');

  await showToken(`trivet_${'0'.repeat(64)}`, 'does not know');
  await showToken(token, 'All three workers accept it.');
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  expect(kept).not.toContain(token);

  await turnTo(page, 'Batch');
  await page.getByRole('radio', { name: '100', exact: true }).check({ force: true });
  await button(page, 'Load test digits').click();
  await button(page, 'Classify privately').click();
  await expect(page.getByText('Done.')).toBeVisible({ timeout: 60_000 });
  await expect(page.getByTestId('classes-only')).toContainText('its digits and nothing else');
  await expectAccessibleEverywhere(page, 'a batch of classes');
  await turnTo(page, 'Draw');
  await expectAnswer(page, 7);
  await expect(page.getByTestId('classes-only')).toContainText('its digit and nothing else');
  await expectAccessibleEverywhere(page, 'an answer that is a class');
  await turnTo(page, 'See it');
  await page.getByRole('button', { name: /Your answer/ }).click();
  await expect(page.getByRole('list', { name: 'Digits, the best first' })).toHaveText('7');
  await expectAccessibleEverywhere(page, 'the story of a class');
  await turnTo(page, 'Compare');
  await button(page, 'Compare').click();
  await expect(page.getByTestId('protocol-securenn')).toContainText('not told: same answer', {
    timeout: 60_000,
  });
  await expect(page.getByTestId('plaintext').getByRole('cell').first()).toHaveText('7');
  await expectAccessibleEverywhere(page, 'classes compared');
  await removeSilent(demo);
});

/** Closes the model that was open, and serves one that tells its class alone. @returns a token for that one */
function shareSilent(demo: Demo): Promise<string> {
  return asOwner(demo, async (owner) => {
    const { compiled } = await compileModelFile(MODEL_FILE, MNIST_INPUT_RANGE, 'label');
    await owner.share({
      name: SILENT,
      compiled,
      preprocessing: MNIST_PREPROCESSING,
      inputRange: MNIST_INPUT_RANGE,
      labels: [...MNIST_CLASSES],
    });
    await owner.startServing(SILENT, { access: 'tokens' });
    await owner.access.setMode(MODEL_NAME, 'tokens');
    return (await owner.access.createToken({ name: 'reader', models: [SILENT] })).token;
  });
}

/** The tests after this one have the cluster as it was. */
function removeSilent(demo: Demo): Promise<void> {
  return asOwner(demo, async (owner) => {
    await owner.stop(SILENT);
    await owner.removeVersion(SILENT, 1);
    await owner.access.setMode(MODEL_NAME, 'local');
  });
}

async function asOwner<T>({ cluster }: Demo, work: (owner: ModelOwner) => Promise<T>): Promise<T> {
  const { workers, clusterId } = cluster.cluster;
  const owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey: cluster.ownerSecretKey });
  try {
    return await work(owner);
  } finally {
    owner.close();
  }
}

test('while a worker is asked, is away, and while this device is offline', async ({
  page,
  demo,
  context,
}) => {
  test.setTimeout(120_000);
  await workersReady(page);
  const carol = demo.cluster.workers[2];
  // It takes the question and does not answer.
  process.kill(carol.pid!, 'SIGSTOP');
  await draw(page, 1);
  await expect(page.locator('section[aria-busy="true"]')).toBeVisible();
  await expectAccessibleEverywhere(page, 'asking');
  await carol.stop('SIGKILL');
  await expect(page.getByTestId('worker-carol')).toHaveAttribute('data-level', 'away');
  await expect(page.getByRole('alert')).toBeVisible();
  await expectAccessibleEverywhere(page, 'no answer');
  await turnTo(page, 'See it');
  await expect(page.getByRole('alert')).toBeVisible();
  await expectAccessibleEverywhere(page, 'nothing to see');
  await turnTo(page, 'Workers');
  await expect(page.getByTestId('fault').first()).toContainText('carol is away');
  await expectAccessibleEverywhere(page, 'a fault');
  await turnTo(page, 'Batch');
  await context.setOffline(true);
  await expect(page.getByText('This device is offline.')).toBeVisible();
  await button(page, 'Load test digits').click();
  await expect(page.getByRole('alert')).toContainText('Is this device offline?');
  await expectAccessibleEverywhere(page, 'offline');
  await context.setOffline(false);
  await button(page, 'Load test digits').click();
  await expect(button(page, 'Classify privately')).toBeDisabled();
  await expectAccessibleEverywhere(page, 'pictures, and nobody to ask');
  carol.start();
  await demo.cluster.ready();
});
