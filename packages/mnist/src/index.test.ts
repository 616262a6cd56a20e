import { describe, expect, it } from 'vitest';
import { decodeIdx, decodeMnist, IdxFormatError, loadMnist } from './index.js';

/** An IDX file of bytes with this shape. */
function idx(shape: readonly number[], values: readonly number[], type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  const view = new DataView(bytes.buffer);
  bytes[2] = type;
  bytes[3] = shape.length;
  shape.forEach((extent, axis) => {
    view.setUint32(4 + 4 * axis, extent);
  });
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
}

const images = idx([2, 28, 28], new Array(2 * 784).fill(9));

describe('IDX', () => {
  it('reads shape and values', () => {
    const array = decodeIdx(idx([2, 3], [1, 2, 3, 4, 5, 6]), 2, 'x');
    expect(array.shape).toEqual([2, 3]);
    expect([...array.values]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /x: an IDX header takes 12 bytes, the file has 0/],
    ['another magic', Uint8Array.from([1, ...idx([1, 1], [0]).subarray(1)]), /not an IDX file/],
    ['floats', idx([1, 1], [0], 0x0d), /elements of type 13, expected 8/],
    ['one dimension', idx([8], [0, 0, 0, 0, 0, 0, 0, 0]), /1 dimensions, expected 2/],
    ['missing bytes', idx([2, 3], [1, 2, 3, 4, 5]), /2 x 3 elements need 6 bytes, the file has 5/],
    ['leftovers', idx([2, 3], [1, 2, 3, 4, 5, 6, 7]), /need 6 bytes, the file has 7/],
    ['huge extents', idx([0xffffffff, 0xffffffff], []), /need \d+ bytes, the file has 0/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeIdx(bytes, 2, 'x')).toThrow(IdxFormatError);
    expect(() => decodeIdx(bytes, 2, 'x')).toThrow(message);
  });
});

describe('MNIST', () => {
  it('refuses images of another size, other counts and labels beyond 9', () => {
    expect(() => decodeMnist(idx([1, 2, 2], [0, 0, 0, 0]), idx([1], [0]), 'm')).toThrow(
      /2 x 2, expected 28 x 28/,
    );
    expect(() => decodeMnist(images, idx([1], [0]), 'm')).toThrow(/2 images but 1 labels/);
    expect(() => decodeMnist(images, idx([2], [0, 10]), 'm')).toThrow(/label 1 is 10/);
  });

  it('loads both splits of the real data', async () => {
    const test = await loadMnist('test');
    expect(test.count).toBe(10_000);
    expect([...test.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
    const train = await loadMnist('train');
    expect(train.count).toBe(60_000);
    expect([...train.labels.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    expect(train.images.length).toBe(60_000 * 784);
  });
});
