/** The page: IDX files, compressed or not, sheets of digits, and the pixels of pictures, whose formats the browser reads. */
import { gzipSync } from 'node:zlib';
import { decodeMnist } from '@trivet/mnist/decode';
import { decodeIdx, IdxFormatError } from '@trivet/mnist/idx';
import { labelOf, readBatch } from '../../../../apps/web/src/compute/batch/read-batch.js';
import { gridCells, segmentDigits } from '../../../../apps/web/src/compute/batch/sheet.js';
import { toMnist } from '../../../../apps/web/src/compute/preprocess/mnist.js';
import { greyFromRgba, inkFromGrey } from '../../../../apps/web/src/compute/preprocess/picture.js';
import { promise, type Target } from '../target.js';
import { coded, textOf } from './support.js';

function idx(shape: readonly number[], values: Uint8Array): Buffer {
  const header = Buffer.from([
    0,
    0,
    8,
    shape.length,
    ...shape.flatMap((extent) => [0, 0, extent >> 8, extent & 255]),
  ]);
  return Buffer.concat([header, values]);
}

const IMAGES = idx([2, 28, 28], new Uint8Array(2 * 784).fill(9));
const LABELS = idx([2], Uint8Array.of(3, 7));

const idxFiles: Target = {
  name: 'idx',
  form: 'bytes',
  dictionary: ['\0\0\x08\x03', '\0\0\x08\x01'],
  prepare: () => ({
    seeds: [IMAGES, LABELS],
    run(input) {
      for (const dimensions of [1, 3]) {
        if (input[3] !== dimensions && dimensions === 1) continue;
        const { shape, values } = decodeIdx(input, dimensions, 'the file');
        promise(shape.reduce((a, b) => a * b, 1) === values.length, 'an array of another size');
        if (dimensions === 3) decodeMnist(input, LABELS, 'the files');
        else decodeMnist(IMAGES, input, 'the files');
        return;
      }
    },
    expects: (error) => error instanceof IdxFormatError,
  }),
};

const batchFiles: Target = {
  name: 'page-batch',
  form: 'bytes',
  maxMs: 2_000,
  bytesPerByte: 2_048,
  dictionary: ['\0\0\x08\x03', '\x1f\x8b\x08'],
  prepare: () => ({
    // The first byte: in which kind of file the rest is.
    seeds: [Buffer.concat([Buffer.of(0), IMAGES]), Buffer.concat([Buffer.of(1), gzipSync(IMAGES)])],
    async run(input) {
      const named = (input[0] ?? 0) % 2 === 0 ? 'images-idx3-ubyte' : 'images-idx3-ubyte.gz';
      const file = (bytes: Uint8Array, path: string) => ({
        file: new File([Buffer.from(bytes)], path),
        path,
      });
      const files = [file(input.subarray(1), named), file(LABELS, 'labels-idx1-ubyte')];
      const batch = await readBatch(
        { kind: 'files', files } as never,
        () => undefined,
        new AbortController().signal,
      );
      promise(batch.pixels.length === batch.count * 784, 'a batch of another size');
      promise(batch.problems.length <= 21, 'problems without an end');
    },
    expects: coded('INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED'),
  }),
};

const pictures: Target = {
  name: 'page-pictures',
  form: 'bytes',
  maxMs: 3_000,
  bytesPerByte: 1_024,
  prepare() {
    const picture = (width: number, height: number, ink: (x: number, y: number) => boolean) => {
      const bytes = Buffer.alloc(2 + width * height, 255);
      bytes[0] = width;
      bytes[1] = height;
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) if (ink(x, y)) bytes[2 + y * width + x] = 0;
      return bytes;
    };
    return {
      seeds: [
        picture(56, 28, (x, y) => x % 28 > 10 && x % 28 < 14 && y > 6 && y < 20),
        picture(60, 40, (x, y) => (x > 8 && x < 12 && y > 5 && y < 30) || (x > 30 && x < 45 && y === 18)),
        picture(1, 1, () => true),
      ],
      run(input) {
        // One byte a pixel: the first two bytes are the extents, what is missing is paper.
        const [width, height] = [Math.max(1, input[0] ?? 1), Math.max(1, input[1] ?? 1)];
        const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
        for (let pixel = 0; pixel < width * height; pixel++) {
          const value = input[2 + pixel] ?? 255;
          rgba.set([value, value, value ^ (value & 15), value === 1 ? 0 : 255], 4 * pixel);
        }
        const grey = greyFromRgba(rgba, width, height);
        for (const cell of gridCells(grey) ?? []) promise(cell.length === 784, 'a cell of another size');
        const pieces = segmentDigits(inkFromGrey(grey));
        promise(pieces.length <= width * height, 'more digits than pixels');
        for (const piece of pieces) {
          const digit = toMnist(piece);
          promise(digit === null || digit.length === 784, 'a digit of another size');
        }
      },
      expects: () => false,
    };
  },
};

const labels: Target = {
  name: 'page-labels',
  form: 'bytes',
  dictionary: ['label-', '/', '_', '.png'],
  prepare: () => ({
    seeds: ['7/a.png', 'label-7_12.png', 'no.png'].map((name) => Buffer.from(name)),
    run(input) {
      const label = labelOf(textOf(input));
      promise(label === 255 || (label >= 0 && label <= 9), 'a label that is no digit');
    },
    expects: () => false,
  }),
};

export const PAGE: readonly Target[] = [idxFiles, batchFiles, pictures, labels];
