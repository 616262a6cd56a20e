/**
 * Walks every page as a person would: with a mouse, with fingers and with the keys alone, on a screen and on a phone, by
 * day and by night. In every state on the way axe looks for obstacles, and each page is compared with its picture.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Locator, Page } from '@playwright/test';
import { expectAccessible } from '../support/axe.js';
import { type Demo, expect, test } from '../support/demo.js';
import { fingers, type Hands, keys, mouse } from '../support/hands.js';
import { expectLook } from '../support/look.js';
import { expectAnswer, workersReady } from '../support/pad.js';

const MODEL = fileURLToPath(new URL('../../models/mnist', import.meta.url));
const SCREEN = { viewport: { width: 1280, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

const WALKS = [
  { name: 'screen, light, mouse', hands: mouse, use: { ...SCREEN, colorScheme: 'light' } },
  {
    name: 'screen, dark, keys',
    hands: keys,
    use: { ...SCREEN, colorScheme: 'dark', reducedMotion: 'reduce' },
  },
  { name: 'phone, light, fingers', hands: fingers, use: { ...PHONE, colorScheme: 'light' } },
  { name: 'phone, dark, fingers', hands: fingers, use: { ...PHONE, colorScheme: 'dark' } },
] as const;

interface Walk {
  readonly page: Page;
  readonly demo: Demo;
  readonly hands: Hands;
  readonly name: string;
}

/** Goes on to another page by its link. */
async function turnTo({ page, hands }: Walk, name: string): Promise<void> {
  await hands.press(page.getByRole('link', { name, exact: true }));
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
}

async function openFiles({ page, hands }: Walk, button: Locator, files: readonly string[]): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await hands.press(button);
  await (await chooser).setFiles([...files]);
}

async function drawing(walk: Walk): Promise<void> {
  const { page, hands } = walk;
  await workersReady(page);
  await expectAccessible(page, 'nothing drawn');
  await hands.drawOne();
  await expectAnswer(page, 1);
  await expectAccessible(page, 'an answer');
  await expectLook(page, walk.name, 'draw');
  await hands.press(page.getByRole('button', { name: 'Undo' }));
  await expect(page.getByTestId('answer')).toContainText('No answer yet');
  await hands.press(page.getByRole('button', { name: /^A handwritten 7/ }).first());
  await expectAnswer(page, 7);
}

async function settings(walk: Walk): Promise<void> {
  const { page, hands } = walk;
  await hands.press(page.getByRole('button', { name: 'Settings' }));
  await expect(page.getByRole('dialog')).toBeVisible();
  await hands.choose(page.getByRole('radio', { name: 'CPU' }));
  await expectAccessible(page, 'settings');
  await hands.press(page.getByRole('button', { name: 'Close the settings' }));
  await expect(page.getByRole('dialog')).toBeHidden();
}

async function story(walk: Walk): Promise<void> {
  const { page, hands } = walk;
  await turnTo(walk, 'See it');
  const steps = page.getByRole('region', { name: /step by step/ }).getByRole('listitem');
  await expect(steps).toHaveCount(6);
  for (let step = 1; step < 6; step++) {
    await hands.press(page.getByRole('button', { name: 'Step on' }));
    // The widest one.
    if (step === 3) await expectAccessible(page, 'three workers talk');
  }
  await expect(page.getByRole('button', { name: 'Step on' })).toBeDisabled();
  await expectAccessible(page, 'the last scene');
  await expectLook(page, walk.name, 'see');
  // What each worker saw stands next to what the others saw, whatever the screen.
  const views = page.getByRole('region', { name: 'What each worker saw' }).getByRole('img');
  await expect(views).toHaveCount(3);
  const boxes = await Promise.all((await views.all()).map((view) => view.boundingBox()));
  expect(new Set(boxes.map((box) => Math.round(box!.y))).size).toBe(1);
  expect(boxes[0]!.x + boxes[0]!.width).toBeLessThan(boxes[1]!.x);
  expect(boxes[1]!.x + boxes[1]!.width).toBeLessThan(boxes[2]!.x);
  await page.getByRole('slider', { name: 'Shares added up' }).focus();
  await page.keyboard.press('End');
  await expect(page.getByRole('img', { name: 'The sum of three shares: your digit' })).toBeVisible();
  const download = page.waitForEvent('download');
  await hands.press(page.getByRole('button', { name: 'Save the transcript' }));
  expectSums(JSON.parse(await readFile(await (await download).path(), 'utf8')));
}

