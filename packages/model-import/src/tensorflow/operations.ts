/**
 * TensorFlow's operations, translated to layers or, where nothing depends on the input, computed. Names and attributes:
 * tensorflow/core/ops. What Trivet cannot evaluate is thrown as Unsupported and becomes a layer of that kind.
 */
import {
  type ActivationName,
  type FloatTensor,
  type Layer,
  type Padding,
  type Pair,
  sizeOf,
} from '@trivet/mpc-core';
import type { LayerBuilder } from '../ops/builder.js';
import { combine, repeatingVector, reshape, transpose } from '../ops/constants.js';
import { type Constant, constant } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import type { Attribute, NodeMessage } from './messages.js';

/** A value that depends on the model's input. */
export interface Data {
  readonly kind: 'data';
  /** The layer that gives it. */
  readonly layer: string;
  /** Shape of one sample; empty for one number. */
  readonly shape: readonly number[];
}

/** What an unsupported operation gives: nothing is known about it. */
export interface Unknown {
  readonly kind: 'unknown';
  readonly layer: string;
}

/** A variable that nothing has read yet. */
export interface Variable {
  readonly kind: 'variable';
  readonly node: string;
}

export type Value = Constant | Data | Unknown | Variable;

/** One node, with the values that it reads. */
export class Operation {
  constructor(
    readonly node: NodeMessage,
    readonly inputs: readonly Value[],
    private readonly builder: LayerBuilder,
    private readonly readVariable: (node: string) => Constant,
  ) {}

  get where(): string {
    return `Operation "${this.node.name}" (${this.node.op})`;
  }

  attribute(name: string): Attribute | undefined {
    return this.node.attr.get(name);
  }

  /** An input that depends on the model's input. */
  data(index: number): Data {
    const value = this.inputs[index];
    if (value?.kind !== 'data') throw new Unsupported('an input that is no constant is missing');
    return value;
  }

  /** An input that does not: a constant, or the value of a variable. */
  constant(index: number, what = 'input'): Constant {
    const value = this.inputs[index];
    if (value?.kind === 'constant') return value;
    if (value?.kind === 'variable') return this.readVariable(value.node);
    throw new Unsupported(`its ${what} depends on the model's input`);
  }

  isConstant(index: number): boolean {
    const kind = this.inputs[index]?.kind;
    return kind === 'constant' || kind === 'variable';
  }

  /** Adds a layer that reads `from`. */
  layer(layer: Layer, from: readonly Data[], shape: readonly number[]): Data {
    const inputs = from.map((each) => each.layer);
    return { kind: 'data', layer: this.builder.add(this.node.name, inputs, layer), shape };
  }
}

type Translate = (operation: Operation) => Value;

const first: Translate = ({ inputs }) => {
  const value = inputs[0];
  if (value === undefined) throw new Unsupported('it has no input');
  return value;
};

const OPERATIONS: Readonly<Record<string, Translate>> = {
  Identity: first,
  IdentityN: first,
  StopGradient: first,
  PreventGradient: first,
  CheckNumerics: first,
  EnsureShape: first,
  Cast: first,
  ReadVariableOp: (operation) => operation.constant(0),
  MatMul: matMul,
  Conv2D: conv2d,
  BiasAdd: (operation) => {
    requireChannelsLast(operation);
    return shift(operation, 0, 1, 1);
  },
  Add: add,
  AddV2: add,
  Sub: subtract,
  Mul: multiply,
  RealDiv: divide,
  Div: divide,
  Rsqrt: elementwise((x) => 1 / Math.sqrt(x)),
  Sqrt: elementwise(Math.sqrt),
  Neg: negate,
  FusedBatchNorm: batchNormalization,
  FusedBatchNormV2: batchNormalization,
  FusedBatchNormV3: batchNormalization,
  DepthwiseConv2dNative: depthwise,
  Relu: activation('relu'),
  Relu6: activation('relu6'),
  Sigmoid: activation('sigmoid'),
  Tanh: activation('tanh'),
  LeakyRelu: leakyRelu,
  Softmax: activation('softmax'),
  AvgPool: pooling('AveragePooling2D'),
  MaxPool: pooling('MaxPooling2D'),
  Mean: reduction('GlobalAveragePooling2D'),
  Max: reduction('GlobalMaxPooling2D'),
  Reshape: reshaped,
  Squeeze: squeezed,
  ExpandDims: expanded,
  Pad: padded,
  PadV2: padded,
  Shape: shapeOf,
  StridedSlice: slice,
  Pack: pack,
  ConcatV2: concatenate,
  Transpose: transposed,
};

