import { describe, expect, it } from 'vitest';
import type { GreyImage } from '../preprocess/grey-image.js';
import { type BatchFile, NO_LABEL } from './messages.js';
import { labelOf, readBatch } from './read-batch.js';
import { gridCells, segmentDigits } from './sheet.js';

/** A picture with filled rectangles: [left, top, width, height]. */
function sheet(
  width: number,
  height: number,
  rectangles: readonly (readonly number[])[],
  ink = 255,
): GreyImage {
  const values = new Float32Array(width * height);
  for (const [left, top, w, h] of rectangles as readonly [number, number, number, number][]) {
    for (let y = top; y < top + h; y++) values.fill(ink, y * width + left, y * width + left + w);
  }
  return { width, height, values };
}

describe('sheets', () => {
  it('cuts a grid of 28 x 28 cells, light on dark or dark on light, and leaves out empty ones', () => {
    const digits = sheet(84, 56, [
      [8, 6, 10, 16],
      [64, 34, 12, 14],
    ]);
    const cells = gridCells(digits)!;
    expect(cells).toHaveLength(2);
    expect(cells[0]!.filter((value) => value === 255)).toHaveLength(160);
    const inverted = { ...digits, values: digits.values.map((value) => 250 - value * (250 / 255)) };
    const turned = gridCells(inverted)!;
    expect(turned).toHaveLength(2);
    expect([...turned[1]!].filter((value) => value > 200)).toHaveLength(168);
  });

  it('takes a large drawing for a drawing, though its sides are multiples of 28', () => {
    expect(gridCells(sheet(280, 280, [[60, 40, 150, 200]]))).toBeNull();
    expect(gridCells(sheet(281, 280, []))).toBeNull();
  });

  it('finds digits in reading order, joins the parts of one and drops specks', () => {
    const page = sheet(300, 200, [
      // Two lines of two; the first digit has a bar of its own above it.
      [20, 24, 30, 8],
      [22, 36, 24, 44],
      [120, 30, 20, 50],
      [20, 120, 25, 55],
      [130, 125, 30, 50],
      [250, 60, 3, 3],
    ]);
    const pieces = segmentDigits(page);
    expect(pieces.map(({ width, height }) => [width, height])).toEqual([
      [30, 56],
      [20, 50],
      [25, 55],
      [30, 50],
    ]);
  });
});

describe('labelOf', () => {
  it.each([
    ['testing/7/12.png', 7],
    ['7.png', 7],
    ['3_0042.png', 3],
    ['label-5.jpg', 5],
    ['42.png', NO_LABEL],
    ['scan.png', NO_LABEL],
    ['10/scan.png', NO_LABEL],
    ['4/9.png', 4],
  ])('%s', (path, label) => expect(labelOf(path)).toBe(label));
});

describe('readBatch', () => {
  const idx = (name: string, shape: readonly number[], values: readonly number[]): BatchFile => {
    const head = [0, 0, 8, shape.length, ...shape.flatMap((extent) => [0, 0, extent >> 8, extent & 255])];
    return { path: name, file: new File([Uint8Array.from([...head, ...values])], name) };
  };
  const read = (...files: BatchFile[]) =>
    readBatch({ kind: 'files', files }, () => undefined, new AbortController().signal);
  const pixels = (count: number, grey: number) => new Array<number>(784 * count).fill(grey);

  it('joins IDX files of images and of labels by their counts and names', async () => {
    const batch = await read(
      idx('t10k-images-idx3-ubyte', [2, 28, 28], pixels(2, 9)),
      idx('t10k-labels-idx1-ubyte', [2], [4, 1]),
      idx('train-images-idx3-ubyte', [2, 28, 28], pixels(2, 7)),
      idx('train-labels-idx1-ubyte', [2], [8, 3]),
    );
    expect(batch.count).toBe(4);
    expect([...batch.labels!]).toEqual([4, 1, 8, 3]);
    expect([batch.pixels[0], batch.pixels[2 * 784]]).toEqual([9, 7]);
    expect(batch.names).toBeNull();
    expect(batch.problems).toEqual([]);
  });

  it('takes compressed files as they are published', async () => {
    const { file } = idx('x', [1, 28, 28], pixels(1, 5));
    const stream = file.stream().pipeThrough(new CompressionStream('gzip'));
    const packed = new File([await new Response(stream).blob()], 'x');
    expect((await read({ path: 'images-idx3-ubyte.gz', file: packed })).count).toBe(1);
  });

  it('refuses what a small file unpacks to, before it is all in memory', async () => {
    const megabyte = new Uint8Array(2 ** 20);
    const bomb = new Blob(new Array<Uint8Array<ArrayBuffer>>(80).fill(megabyte)).stream();
    const packed = await new Response(bomb.pipeThrough(new CompressionStream('gzip'))).blob();
    expect(packed.size).toBeLessThan(100_000);
    const file = { path: 'images-idx3-ubyte.gz', file: new File([packed], 'x') };
    await expect(read(file)).rejects.toThrow(/unpacks to more than 100000 pictures/);
  });

  it('says what is wrong with each file and keeps the others', async () => {
    const batch = await read(
      idx('a-images-idx3-ubyte', [1, 28, 28], pixels(1, 5)),
      idx('b-images-idx3-ubyte', [1, 20, 20], new Array<number>(400).fill(1)),
      idx('c-labels-idx1-ubyte', [3], [1, 2, 3]),
      idx('d-labels-idx1-ubyte', [1], [12]),
    );
    expect(batch.count).toBe(1);
    expect(batch.labels).toBeNull();
    expect(batch.problems).toHaveLength(3);
    expect(batch.problems.join(' ')).toMatch(/20 x 20.*no file with as many.*not digits/s);
  });

  it('refuses files among which there is nothing to read', async () => {
    const text = { path: 'notes.txt', file: new File(['x'], 'notes.txt', { type: 'text/plain' }) };
    await expect(read(text)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