interface SavedTranscript {
  readonly fixedPoint: {
    readonly fractionalBits: number;
    readonly outputFractionalBits: number;
    readonly outputBits: number;
  };
  readonly pixels: readonly number[];
  readonly shares: readonly string[];
  readonly workers: readonly { readonly summands: readonly string[] }[];
  readonly logits: readonly number[];
}

/** With the file in hand the sums can be done again: of the shares the digit, of the replies the logits. */
function expectSums({ fixedPoint, pixels, shares, workers, logits }: SavedTranscript): void {
  const { fractionalBits, outputFractionalBits, outputBits } = fixedPoint;
  const words = shares.map((hex) => Buffer.from(hex, 'hex'));
  for (const [index, pixel] of pixels.entries()) {
    const sum = words.reduce((total, bytes) => total + bytes.readBigUInt64LE(8 * index), 0n);
    const number = Number(BigInt.asIntN(64, sum)) / 2 ** fractionalBits;
    expect(Math.abs(number - pixel / 255)).toBeLessThanOrEqual(2 ** -fractionalBits);
  }
  const outputs = logits.map((_, output) => {
    const sum = workers.reduce((total, { summands }) => total + BigInt(summands[output]!), 0n);
    return Number(BigInt.asIntN(64, sum) >> BigInt(64 - outputBits)) / 2 ** outputFractionalBits;
  });
  expect(outputs).toEqual(logits);
}

async function batch(walk: Walk): Promise<void> {
  const { page, hands } = walk;
  await turnTo(walk, 'Batch');
  await expectAccessible(page, 'no pictures');
  await hands.choose(page.getByRole('radio', { name: '100', exact: true }));
  await hands.press(page.getByRole('button', { name: 'Load test digits' }));
  await hands.press(page.getByRole('button', { name: 'Classify privately' }));
  await expect(page.getByText('Done.')).toBeVisible({ timeout: 60_000 });
  await expectAccessible(page, 'a batch is done');
  await expectLook(page, walk.name, 'batch');
}

async function compare(walk: Walk): Promise<void> {
  const { page, hands } = walk;
  await turnTo(walk, 'Compare');
  await hands.press(page.getByRole('button', { name: 'Compare', exact: true }));
  await expect(page.getByRole('button', { name: 'Compare again' })).toBeEnabled({ timeout: 100_000 });
  await expect(page.getByTestId('plaintext').getByRole('cell').first()).toHaveText('7');
  await expectAccessible(page, 'compared');
  await expectLook(page, walk.name, 'compare');
}

async function model(walk: Walk): Promise<void> {
  const { page, demo } = walk;
  await turnTo(walk, 'Model');
  const files = ['model.json', 'group1-shard1of1.bin'].map((file) => join(MODEL, file));
  await openFiles(walk, page.getByRole('button', { name: 'Open files' }), files);
  await expect(page.getByTestId('inspection')).toContainText('Conv2D');
  await expectLook(page, walk.name, 'model');
  const key = join(demo.cluster.directory, 'owner.key');
  await openFiles(walk, page.getByRole('button', { name: 'Open the owner key' }), [key]);
  await expect(page.getByTestId('model-mnist')).toContainText('version 1 answers');
  await expectAccessible(page, 'signed in');
}

async function workers(walk: Walk): Promise<void> {
  const { page } = walk;
  await turnTo(walk, 'Workers');
  await expect(page.getByTestId('card-carol')).toHaveAttribute('data-level', 'ready');
  const charts = page.getByRole('figure').locator('canvas');
  await expect(charts).toHaveCount(5);
  // Of what was heard while the other pages were looked at there are lines at once.
  await expect.poll(() => charts.evaluateAll(areInked)).toEqual(Array(5).fill(true));
  await expectAccessible(page, 'the workers');
  await expectLook(page, walk.name, 'workers');
}

/** Whether each chart has more than its grey axes. Runs in the page. */
function areInked(charts: readonly Element[]): boolean[] {
  return charts.map((chart) => {
    const { width, height } = chart as HTMLCanvasElement;
    const { data } = (chart as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
    for (let at = 0; at < data.length; at += 4) {
      const colours = [data[at]!, data[at + 1]!, data[at + 2]!];
      if (data[at + 3]! > 128 && Math.max(...colours) - Math.min(...colours) > 64) return true;
    }
    return false;
  });
}

for (const { name, hands, use } of WALKS) {
  test.describe(name, () => {
    test.use(use);
    test('every page', async ({ page, demo }) => {
      test.setTimeout(300_000);
      const walk: Walk = { page, demo, hands: hands(page), name };
      for (const part of [drawing, settings, story, batch, compare, model, workers]) {
        await test.step(part.name, () => part(walk));
      }
    });
  });
}