/**
 * @throws Unsupported when the operation cannot be evaluated
 * @throws ModelFormatError when its attributes or constants make no sense
 */
export function translate(operation: Operation): Value {
  const own = Object.hasOwn(OPERATIONS, operation.node.op) ? OPERATIONS[operation.node.op] : undefined;
  if (own === undefined) throw new Unsupported('this operation is not supported');
  return own(operation);
}

export function isSupported(op: string): boolean {
  return Object.hasOwn(OPERATIONS, op);
}

function matMul(operation: Operation): Value {
  const x = operation.data(0);
  if (operation.attribute('transpose_a')?.b === true)
    throw new Unsupported('a transposed input is not supported');
  let kernel = operation.constant(1, 'second factor');
  if (operation.attribute('transpose_b')?.b === true) kernel = transpose(kernel, [1, 0], operation.where);
  if (x.shape.length !== 1 || kernel.shape.length !== 2) {
    throw new Unsupported('only a product of a batch of vectors with a matrix is supported');
  }
  return operation.layer(
    { type: 'Dense', kernel: tensor(kernel), activation: 'linear' },
    [x],
    [kernel.shape[1]!],
  );
}

function conv2d(operation: Operation): Value {
  requireChannelsLast(operation);
  const kernel = operation.constant(1, 'kernel');
  const strides = spatial(operation, 'strides');
  const dilationRate = spatial(operation, 'dilations');
  const { input, padding } = paddingOf(operation, operation.data(0));
  const window = kernel.shape.map((extent, axis) => (extent - 1) * (dilationRate[axis] ?? 1) + 1);
  const [height, width, channels] = image(input);
  if (kernel.shape.length !== 4 || kernel.shape[2] !== channels) {
    throw new Unsupported(`a kernel of the shape [${kernel.shape.join(', ')}] is not supported`);
  }
  return operation.layer(
    { type: 'Conv2D', kernel: tensor(kernel), strides, padding, dilationRate, activation: 'linear' },
    [input],
    [
      windows(height, window[0]!, strides[0], padding),
      windows(width, window[1]!, strides[1], padding),
      kernel.shape[3]!,
    ],
  );
}

/** The kernel is [height, width, channels, multiplier]. */
function depthwise(operation: Operation): Value {
  requireChannelsLast(operation);
  const kernel = operation.constant(1, 'kernel');
  const strides = spatial(operation, 'strides');
  const dilationRate = spatial(operation, 'dilations');
  const { input, padding } = paddingOf(operation, operation.data(0));
  const [height, width, channels] = image(input);
  const [rows, columns, own, multiplier] = kernel.shape as [number, number, number, number];
  if (kernel.shape.length !== 4 || own !== channels) {
    throw new Unsupported(`a kernel of the shape [${kernel.shape.join(', ')}] is not supported`);
  }
  const shape = [
    windows(height, (rows - 1) * dilationRate[0] + 1, strides[0], padding),
    windows(width, (columns - 1) * dilationRate[1] + 1, strides[1], padding),
    channels * multiplier,
  ];
  const common = { strides, padding, dilationRate, activation: 'linear' as const };
  return operation.layer({ type: 'DepthwiseConv2D', kernel: tensor(kernel), ...common }, [input], shape);
}

function leakyRelu(operation: Operation): Value {
  const x = operation.data(0);
  return operation.layer({ type: 'LeakyReLU', slope: operation.attribute('alpha')?.f ?? 0.2 }, [x], x.shape);
}

/** Explicit padding becomes a layer of its own, before the operation. */
function paddingOf(operation: Operation, input: Data): { readonly input: Data; readonly padding: Padding } {
  const text = new TextDecoder().decode(operation.attribute('padding')?.s);
  if (text === 'SAME' || text === 'VALID') return { input, padding: text === 'SAME' ? 'same' : 'valid' };
  const sides = operation.attribute('explicit_paddings')?.list?.i ?? [];
  if (text !== 'EXPLICIT' || sides.length !== 8)
    throw new Unsupported(`the padding "${text}" is not supported`);
  return { input: zeroPadding(operation, input, sides), padding: 'valid' };
}

/** @param sides before and after, for each of the batch, the rows, the columns and the channels */
function zeroPadding(operation: Operation, input: Data, sides: readonly number[]): Data {
  const [height, width, channels] = image(input);
  const [top, bottom, left, right] = sides.slice(2, 6) as [number, number, number, number];
  if (sides.some((cells, index) => cells < 0 || (cells > 0 && (index < 2 || index > 5)))) {
    throw new Unsupported('only rows and columns can be padded');
  }
  return operation.layer(
    {
      type: 'ZeroPadding2D',
      padding: [
        [top, bottom],
        [left, right],
      ],
    },
    [input],
    [height + top + bottom, width + left + right, channels],
  );
}

