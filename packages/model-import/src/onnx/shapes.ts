/** Operations that change shapes, or lists of extents (onnx/docs/Operators.md). */
import { sizeOf } from '@trivet/mpc-core';
import { reshape, transpose } from '../ops/constants.js';
import { constant } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import { image, type Operation } from './operation.js';
import type { Data, Value } from './values.js';

export function reshaped(operation: Operation, x: Data, shape: readonly number[]): Data {
  if (sizeOf(shape) !== sizeOf(x.shape) || shape.length === 0) {
    throw new Unsupported(`samples of [${x.shape.join(', ')}] cannot become [${shape.join(', ')}]`);
  }
  if (shape.join() === x.shape.join()) return x;
  const targetShape = shape;
  if (x.order === 'plain') return becomes(operation, x, shape);
  if (shape.length === 1 && x.order === 'image') {
    const [channels, height, width] = image(x);
    return operation.layer({ type: 'Reshape', targetShape }, [x], shape, [channels, height, width]);
  }
  throw new Unsupported(
    `changing an image of [${x.shape.join(', ')}] to [${shape.join(', ')}] is not supported`,
  );
}

/** A plain value with another shape; an image only where channels first and channels last are the same. */
function becomes(operation: Operation, x: Data, shape: readonly number[]): Data {
  if (shape.length !== 3)
    return operation.layer({ type: 'Reshape', targetShape: shape }, [x], shape, 'plain');
  const [channels, height, width] = shape as [number, number, number];
  if (channels !== 1 && height * width !== 1) {
    throw new Unsupported(
      `changing [${x.shape.join(', ')}] to an image of several channels is not supported`,
    );
  }
  return operation.layer({ type: 'Reshape', targetShape: [height, width, channels] }, [x], shape, 'image');
}

export function squeezed(operation: Operation): Value {
  const listed = operation.ints('axes') ?? (operation.has(1) ? [...operation.constant(1).values] : []);
  const opens = operation.node.op === 'Unsqueeze';
  const extents = operation.isConstant(0) ? operation.constant(0).shape : [-1, ...operation.data().shape];
  const rank = extents.length + (opens ? listed.length : 0);
  const axes = listed.map((axis) => (axis < 0 ? axis + rank : axis));
  const shape = opens
    ? axes
        .toSorted((a, b) => a - b)
        .reduce<readonly number[]>((list, axis) => list.toSpliced(axis, 0, 1), extents)
    : extents.filter((extent, axis) => (axes.length === 0 ? extent !== 1 : !axes.includes(axis)));
  if (operation.isConstant(0)) return reshape(operation.constant(0), shape, operation.where);
  if (shape[0] !== -1) throw new Unsupported('the batch axis cannot change');
  return reshaped(operation, operation.data(), shape.slice(1));
}

export function concatenate(operation: Operation): Value {
  const axis = operation.int('axis', 0);
  if (operation.inputs.every((_, index) => operation.isConstant(index))) {
    const parts = operation.inputs.map((_, index) => operation.constant(index));
    if (parts.some((part) => part.shape.length !== 1))
      throw new Unsupported('only lists of constants can be joined');
    const joined = parts.flatMap((part) => [...part.values]);
    return constant([joined.length], Float64Array.from(joined), operation.where);
  }
  const parts = operation.inputs.map((_, index) => operation.data(index));
  const [one] = parts as [Data, ...Data[]];
  const rank = one.shape.length + 1;
  const channels = axis === 1 || axis === 1 - rank;
  if (
    !channels ||
    parts.some((part) => part.order !== one.order || (part.order !== 'image' && part.order !== 'plain'))
  ) {
    throw new Unsupported('only joining channels, or plain vectors, is supported');
  }
  if (one.order === 'plain' && rank !== 2)
    throw new Unsupported('only joining channels, or plain vectors, is supported');
  const total = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
  return operation.layer({ type: 'Concatenate' }, parts, [total, ...one.shape.slice(1)], one.order);
}

/** Of values: only what changes between channels first and channels last, which costs nothing. */
export function transposed(operation: Operation): Value {
  const order = operation.ints('perm') ?? [];
  if (operation.isConstant(0)) {
    const value = operation.constant(0);
    const axes = order.length > 0 ? order : value.shape.map((_, axis) => value.shape.length - 1 - axis);
    return transpose(value, axes, operation.where);
  }
  const x = operation.data();
  if (order.join() === '0,2,3,1' && x.order === 'image') {
    const [channels, height, width] = image(x);
    return { ...x, shape: [height, width, channels], order: 'plain' };
  }
  if (order.join() === '0,3,1,2' && x.order === 'plain' && x.shape.length === 3) {
    const [height, width, channels] = x.shape as [number, number, number];
    return { ...x, shape: [channels, height, width], order: 'image' };
  }
  if (order.every((axis, index) => axis === index) && order.length > 0) return x;
  throw new Unsupported(`transposing values by [${order.join(', ')}] is not supported`);
}

/** Of a list of extents. */
export function gather(operation: Operation): Value {
  const [from, indices] = [operation.constant(0), operation.constant(1)];
  if (from.shape.length !== 1) throw new Unsupported('only elements of a list of constants can be gathered');
  const values = indices.values.map(
    (index) => from.values[index < 0 ? index + from.values.length : index] ?? Number.NaN,
  );
  return constant(indices.shape, values, operation.where);
}
