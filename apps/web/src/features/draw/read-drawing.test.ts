import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inkFromAlpha } from '../../compute/preprocess/grey-image.js';
import { toMnist } from '../../compute/preprocess/mnist.js';
import type { Stroke } from '../../stores/digit-slice.js';
import { readDrawing, regionOf } from './read-drawing.js';

const SIZE = 80;

/** A pad on which discs were printed at the points of strokes, with an edge that fades over a pixel. */
function padOf(strokes: readonly Stroke[]) {
  const rgba = new Uint8ClampedArray(4 * SIZE * SIZE);
  for (const { x, y, width } of strokes.flat()) {
    for (let pixel = 0; pixel < SIZE * SIZE; pixel++) {
      const distance = Math.hypot((pixel % SIZE) + 0.5 - x * SIZE, Math.floor(pixel / SIZE) + 0.5 - y * SIZE);
      const ink = 255 * Math.min(1, Math.max(0, (width / 2) * SIZE + 0.5 - distance));
      rgba[4 * pixel + 3] = Math.max(rgba[4 * pixel + 3]!, ink);
    }
  }
  const context = {
    getImageData(left: number, top: number, width: number, height: number) {
      const data = new Uint8ClampedArray(4 * width * height);
      for (let y = 0; y < height; y++) {
        const from = 4 * ((top + y) * SIZE + left);
        data.set(rgba.subarray(from, from + 4 * width), 4 * y * width);
      }
      return { data };
    },
  } as unknown as CanvasRenderingContext2D;
  return { context, rgba };
}

const point = fc.record({
  x: fc.double({ min: 0, max: 1, noNaN: true }),
  y: fc.double({ min: 0, max: 1, noNaN: true }),
  width: fc.double({ min: 0.03, max: 0.1, noNaN: true }),
});
const strokes = fc.array(fc.array(point, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 });

describe('readDrawing', () => {
  it('reads of the part that strokes cover what the whole pad would give', () => {
    fc.assert(
      fc.property(strokes, (drawn) => {
        const { context, rgba } = padOf(drawn);
        const read = readDrawing(context, SIZE, drawn);
        expect(read?.pixels).toEqual(toMnist(inkFromAlpha(rgba, SIZE, SIZE)));
        expect(read?.prepareMs).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 20 },
    );
  });

  it('reads nothing where nothing was drawn', () => {
    const { context } = padOf([]);
    expect(readDrawing(context, SIZE, [])).toBeNull();
    expect(readDrawing(context, SIZE, [[{ x: 0.5, y: 0.5, width: 0.1 }]])).toBeNull();
  });
});

describe('regionOf', () => {
  it('stays on the pad', () => {
    const corners = [0, 1].map((at) => ({ x: at, y: at, width: 0.2 }));
    expect(regionOf([corners], SIZE)).toEqual({ left: 0, top: 0, width: SIZE, height: SIZE });
    expect(regionOf([[{ x: 3, y: 0.5, width: 0.1 }]], SIZE)).toBeNull();
  });
});