function padded(operation: Operation): Value {
  const sides = operation.constant(1, 'padding');
  const fill = operation.inputs.length > 2 ? operation.constant(2, 'fill value').values[0] : 0;
  if (fill !== 0) throw new Unsupported(`padding with ${fill} is not supported, only with 0`);
  return zeroPadding(operation, operation.data(0), [...sides.values]);
}

function add(operation: Operation): Value {
  if (operation.isConstant(0) && operation.isConstant(1)) return fold(operation, (a, b) => a + b);
  if (!operation.isConstant(0) && !operation.isConstant(1)) {
    const [a, b] = [operation.data(0), operation.data(1)];
    if (a.shape.join() !== b.shape.join()) {
      throw new Unsupported(`adding [${a.shape.join(', ')}] and [${b.shape.join(', ')}] is not supported`);
    }
    return operation.layer({ type: 'Add' }, [a, b], a.shape);
  }
  return operation.isConstant(1) ? shift(operation, 0, 1, 1) : shift(operation, 1, 0, 1);
}

function subtract(operation: Operation): Value {
  if (operation.isConstant(0) && operation.isConstant(1)) return fold(operation, (a, b) => a - b);
  if (operation.isConstant(1)) return shift(operation, 0, 1, -1);
  const x = operation.data(1);
  const vector = along(operation, x, operation.constant(0, 'minuend'));
  return operation.layer(
    { type: 'Scale', scale: vectorTensor([-1]), shift: vectorTensor(vector) },
    [x],
    x.shape,
  );
}

function multiply(operation: Operation): Value {
  if (operation.isConstant(0) && operation.isConstant(1)) return fold(operation, (a, b) => a * b);
  return operation.isConstant(1) ? scale(operation, 0, 1, (x) => x) : scale(operation, 1, 0, (x) => x);
}

function divide(operation: Operation): Value {
  if (operation.isConstant(0) && operation.isConstant(1)) return fold(operation, (a, b) => a / b);
  return scale(operation, 0, 1, (x) => 1 / x);
}

function negate(operation: Operation): Value {
  if (operation.isConstant(0)) return elementwise((x) => -x)(operation);
  const x = operation.data(0);
  return operation.layer({ type: 'Scale', scale: vectorTensor([-1]) }, [x], x.shape);
}

function fold(operation: Operation, compute: (a: number, b: number) => number): Value {
  return combine(operation.constant(0), operation.constant(1), compute, operation.where);
}

function elementwise(compute: (x: number) => number): Translate {
  return (operation) => {
    const value = operation.constant(0);
    return { ...value, values: value.values.map(compute) };
  };
}

/** x + sign * constant. */
function shift(operation: Operation, data: number, other: number, sign: number): Value {
  const x = operation.data(data);
  const vector = along(operation, x, operation.constant(other, 'other input'));
  const values = vector.map((value) => sign * value);
  return operation.layer({ type: 'Scale', shift: vectorTensor(values) }, [x], x.shape);
}

/** x * factor(constant). */
function scale(operation: Operation, data: number, other: number, factor: (x: number) => number): Value {
  const x = operation.data(data);
  const vector = along(operation, x, operation.constant(other, 'other input'));
  return operation.layer({ type: 'Scale', scale: vectorTensor(vector.map(factor)) }, [x], x.shape);
}

function along(operation: Operation, x: Data, value: Constant): Float64Array {
  const vector = repeatingVector(value, x.shape, operation.where);
  if (vector === null) {
    throw new Unsupported(
      `a constant of the shape [${value.shape.join(', ')}] does not fit samples of [${x.shape.join(', ')}]`,
    );
  }
  return vector;
}

function batchNormalization(operation: Operation): Value {
  requireChannelsLast(operation);
  if (operation.attribute('is_training')?.b !== false) {
    throw new Unsupported('it was saved for training, not for inference');
  }
  const x = operation.data(0);
  const vector = (index: number, what: string) => tensor(operation.constant(index, what));
  return operation.layer(
    {
      type: 'BatchNormalization',
      gamma: vector(1, 'scale'),
      beta: vector(2, 'offset'),
      movingMean: vector(3, 'mean'),
      movingVariance: vector(4, 'variance'),
      epsilon: operation.attribute('epsilon')?.f ?? 1e-4,
    },
    [x],
    x.shape,
  );
}

