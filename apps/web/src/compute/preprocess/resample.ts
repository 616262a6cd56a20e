/**
 * Area-averaging resampling: each target pixel is the mean of the source area under it, partial pixels counted by
 * their part. It is what antialiases MNIST's digits. Separable, so it runs along rows and then along columns.
 */
import type { Box, GreyImage } from './grey-image.js';

/** One target cell's reach along one axis: source cells first..first + weights.length - 1, weights summing to 1. */
interface Reach {
  readonly first: number;
  readonly weights: readonly number[];
}

function reaches(from: number, to: number, cells: number): Reach[] {
  const size = (to - from) / cells;
  return Array.from({ length: cells }, (_, cell) => {
    const start = from + cell * size;
    const end = start + size;
    const first = Math.floor(start);
    const last = Math.min(to, Math.ceil(end));
    const weights = Array.from({ length: last - first }, (_, offset) => {
      const source = first + offset;
      return Math.max(0, Math.min(source + 1, end) - Math.max(source, start)) / size;
    });
    return { first, weights };
  });
}

/** The part of `image` inside `box`, scaled to width x height. */
export function resampleArea(image: GreyImage, box: Box, width: number, height: number): GreyImage {
  const columns = reaches(box.left, box.right, width);
  const rows = reaches(box.top, box.bottom, height);
  const boxHeight = box.bottom - box.top;
  const squeezed = new Float32Array(boxHeight * width);
  for (let y = 0; y < boxHeight; y++) {
    const row = (box.top + y) * image.width;
    columns.forEach(({ first, weights }, x) => {
      let sum = 0;
      weights.forEach((weight, offset) => {
        sum += weight * image.values[row + first + offset]!;
      });
      squeezed[y * width + x] = sum;
    });
  }
  const values = new Float32Array(height * width);
  rows.forEach(({ first, weights }, y) => {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      weights.forEach((weight, offset) => {
        sum += weight * squeezed[(first - box.top + offset) * width + x]!;
      });
      values[y * width + x] = sum;
    }
  });
  return { width, height, values };
}
