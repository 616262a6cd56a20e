/** Arithmetic on constants, where a graph of operations computes its weights from others. */
import { ModelFormatError } from '../errors.js';
import { type Constant, elementsOf } from './values.js';

/** The shape of an elementwise operation, by NumPy's rules of broadcasting; null when there is none. */
export function broadcastShape(a: readonly number[], b: readonly number[]): readonly number[] | null {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const x = a[a.length - rank + axis] ?? 1;
    const y = b[b.length - rank + axis] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return null;
    shape.push(x === 1 ? y : x);
  }
  return shape;
}

/** The constant with a larger shape that it broadcasts to. */
export function broadcastTo(value: Constant, shape: readonly number[], where: string): Constant {
  const size = elementsOf(shape, where);
  const strides = stridesOf(value.shape);
  const values = new Float64Array(size);
  const padded = shape.map((_, axis) => {
    const own = axis - (shape.length - value.shape.length);
    return own < 0 || value.shape[own] === 1 ? 0 : strides[own]!;
  });
  for (let index = 0; index < size; index++) {
    let rest = index;
    let source = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += (rest % shape[axis]!) * padded[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    values[index] = value.values[source]!;
  }
  return { kind: 'constant', shape, values };
}

/** An elementwise operation of two constants. */
export function combine(
  a: Constant,
  b: Constant,
  operation: (x: number, y: number) => number,
  where: string,
): Constant {
  const shape = broadcastShape(a.shape, b.shape);
  if (shape === null) {
    throw new ModelFormatError(
      `${where}: the shapes [${a.shape.join(', ')}] and [${b.shape.join(', ')}] do not fit.`,
    );
  }
  const left = broadcastTo(a, shape, where);
  const right = broadcastTo(b, shape, where);
  return { ...left, values: left.values.map((value, index) => operation(value, right.values[index]!)) };
}

/** The axes in another order: axis i of the result is axis order[i] of the constant. */
export function transpose(value: Constant, order: readonly number[], where: string): Constant {
  const rank = value.shape.length;
  if (order.length !== rank || order.toSorted((a, b) => a - b).some((axis, i) => axis !== i)) {
    throw new ModelFormatError(`${where}: [${order.join(', ')}] is no order of ${rank} axes.`);
  }
  const shape = order.map((axis) => value.shape[axis]!);
  const strides = stridesOf(value.shape);
  const from = order.map((axis) => strides[axis]!);
  const values = value.values.map((_, index) => {
    let rest = index;
    let source = 0;
    for (let axis = rank - 1; axis >= 0; axis--) {
      source += (rest % shape[axis]!) * from[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return value.values[source]!;
  });
  return { kind: 'constant', shape, values };
}

/** The same values with another shape; one extent may be -1. */
export function reshape(value: Constant, target: readonly number[], where: string): Constant {
  const known = target.filter((extent) => extent !== -1).reduce((product, extent) => product * extent, 1);
  const open = target.filter((extent) => extent === -1).length;
  const shape = target.map((extent) => (extent === -1 ? value.values.length / Math.max(known, 1) : extent));
  if (open > 1 || elementsOf(shape, where) !== value.values.length) {
    throw new ModelFormatError(
      `${where}: [${value.shape.join(', ')}] cannot be reshaped to [${target.join(', ')}].`,
    );
  }
  return { ...value, shape };
}

function stridesOf(shape: readonly number[]): readonly number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const extent of shape.toReversed()) {
    strides.unshift(stride);
    stride *= extent;
  }
  return strides;
}

/**
 * A constant that an operation adds to, or multiplies with, each sample of `shape`, as one vector that repeats along
 * the sample: `result[i % result.length]` belongs to element i. Null when the sample would grow by it.
 */
export function repeatingVector(
  value: Constant,
  shape: readonly number[],
  where: string,
): Float64Array | null {
  // What comes before the sample's axes is the batch axis.
  let extents = [...value.shape];
  while (extents.length > 0 && extents[0] === 1) extents = extents.slice(1);
  const joined = broadcastShape(extents, shape);
  if (joined === null || joined.length !== shape.length || joined.some((e, axis) => e !== shape[axis])) {
    return null;
  }
  const tail = shape.slice(shape.length - extents.length);
  return broadcastTo({ ...value, shape: extents }, tail, where).values;
}
