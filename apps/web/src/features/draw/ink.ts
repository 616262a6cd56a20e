/** Ink on a canvas: strokes of round-ended curves whose width follows the pen. */
import type { InkPoint, Stroke } from '../../stores/digit-slice.js';

/** Width of a mouse's or finger's stroke in pad widths: about MNIST's two pixels of twenty for a digit that fills the pad. */
export const STROKE_WIDTH = 0.075;
/** A pen at no and at full pressure, relative to that. */
const PEN_RANGE = [0.45, 1.35] as const;
/** Points closer than this, in pad widths, are one: they only make the curve jitter. */
const LEAST_DISTANCE = 0.004;

/** The ink's width for a pointer. Only pens report a pressure that means something. */
export function strokeWidth(pointerType: string, pressure: number): number {
  if (pointerType !== 'pen') return STROKE_WIDTH;
  return STROKE_WIDTH * (PEN_RANGE[0] + (PEN_RANGE[1] - PEN_RANGE[0]) * Math.min(1, Math.max(0, pressure)));
}

/** Whether the pointer has moved enough since the last point to add another one. */
export function isFarEnough(last: InkPoint | undefined, next: InkPoint): boolean {
  return last === undefined || Math.hypot(next.x - last.x, next.y - last.y) >= LEAST_DISTANCE;
}

/**
 * Draws a stroke from point `from` on. Each piece is a quadratic curve between the midpoints of two neighbouring
 * segments with the point between them as its control point, so pieces join without a corner.
 *
 * @param size of the canvas in its own pixels
 */
export function drawStroke(context: CanvasRenderingContext2D, size: number, stroke: Stroke, from = 0): void {
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (let index = Math.max(0, from); index < stroke.length; index++) {
    const point = stroke[index]!;
    const before = stroke[index - 1] ?? point;
    const earlier = stroke[index - 2] ?? before;
    context.lineWidth = ((before.width + point.width) / 2) * size;
    context.beginPath();
    context.moveTo(((earlier.x + before.x) / 2) * size, ((earlier.y + before.y) / 2) * size);
    context.quadraticCurveTo(
      before.x * size,
      before.y * size,
      ((before.x + point.x) / 2) * size,
      ((before.y + point.y) / 2) * size,
    );
    context.stroke();
  }
}

/** The last half segment, which {@link drawStroke} leaves open while the pen moves; a dot for a stroke of one point. */
export function finishStroke(context: CanvasRenderingContext2D, size: number, stroke: Stroke): void {
  const last = stroke.at(-1);
  if (last === undefined) return;
  const before = stroke.at(-2) ?? last;
  context.lineCap = 'round';
  context.lineWidth = last.width * size;
  context.beginPath();
  context.moveTo(((before.x + last.x) / 2) * size, ((before.y + last.y) / 2) * size);
  context.lineTo(last.x * size, last.y * size);
  context.stroke();
}

/**
 * The ink between the end of what {@link drawStroke} has drawn and the pen's tip, and from there along the points where
 * the pen is expected: to be shown over the stroke until its next points are known.
 */
export function drawAhead(
  context: CanvasRenderingContext2D,
  size: number,
  stroke: Stroke,
  predicted: readonly InkPoint[],
): void {
  const known = stroke.slice(-2);
  const tail = [...known, ...predicted];
  drawStroke(context, size, tail, known.length);
  finishStroke(context, size, tail);
}
