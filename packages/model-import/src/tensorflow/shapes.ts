/** Operations that change shapes, or lists of extents. Names and attributes: tensorflow/core/ops. */
import { sizeOf } from '@trivet/mpc-core';
import { reshape, transpose } from '../ops/constants.js';
import { constant } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import type { Data, Operation, Value } from './operation.js';

export function reshaped(operation: Operation): Value {
  const target = [...operation.constant(1, 'shape').values];
  if (operation.isConstant(0)) return reshape(operation.constant(0), target, operation.where);
  const x = operation.data(0);
  const size = sizeOf(x.shape);
  // A tensordot joins the batch with all axes but the last, and takes them apart again: until then nothing is done by axis.
  if (
    target.length === 2 &&
    target[0]! < -1 &&
    -target[0]! * target[1]! === size &&
    x.shape.at(-1) === target[1]
  ) {
    return x;
  }
  // The first axis is the batch, whatever extent it was given.
  const sample = target.slice(1);
  const known = sizeOf(sample.filter((extent) => extent !== -1));
  const shape = sample.map((extent) => (extent === -1 ? size / known : extent));
  const open = sample.filter((extent) => extent === -1).length;
  if (target.length === 0 || open > 1 || sizeOf(shape) !== size) {
    throw new Unsupported(`samples of [${x.shape.join(', ')}] cannot become [${target.join(', ')}]`);
  }
  return withShape(operation, x, shape);
}

export function squeezed(operation: Operation): Value {
  const listed = operation.attribute('squeeze_dims')?.list?.i ?? [];
  const extents = operation.isConstant(0) ? operation.constant(0).shape : [-1, ...operation.data(0).shape];
  const axes = listed.map((axis) => (axis < 0 ? axis + extents.length : axis));
  const gone = (extent: number, axis: number) => (axes.length === 0 ? extent === 1 : axes.includes(axis));
  if (extents.some((extent, axis) => gone(extent, axis) && extent !== 1)) {
    throw new Unsupported('only axes of one element can be squeezed');
  }
  const shape = extents.filter((extent, axis) => !gone(extent, axis));
  if (operation.isConstant(0)) return reshape(operation.constant(0), shape, operation.where);
  return withShape(operation, operation.data(0), shape.slice(1));
}

export function expanded(operation: Operation): Value {
  const [axis] = operation.constant(1, 'axis').values;
  const extents = operation.isConstant(0) ? operation.constant(0).shape : [-1, ...operation.data(0).shape];
  const at = axis === undefined ? 0 : axis < 0 ? axis + extents.length + 1 : axis;
  const shape = extents.toSpliced(at, 0, 1);
  if (operation.isConstant(0)) return reshape(operation.constant(0), shape, operation.where);
  if (at === 0) throw new Unsupported('an axis before the batch is not supported');
  return withShape(operation, operation.data(0), shape.slice(1));
}

/** The same elements in the same order. */
function withShape(operation: Operation, x: Data, shape: readonly number[]): Data {
  if (shape.length === x.shape.length && shape.every((extent, axis) => extent === x.shape[axis])) return x;
  const targetShape = shape.length === 0 ? [1] : shape;
  return operation.layer({ type: 'Reshape', targetShape }, [x], shape);
}

export function shapeOf(operation: Operation): Value {
  const shape = operation.isConstant(0) ? operation.constant(0).shape : [-1, ...operation.data(0).shape];
  return constant([shape.length], Float64Array.from(shape), operation.where);
}

/** Of a vector of extents: the one form in which it occurs outside of training. */
export function slice(operation: Operation): Value {
  const from = operation.constant(0);
  const [begin, end, step] = [1, 2, 3].map((index) => operation.constant(index, 'range').values[0]);
  const mask = (name: string) => (operation.attribute(name)?.i ?? 0) & 1;
  if (from.shape.length !== 1 || step !== 1) throw new Unsupported('only a slice of a list is supported');
  const start = mask('begin_mask') ? 0 : begin!;
  const values = mask('shrink_axis_mask')
    ? from.values.slice(start).slice(0, 1)
    : from.values.slice(start, mask('end_mask') ? undefined : end);
  return constant(mask('shrink_axis_mask') ? [] : [values.length], values, operation.where);
}

/** Of a vector of extents. */
export function gathered(operation: Operation): Value {
  const [from, indices] = [operation.constant(0), operation.constant(1, 'indices')];
  const axis = operation.inputs.length > 2 ? operation.constant(2, 'axis').values[0] : 0;
  if (from.shape.length !== 1 || axis !== 0) throw new Unsupported('only elements of a list can be gathered');
  const values = indices.values.map((index) => from.values[index] ?? Number.NaN);
  if (values.some(Number.isNaN)) throw new Unsupported('it gathers what is not there');
  return constant(indices.shape, values, operation.where);
}

/** Of a vector of extents; less than 0 when the batch is among them. */
export function product(operation: Operation): Value {
  const { shape, values } = operation.constant(0);
  if (shape.length !== 1 || operation.attribute('keep_dims')?.b === true) {
    throw new Unsupported('only the product of a list is supported');
  }
  return constant([], Float64Array.of(values.reduce((result, value) => result * value, 1)), operation.where);
}

export function pack(operation: Operation): Value {
  const parts = operation.inputs.map((_, index) => operation.constant(index));
  if (parts.some((part) => part.shape.length !== 0)) throw new Unsupported('only numbers can be packed');
  return constant(
    [parts.length],
    Float64Array.from(parts, (part) => part.values[0]!),
    operation.where,
  );
}

export function concatenate(operation: Operation): Value {
  const parts = operation.inputs.slice(0, -1);
  if (!parts.every((_, index) => operation.isConstant(index))) return joinLast(operation, parts.length);
  const values = parts.map((_, index) => operation.constant(index));
  if (values.some((part) => part.shape.length !== 1)) throw new Unsupported('only lists can be joined');
  const joined = values.flatMap((part) => [...part.values]);
  return constant([joined.length], Float64Array.from(joined), operation.where);
}

/** Along the last axis. */
function joinLast(operation: Operation, count: number): Value {
  const parts = Array.from({ length: count }, (_, index) => operation.data(index));
  const [axis] = operation.constant(count, 'axis').values;
  const [first] = parts as [Data, ...Data[]];
  const rank = first.shape.length + 1;
  if (axis !== -1 && axis !== rank - 1) {
    throw new Unsupported(`joining along axis ${axis} is not supported, only along the last one`);
  }
  const total = parts.reduce((sum, part) => sum + (part.shape.at(-1) ?? 0), 0);
  return operation.layer({ type: 'Concatenate' }, parts, [...first.shape.slice(0, -1), total]);
}

export function transposed(operation: Operation): Value {
  const order = [...operation.constant(1, 'order of axes').values];
  if (operation.isConstant(0)) return transpose(operation.constant(0), order, operation.where);
  const x = operation.data(0);
  if (order.every((axis, index) => axis === index)) return x;
  throw new Unsupported('transposing values is not supported');
}
