/** ONNX's operations (onnx/docs/Operators.md), translated to layers or, where nothing depends on the input, computed. */
import {
  type ActivationName,
  type ExplicitPadding,
  type FloatTensor,
  type Layer,
  type Padding,
  type Pair,
  sizeOf,
} from '@trivet/mpc-core';
import type { LayerBuilder } from '../ops/builder.js';
import { combine, reshape, transpose } from '../ops/constants.js';
import { type Constant, constant, elementsOf } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import type { NodeMessage } from './messages.js';
import { sliced } from './slice.js';
import { tensorValue } from './tensor.js';
import {
  type Attributes,
  attributesOf,
  type Data,
  data,
  placesOf,
  type Value,
  vectorAlong,
} from './values.js';

export class Operation {
  readonly attributes: Attributes;

  /** @param inputs null for one that is left out */
  constructor(
    readonly node: NodeMessage,
    readonly inputs: readonly (Value | null)[],
    readonly name: string,
    readonly opset: number,
    private readonly builder: LayerBuilder,
  ) {
    this.attributes = attributesOf(node);
  }

  get where(): string {
    return `Operation "${this.name}" (${this.node.op})`;
  }

  data(index = 0): Data {
    const value = this.inputs[index];
    if (value?.kind !== 'data') throw new Unsupported('an input that is no constant is missing');
    return value;
  }

  constant(index: number): Constant {
    const value = this.inputs[index];
    if (value?.kind !== 'constant')
      throw new Unsupported("an input that has to be constant depends on the model's input");
    return value;
  }

  has(index: number): boolean {
    return (this.inputs[index] ?? null) !== null;
  }

  isConstant(index: number): boolean {
    return this.inputs[index]?.kind === 'constant';
  }

  ints(name: string): readonly number[] | undefined {
    return this.attributes.get(name)?.ints;
  }

  int(name: string, absent: number): number {
    return this.attributes.get(name)?.i ?? absent;
  }

  float(name: string, absent: number): number {
    return this.attributes.get(name)?.f ?? absent;
  }

  text(name: string): string {
    return new TextDecoder().decode(this.attributes.get(name)?.s);
  }

  layer(layer: Layer, from: readonly Data[], shape: readonly number[], order: Data['order']): Data {
    const inputs = from.map((each) => each.layer);
    return data(this.builder.add(this.name, inputs, layer), shape, order);
  }
}

type Translate = (operation: Operation) => Value;

const first: Translate = (operation) => operation.inputs[0] ?? operation.data();

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

function image(x: Data): readonly [channels: number, height: number, width: number] {
  if (x.order !== 'image') {
    throw new Unsupported(`it takes images [channels, height, width], its input is [${x.shape.join(', ')}]`);
  }
  return x.shape as unknown as readonly [number, number, number];
}

function convolution(operation: Operation): Value {
  const x = operation.data();
  const [channels, height, width] = image(x);
  const kernel = operation.constant(1);
  const group = operation.int('group', 1);
  if (kernel.shape.length !== 4) throw new Unsupported('only convolutions over two axes are supported');
  const [filters, own, ...window] = kernel.shape as [number, number, number, number];
  if (own * group !== channels)
    throw new Unsupported(`its kernel reads ${own * group} channels, its input has ${channels}`);
  const dilationRate = pair(operation.ints('dilations'));
  const strides = pair(operation.ints('strides'));
  const extents = window.map((extent, axis) => (extent - 1) * dilationRate[axis]! + 1) as [number, number];
  const { input, padding } = padding2d(operation, x, extents);
  const common = { strides, padding, dilationRate, activation: 'linear' as const };
  const bias = operation.has(2) ? { bias: tensor(operation.constant(2)) } : {};
  const shape = [filters, ...outputs([height, width], extents, strides, padding, input, x)];
  if (group === 1) {
    const last = tensor(transpose(kernel, [2, 3, 1, 0], operation.where));
    return operation.layer({ type: 'Conv2D', kernel: last, ...bias, ...common }, [input], shape, 'image');
  }
  if (own !== 1)
    throw new Unsupported(
      `convolutions in ${group} groups are not supported, only of each channel by itself`,
    );
  const each = transpose(kernel, [2, 3, 0, 1], operation.where);
  const split = reshape(each, [...window, channels, filters / channels], operation.where);
  return operation.layer(
    { type: 'DepthwiseConv2D', kernel: tensor(split), ...bias, ...common },
    [input],
    shape,
    'image',
  );
}

