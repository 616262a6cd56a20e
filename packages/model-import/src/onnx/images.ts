/** Operations on images: convolution, pooling, padding (onnx/docs/Operators.md). */
import type { ExplicitPadding, Padding, Pair } from '@trivet/mpc-core';
import { reshape, transpose } from '../ops/constants.js';
import { Unsupported } from '../unsupported.js';
import { image, type Operation, pair, type Translate, tensor } from './operation.js';
import type { Data, Value } from './values.js';

export function convolution(operation: Operation): Value {
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

export function pooling(type: 'AveragePooling2D' | 'MaxPooling2D'): Translate {
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

export function globalPooling(type: 'GlobalAveragePooling2D' | 'GlobalMaxPooling2D'): Translate {
  return (operation) => {
    const x = operation.data();
    const [channels] = image(x);
    return operation.layer({ type, keepDims: true }, [x], [channels, 1, 1], 'image');
  };
}

export function padded(operation: Operation): Value {
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
