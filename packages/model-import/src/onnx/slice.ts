/** ONNX's Slice on constants. */
import type { Constant } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';

/** @param axes null for the first ones in order; @param steps null for 1 */
export function sliced(
  value: Constant,
  starts: Float64Array,
  ends: Float64Array,
  axes: Float64Array | null,
  steps: Float64Array | null,
): Constant {
  let result = value;
  starts.forEach((start, index) => {
    const axis = axes?.[index] ?? index;
    result = along(
      result,
      axis < 0 ? axis + value.shape.length : axis,
      start,
      ends[index] ?? 0,
      steps?.[index] ?? 1,
    );
  });
  return result;
}

function along(value: Constant, axis: number, start: number, end: number, step: number): Constant {
  const extent = value.shape[axis];
  if (extent === undefined || !Number.isInteger(step) || step === 0)
    throw new Unsupported('this slice is not supported');
  const [least, most] = step > 0 ? [0, extent] : [-1, extent - 1];
  const place = (at: number) => Math.min(most, Math.max(least, at < 0 ? at + extent : at));
  const taken: number[] = [];
  const last = place(end);
  for (let at = place(start); step > 0 ? at < last : at > last; at += step) taken.push(at);
  const inner = value.shape.slice(axis + 1).reduce((product, each) => product * each, 1);
  const outer = value.shape.slice(0, axis).reduce((product, each) => product * each, 1);
  const values = new Float64Array(outer * taken.length * inner);
  for (let row = 0; row < outer; row++) {
    taken.forEach((at, index) => {
      const from = (row * extent + at) * inner;
      values.set(value.values.subarray(from, from + inner), (row * taken.length + index) * inner);
    });
  }
  return { kind: 'constant', shape: value.shape.with(axis, taken.length), values };
}