/** Padding as wide as the window is a layer of its own, before the operation. */
function padding2d(
  operation: Operation,
  x: Data,
  window: Pair,
): { readonly input: Data; readonly padding: Padding } {
  const auto = operation.text('auto_pad');
  if (auto === 'SAME_UPPER') return { input: x, padding: 'same' };
  if (auto !== '' && auto !== 'NOTSET' && auto !== 'VALID')
    throw new Unsupported(`the padding ${auto} is not supported`);
  const [top, left, bottom, right] = (auto === 'VALID' ? undefined : operation.ints('pads')) ?? [0, 0, 0, 0];
  const sides: ExplicitPadding = [
    [top ?? 0, bottom ?? 0],
    [left ?? 0, right ?? 0],
  ];
  if (sides.flat().every((cells) => cells === 0)) return { input: x, padding: 'valid' };
  const fits = sides.every((pads, axis) => pads.every((cells) => cells < window[axis]!));
  return fits ? { input: x, padding: sides } : { input: zeroPadding(operation, x, sides), padding: 'valid' };
}

function zeroPadding(operation: Operation, x: Data, padding: ExplicitPadding): Data {
  const [channels, height, width] = image(x);
  const [[top, bottom], [left, right]] = padding;
  const shape = [channels, height + top + bottom, width + left + right];
  return operation.layer({ type: 'ZeroPadding2D', padding }, [x], shape, 'image');
}

function outputs(
  extents: Pair,
  window: Pair,
  strides: Pair,
  padding: Padding,
  input: Data,
  before: Data,
): readonly number[] {
  return extents.map((own, axis) => {
    if (padding === 'same') return Math.ceil(own / strides[axis]!);
    const sides = typeof padding === 'string' ? 0 : padding[axis]![0] + padding[axis]![1];
    const extent = input === before ? own + sides : input.shape[axis + 1]!;
    return Math.floor((extent - window[axis]!) / strides[axis]!) + 1;
  });
}

function pooling(type: 'AveragePooling2D' | 'MaxPooling2D'): Translate {
  return (operation) => {
    const x = operation.data();
    const [channels, height, width] = image(x);
    const poolSize = pair(operation.ints('kernel_shape'));
    const strides = pair(operation.ints('strides'));
    if (operation.int('ceil_mode', 0) !== 0)
      throw new Unsupported('rounding the number of windows up is not supported');
    if (pair(operation.ints('dilations')).some((rate) => rate !== 1)) {
      throw new Unsupported('dilation of a pooling is not supported');
    }
    let { input, padding } = padding2d(operation, x, poolSize);
    if (type === 'MaxPooling2D' && input !== x)
      throw new Unsupported('padding as wide as its window is not supported');
    if (operation.int('count_include_pad', 0) === 1 && typeof padding !== 'string') {
      input = zeroPadding(operation, x, padding);
      padding = 'valid';
    }
    const shape = [channels, ...outputs([height, width], poolSize, strides, padding, input, x)];
    return operation.layer({ type, poolSize, strides, padding }, [input], shape, 'image');
  };
}

function globalPooling(type: 'GlobalAveragePooling2D' | 'GlobalMaxPooling2D'): Translate {
  return (operation) => {
    const x = operation.data();
    const [channels] = image(x);
    return operation.layer({ type, keepDims: true }, [x], [channels, 1, 1], 'image');
  };
}

