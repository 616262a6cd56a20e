/** Operations on images: convolution, pooling, padding. Names and attributes: tensorflow/core/ops. */
import type { Padding, Pair } from '@trivet/mpc-core';
import { Unsupported } from '../unsupported.js';
import {
  type Data,
  image,
  type Operation,
  requireChannelsLast,
  type Translate,
  tensor,
  type Value,
} from './operation.js';

export function conv2d(operation: Operation): Value {
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
export function depthwise(operation: Operation): Value {
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

export function padded(operation: Operation): Value {
  const sides = operation.constant(1, 'padding');
  const fill = operation.inputs.length > 2 ? operation.constant(2, 'fill value').values[0] : 0;
  if (fill !== 0) throw new Unsupported(`padding with ${fill} is not supported, only with 0`);
  return zeroPadding(operation, operation.data(0), [...sides.values]);
}

export function pooling(type: 'AveragePooling2D' | 'MaxPooling2D'): Translate {
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
export function reduction(type: 'GlobalAveragePooling2D' | 'GlobalMaxPooling2D'): Translate {
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