function activation(name: ActivationName): Translate {
  return (operation) => {
    const x = operation.data(0);
    return operation.layer({ type: 'Activation', activation: name }, [x], x.shape);
  };
}

function pooling(type: 'AveragePooling2D' | 'MaxPooling2D'): Translate {
  return (operation) => {
    requireChannelsLast(operation);
    const x = operation.data(0);
    const [height, width, channels] = image(x);
    const poolSize = spatial(operation, 'ksize');
    const strides = spatial(operation, 'strides');
    const text = new TextDecoder().decode(operation.attribute('padding')?.s);
    if (text !== 'SAME' && text !== 'VALID') throw new Unsupported(`the padding "${text}" is not supported`);
    const padding = text === 'SAME' ? 'same' : 'valid';
    return operation.layer(
      { type, poolSize, strides, padding },
      [x],
      [
        windows(height, poolSize[0], strides[0], padding),
        windows(width, poolSize[1], strides[1], padding),
        channels,
      ],
    );
  };
}

/** Over all rows and columns: global pooling. */
function reduction(type: 'GlobalAveragePooling2D' | 'GlobalMaxPooling2D'): Translate {
  return (operation) => {
    const x = operation.data(0);
    const [, , channels] = image(x);
    const axes = [...operation.constant(1, 'list of axes').values].map((axis) =>
      axis < 0 ? axis + 4 : axis,
    );
    if (axes.toSorted().join() !== '1,2')
      throw new Unsupported('only reducing rows and columns is supported');
    const keepDims = operation.attribute('keep_dims')?.b === true;
    return operation.layer({ type, keepDims }, [x], keepDims ? [1, 1, channels] : [channels]);
  };
}

function reshaped(operation: Operation): Value {
  const target = [...operation.constant(1, 'shape').values];
  if (operation.isConstant(0)) return reshape(operation.constant(0), target, operation.where);
  const x = operation.data(0);
  const size = sizeOf(x.shape);
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

function squeezed(operation: Operation): Value {
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

function expanded(operation: Operation): Value {
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

function shapeOf(operation: Operation): Value {
  const shape = operation.isConstant(0) ? operation.constant(0).shape : [-1, ...operation.data(0).shape];
  return constant([shape.length], Float64Array.from(shape), operation.where);
}

/** Of a vector of extents: the one form in which it occurs outside of training. */
function slice(operation: Operation): Value {
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

function pack(operation: Operation): Value {
  const parts = operation.inputs.map((_, index) => operation.constant(index));
  if (parts.some((part) => part.shape.length !== 0)) throw new Unsupported('only numbers can be packed');
  return constant(
    [parts.length],
    Float64Array.from(parts, (part) => part.values[0]!),
    operation.where,
  );
}

function concatenate(operation: Operation): Value {
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

function transposed(operation: Operation): Value {
  const order = [...operation.constant(1, 'order of axes').values];
  if (operation.isConstant(0)) return transpose(operation.constant(0), order, operation.where);
  const x = operation.data(0);
  if (order.every((axis, index) => axis === index)) return x;
  throw new Unsupported('transposing values is not supported');
}

function image(x: Data): readonly [height: number, width: number, channels: number] {
  if (x.shape.length !== 3) {
    throw new Unsupported(`it takes images, its input has the shape [${x.shape.join(', ')}]`);
  }
  return x.shape as unknown as readonly [number, number, number];
}

function windows(extent: number, window: number, stride: number, padding: Padding): number {
  return padding === 'same' ? Math.ceil(extent / stride) : Math.floor((extent - window) / stride) + 1;
}

/** The rows' and columns' entries of an attribute with one number for each of the four axes. */
function spatial(operation: Operation, name: string): Pair {
  const list = operation.attribute(name)?.list?.i ?? [1, 1, 1, 1];
  if (list.length !== 4 || list[0] !== 1 || list[3] !== 1 || !list.every((each) => each >= 1)) {
    throw new Unsupported(`${name} of [${list.join(', ')}] are not supported`);
  }
  return [list[1]!, list[2]!];
}

function requireChannelsLast(operation: Operation): void {
  const format = new TextDecoder().decode(operation.attribute('data_format')?.s);
  if (format !== '' && format !== 'NHWC') {
    throw new Unsupported(`the data format "${format}" is not supported, only NHWC`);
  }
}

function tensor({ shape, values }: Constant): FloatTensor {
  return { shape, values };
}

function vectorTensor(values: ArrayLike<number>): FloatTensor {
  return { shape: [values.length], values: Float64Array.from(values) };
}