function gemm(operation: Operation): Value {
  if (operation.int('transA', 0) !== 0) throw new Unsupported('a transposed input is not supported');
  const alpha = operation.float('alpha', 1);
  const beta = operation.float('beta', 1);
  const given = operation.constant(1);
  const factor = operation.int('transB', 0) === 0 ? given : transpose(given, [1, 0], operation.where);
  const kernel = { ...factor, values: factor.values.map((weight) => alpha * weight) };
  const bias = operation.has(2) ? operation.constant(2).values.map((each) => beta * each) : null;
  return dense(operation, kernel, bias);
}

function dense(operation: Operation, kernel: Constant, bias: Float64Array | null): Value {
  const x = operation.data();
  const [inputs, units] = kernel.shape as [number, number];
  if (x.shape.length !== 1 || kernel.shape.length !== 2 || x.shape[0] !== inputs) {
    throw new Unsupported('only a product of a batch of vectors with a matrix is supported');
  }
  if (bias !== null && bias.length !== units && bias.length !== 1) {
    throw new Unsupported(`a summand of ${bias.length} values for ${units} results is not supported`);
  }
  const places = placesOf(x);
  const values =
    places === null
      ? kernel.values
      : Float64Array.from(
          { length: inputs * units },
          (_, index) => kernel.values[places[Math.floor(index / units)]! * units + (index % units)]!,
        );
  const all =
    bias === null ? null : Float64Array.from({ length: units }, (_, unit) => bias[unit % bias.length]!);
  return operation.layer(
    {
      type: 'Dense',
      kernel: { shape: [inputs, units], values },
      ...(all === null ? {} : { bias: { shape: [units], values: all } }),
      activation: 'linear',
    },
    [x],
    [units],
    'plain',
  );
}

function add(operation: Operation): Value {
  if (operation.isConstant(0) || operation.isConstant(1)) return shifted(operation, (x) => x);
  const [a, b] = [operation.data(0), operation.data(1)];
  if (a.shape.join() !== b.shape.join() || String(a.order) !== String(b.order)) {
    throw new Unsupported(`adding [${a.shape.join(', ')}] and [${b.shape.join(', ')}] is not supported`);
  }
  return operation.layer({ type: 'Add' }, [a, b], a.shape, a.order);
}

/** x + sign(constant); with the constant first, sign is that of x too. */
function shifted(operation: Operation, sign: (x: number) => number): Value {
  const { where } = operation;
  if (operation.isConstant(0) && operation.isConstant(1)) {
    return combine(operation.constant(0), operation.constant(1), (a, b) => a + sign(b), where);
  }
  const constantFirst = operation.isConstant(0);
  const x = operation.data(constantFirst ? 1 : 0);
  const vector = vectorAlong(x, operation.constant(constantFirst ? 0 : 1), where);
  const negated = constantFirst && sign(1) === -1;
  const shift = vectorTensor(constantFirst ? vector : vector.map(sign));
  const scale = negated ? { scale: vectorTensor([-1]) } : {};
  return operation.layer({ type: 'Scale', ...scale, shift }, [x], x.shape, x.order);
}

/** x * factor(constant). */
function scaled(operation: Operation, factor: (x: number) => number): Value {
  const { where } = operation;
  if (operation.isConstant(0) && operation.isConstant(1)) {
    return combine(operation.constant(0), operation.constant(1), (a, b) => a * factor(b), where);
  }
  const constantFirst = operation.isConstant(0);
  if (constantFirst && operation.node.op === 'Div')
    throw new Unsupported('dividing by a value is not supported');
  const x = operation.data(constantFirst ? 1 : 0);
  const vector = vectorAlong(x, operation.constant(constantFirst ? 0 : 1), where);
  return operation.layer({ type: 'Scale', scale: vectorTensor(vector.map(factor)) }, [x], x.shape, x.order);
}

