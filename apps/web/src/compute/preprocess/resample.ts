/**
 * Area-averaging resampling: each target pixel is the mean of the source area under it, partial pixels counted by
 * their part. It is what antialiases MNIST's digits. Separable, so it runs along rows and then along columns; plain loops
 * over typed arrays, because it runs in every frame while somebody draws.
 */
import type { Box, GreyImage } from './grey-image.js';

/** Along one axis: target cell c reaches over the source cells first[c] to first[c] + span - 1, weights summing to 1. */
interface Reaches {
  readonly span: number;
  readonly first: Int32Array;
  /** `span` a cell; zero past the end of its reach. */
  readonly weights: Float64Array;
}

function reaches(from: number, to: number, cells: number): Reaches {
  const size = (to - from) / cells;
  const span = Math.ceil(size) + 1;
  const first = new Int32Array(cells);
  const weights = new Float64Array(cells * span);
  for (let cell = 0; cell < cells; cell++) {
    const start = from + cell * size;
    const end = start + size;
    // So far left that the whole span lies inside the box, where there is so much of it.
    first[cell] = Math.max(from, Math.min(Math.floor(start), to - span));
    for (let offset = 0; offset < span; offset++) {
      const source = first[cell]! + offset;
      const reach = source >= to ? 0 : Math.min(source + 1, end) - Math.max(source, start);
      weights[cell * span + offset] = Math.max(0, reach) / size;
    }
  }
  return { span, first, weights };
}

/** The part of `image` inside `box`, scaled to width x height. */
export function resampleArea(image: GreyImage, box: Box, width: number, height: number): GreyImage {
  const columns = reaches(box.left, box.right, width);
  const rows = reaches(box.top, box.bottom, height);
  const boxHeight = box.bottom - box.top;
  const squeezed = new Float32Array(boxHeight * width);
  for (let y = 0; y < boxHeight; y++) {
    const row = image.values.subarray(
      (box.top + y) * image.width + box.left,
      (box.top + y) * image.width + box.right,
    );
    for (let x = 0; x < width; x++) {
      const first = columns.first[x]! - box.left;
      const last = Math.min(columns.span, row.length - first);
      let sum = 0;
      for (let offset = 0; offset < last; offset++) {
        sum += columns.weights[x * columns.span + offset]! * row[first + offset]!;
      }
      squeezed[y * width + x] = sum;
    }
  }
  const values = new Float32Array(height * width);
  const line = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    const first = rows.first[y]! - box.top;
    const last = Math.min(rows.span, boxHeight - first);
    line.fill(0);
    for (let offset = 0; offset < last; offset++) {
      const weight = rows.weights[y * rows.span + offset]!;
      const from = (first + offset) * width;
      for (let x = 0; x < width; x++) line[x]! += weight * squeezed[from + x]!;
    }
    values.set(line, y * width);
  }
  return { width, height, values };
}
