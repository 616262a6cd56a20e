/** ONNX's operations (onnx/docs/Operators.md), translated to layers or, where nothing depends on the input, computed. */
import { sizeOf } from '@trivet/mpc-core';
import { reshape } from '../ops/constants.js';
import { constant, elementsOf } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import {
  activation,
  add,
  batchNormalization,
  clip,
  dense,
  gemm,
  scaled,
  shifted,
  softmax,
} from './arithmetic.js';
import { convolution, globalPooling, padded, pooling } from './images.js';
import type { Operation, Translate } from './operation.js';
import { concatenate, gather, reshaped, squeezed, transposed } from './shapes.js';
import { sliced } from './slice.js';
import { tensorValue } from './tensor.js';
import type { Value } from './values.js';

export const first: Translate = (operation) => operation.inputs[0] ?? operation.data();

const OPERATIONS: Readonly<Record<string, Translate>> = {
  Identity: first,
  Dropout: first,
  Cast: first,
  Constant: (operation) => {
    const { attributes, where } = operation;
    const tensor = attributes.get('value')?.t;
    if (tensor !== undefined) return tensorValue(tensor);
    const number = attributes.get('value_float')?.f ?? attributes.get('value_int')?.i;
    if (number !== undefined) return constant([], Float64Array.of(number), where);
    const list = attributes.get('value_floats')?.floats ?? attributes.get('value_ints')?.ints;
    if (list === undefined) throw new Unsupported('a constant of this kind is not supported');
    return constant([list.length], Float64Array.from(list), where);
  },
  Conv: convolution,
  Gemm: gemm,
  MatMul: (operation) => dense(operation, operation.constant(1), null),
  Add: add,
  Sub: (operation) => shifted(operation, (x) => -x),
  Mul: (operation) => scaled(operation, (x) => x),
  Div: (operation) => scaled(operation, (x) => 1 / x),
  BatchNormalization: batchNormalization,
  Relu: activation('relu'),
  Sigmoid: activation('sigmoid'),
  Tanh: activation('tanh'),
  Softmax: softmax,
  LeakyRelu: (operation) => {
    const x = operation.data();
    const slope = operation.float('alpha', 0.01);
    return operation.layer({ type: 'LeakyReLU', slope }, [x], x.shape, x.order);
  },
  Clip: clip,
  MaxPool: pooling('MaxPooling2D'),
  AveragePool: pooling('AveragePooling2D'),
  GlobalAveragePool: globalPooling('GlobalAveragePooling2D'),
  GlobalMaxPool: globalPooling('GlobalMaxPooling2D'),
  Flatten: (operation) => {
    if (operation.int('axis', 1) !== 1) throw new Unsupported('only all axes of a sample can be flattened');
    const x = operation.data();
    return reshaped(operation, x, [sizeOf(x.shape)]);
  },
  Reshape: (operation) => {
    const target = [...operation.constant(1).values];
    if (operation.isConstant(0)) return reshape(operation.constant(0), target, operation.where);
    const x = operation.data();
    // 0 keeps an axis; the first one is the batch, whatever extent it was given.
    const sample = target.slice(1).map((extent, axis) => (extent === 0 ? (x.shape[axis] ?? 0) : extent));
    const known = sizeOf(sample.filter((extent) => extent !== -1));
    return reshaped(
      operation,
      x,
      sample.map((extent) => (extent === -1 ? sizeOf(x.shape) / known : extent)),
    );
  },
  Squeeze: squeezed,
  Unsqueeze: squeezed,
  Concat: concatenate,
  Transpose: transposed,
  Pad: padded,
  Shape: (operation) => {
    const shape = operation.isConstant(0) ? operation.constant(0).shape : [-1, ...operation.data().shape];
    return constant([shape.length], Float64Array.from(shape), operation.where);
  },
  Gather: gather,
  Slice: (operation) => {
    const [axes, steps] = [3, 4].map((index) =>
      operation.has(index) ? operation.constant(index).values : null,
    );
    return sliced(
      operation.constant(0),
      operation.constant(1).values,
      operation.constant(2).values,
      axes!,
      steps!,
    );
  },
  ConstantOfShape: (operation) => {
    const shape = [...operation.constant(0).values];
    const fill = operation.attributes.get('value')?.t;
    const value = fill === undefined ? 0 : (tensorValue(fill).values[0] ?? 0);
    return constant(shape, new Float64Array(elementsOf(shape, operation.where)).fill(value), operation.where);
  },
};

/**
 * @throws Unsupported when the operation cannot be evaluated
 * @throws ModelFormatError when its attributes or constants make no sense
 */
export function translate(operation: Operation): Value {
  const { op, domain } = operation.node;
  if (!isSupported(op) || (domain !== '' && domain !== 'ai.onnx')) {
    throw new Unsupported('this operation is not supported');
  }
  return OPERATIONS[op]!(operation);
}

export function isSupported(op: string): boolean {
  return Object.hasOwn(OPERATIONS, op);
}