function batchNormalization(operation: Operation): Value {
  const x = operation.data();
  if (operation.int('training_mode', 0) !== 0)
    throw new Unsupported('it was saved for training, not for inference');
  if (x.order !== 'image' && x.shape.length !== 1)
    throw new Unsupported('only images and vectors can be normalized');
  const places = placesOf(x);
  const vector = (index: number): FloatTensor => {
    const { shape, values } = operation.constant(index);
    return { shape, values: places === null ? values : Float64Array.from(places, (place) => values[place]!) };
  };
  return operation.layer(
    {
      type: 'BatchNormalization',
      gamma: vector(1),
      beta: vector(2),
      movingMean: vector(3),
      movingVariance: vector(4),
      epsilon: operation.float('epsilon', 1e-5),
    },
    [x],
    x.shape,
    x.order,
  );
}

function activation(name: ActivationName): Translate {
  return (operation) => {
    const x = operation.data();
    return operation.layer({ type: 'Activation', activation: name }, [x], x.shape, x.order);
  };
}

function softmax(operation: Operation): Value {
  const x = operation.data();
  const axis = operation.int('axis', operation.opset < 13 ? 1 : -1);
  if (x.shape.length !== 1 || x.order !== 'plain' || (axis !== -1 && axis !== 1)) {
    throw new Unsupported('softmax is only supported over one row of classes');
  }
  return activation('softmax')(operation);
}

function clip(operation: Operation): Value {
  const bound = (index: number, name: string, absent: number) =>
    operation.has(index)
      ? operation.constant(index).values[0]!
      : (operation.attributes.get(name)?.f ?? absent);
  const low = bound(1, 'min', Number.NEGATIVE_INFINITY);
  const high = bound(2, 'max', Number.POSITIVE_INFINITY);
  if (low !== 0 || (high !== 6 && high < 3e38)) {
    throw new Unsupported(`limiting values to ${low} to ${high} is not supported, only 0 to 6`);
  }
  return activation(high === 6 ? 'relu6' : 'relu')(operation);
}

function reshaped(operation: Operation, x: Data, shape: readonly number[]): Data {
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

function squeezed(operation: Operation): Value {
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

function concatenate(operation: Operation): Value {
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
function transposed(operation: Operation): Value {
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

function padded(operation: Operation): Value {
  const x = operation.data();
  const sides = operation.ints('pads') ?? [...operation.constant(1).values];
  const mode = operation.text('mode');
  const fill = operation.has(2) ? operation.constant(2).values[0] : operation.float('value', 0);
  if (sides.every((cells) => cells === 0)) return x;
  if ((mode !== '' && mode !== 'constant') || fill !== 0)
    throw new Unsupported('only padding with zeros is supported');
  const [, , top, left, , , bottom, right] = sides as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const others = [sides[0], sides[1], sides[4], sides[5]];
  if (sides.length !== 8 || others.some((cells) => cells !== 0) || sides.some((cells) => cells < 0)) {
    throw new Unsupported('only rows and columns can be padded');
  }
  return zeroPadding(operation, x, [
    [top, bottom],
    [left, right],
  ]);
}

/** Of a list of extents. */
function gather(operation: Operation): Value {
  const [from, indices] = [operation.constant(0), operation.constant(1)];
  if (from.shape.length !== 1) throw new Unsupported('only elements of a list of constants can be gathered');
  const values = indices.values.map(
    (index) => from.values[index < 0 ? index + from.values.length : index] ?? Number.NaN,
  );
  return constant(indices.shape, values, operation.where);
}

function pair(list: readonly number[] | undefined): Pair {
  const [height = 1, width = 1, ...others] = list ?? [];
  if (others.length > 0 || !(height >= 1) || !(width >= 1)) {
    throw new Unsupported(`[${list?.join(', ')}] along the rows and columns is not supported`);
  }
  return [height, width];
}

function tensor({ shape, values }: Constant): FloatTensor {
  return { shape, values };
}

function vectorTensor(values: ArrayLike<number>): FloatTensor {
  return { shape: [values.length], values: Float64Array.from(values) };
}
