/**
 * From the ink on the pad to the 784 grey values that the model will see. In the page itself, not in the compute worker:
 * it takes about a millisecond, less than a message to a busy worker and back, and so a question can leave in the very
 * task in which the pen is lifted.
 */
import { type GreyImage, inkFromAlpha } from '../../compute/preprocess/grey-image.js';
import { toMnist } from '../../compute/preprocess/mnist.js';
import type { ReadDrawing, Stroke } from '../../stores/digit-slice.js';

/** Whole pixels. */
interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Smoothed edges reach past the stroke's width. */
const MARGIN_PIXELS = 2;

/**
 * The part of the pad that strokes cover.
 * @param size side of the pad in its own pixels
 * @returns null when there is no stroke
 */
export function regionOf(strokes: readonly Stroke[], size: number): Region | null {
  let [left, top, right, bottom] = [size, size, 0, 0];
  for (const stroke of strokes) {
    for (const { x, y, width } of stroke) {
      const reach = (width / 2) * size + MARGIN_PIXELS;
      left = Math.min(left, Math.floor(x * size - reach));
      top = Math.min(top, Math.floor(y * size - reach));
      right = Math.max(right, Math.ceil(x * size + reach));
      bottom = Math.max(bottom, Math.ceil(y * size + reach));
    }
  }
  left = Math.max(0, left);
  top = Math.max(0, top);
  const [width, height] = [Math.min(size, right) - left, Math.min(size, bottom) - top];
  return width > 0 && height > 0 ? { left, top, width, height } : null;
}

/** @returns null when there is no ink */
export function readDrawing(
  context: CanvasRenderingContext2D,
  size: number,
  strokes: readonly Stroke[],
): ReadDrawing | null {
  const start = performance.now();
  const region = regionOf(strokes, size);
  if (region === null) return null;
  const { left, top, width, height } = region;
  const ink: GreyImage = inkFromAlpha(context.getImageData(left, top, width, height).data, width, height);
  const pixels = toMnist(ink);
  return pixels === null ? null : { pixels, prepareMs: performance.now() - start };
}
