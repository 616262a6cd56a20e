/**
 * Shape inference: turns the normal form into operations with geometry, by the rules of Keras and
 * TensorFlow ('same' pads ceil(in / stride) windows into place, the odd cell at the bottom and right).
 */

import { InvalidModelError } from './errors.js';
import type {
  BatchNormalizationLayer,
  Conv2DLayer,
  DenseLayer,
  DepthwiseConv2DLayer,
  GlobalPooling2DLayer,
  Padding,
  Pair,
  Pooling2DLayer,
  ReshapeLayer,
  ScaleLayer,
  ZeroPadding2DLayer,
} from './layers.js';
import type { NormalForm, NormalNode } from './normalise.js';
import { type Operation, type OperationGraph, type OperationNode, windowExtent } from './operations.js';
import { type Conv2DGeometry, sizeOf } from './plan.js';

type Shape = readonly number[];
type ImageShape = readonly [height: number, width: number, channels: number];

interface Inferred {
  /** Null for layers that only rename the axes. */
  readonly operation: Operation | null;
  readonly outputShape: Shape;
}

/**
 * @returns the operations, and the shape of the model's output
 * @throws InvalidModelError naming the layer whose input or tensors do not fit
 */
export function inferShapes(
  inputShape: Shape,
  { nodes, output }: Pick<NormalForm, 'nodes' | 'output'>,
): { readonly graph: OperationGraph; readonly outputShape: Shape } {
  // What only renames the axes is the value that it reads, with another shape.
  const values = new Map([[0, { id: 0, shape: inputShape }]]);
  const operations: OperationNode[] = [];
  for (const node of nodes) {
    const inputs = node.inputs.map((input) => values.get(input)!);
    const shapes = inputs.map(({ shape }) => shape);
    const { operation, outputShape } = inferLayer(node, shapes);
    if (operation === null) {
      values.set(node.id, { id: inputs[0]!.id, shape: outputShape });
      continue;
    }
    const { name, id } = node;
    operations.push({ name, operation, id, inputs: inputs.map((input) => input.id), outputShape });
    values.set(id, { id, shape: outputShape });
  }
  const last = values.get(output)!;
  return { graph: { nodes: operations, output: last.id }, outputShape: last.shape };
}

function inferLayer({ name, layer }: NormalNode, inputs: readonly Shape[]): Inferred {
  const input = inputs[0]!;
  switch (layer.type) {
    case 'Conv2D':
      return inferConv2D(name, layer, input);
    case 'DepthwiseConv2D':
      return inferDepthwise(name, layer, input);
    case 'Dense':
      return inferDense(name, layer, input);
    case 'GlobalAveragePooling2D':
    case 'GlobalMaxPooling2D':
      return inferGlobalPooling(name, layer, input);
    case 'Add':
      return inferAdd(name, inputs);
    case 'Concatenate':
      return inferConcatenate(name, inputs);
    case 'Smooth':
      return { operation: { kind: 'activate', activation: layer.activation }, outputShape: input };
    case 'AveragePooling2D':
    case 'MaxPooling2D':
      return inferPooling(name, layer, input);
    case 'ZeroPadding2D':
      return inferZeroPadding(name, layer, input);
    case 'BatchNormalization':
      return { operation: batchNormalization(name, layer, input), outputShape: input };
    case 'Scale':
      return { operation: scaleAndShift(name, layer, input), outputShape: input };
    case 'Flatten':
      return { operation: null, outputShape: [sizeOf(input)] };
    case 'Reshape':
      return { operation: null, outputShape: reshaped(name, layer, input) };
    case 'ReLU':
      return { operation: { kind: 'rectify' }, outputShape: input };
  }
}

function inferConv2D(name: string, layer: Conv2DLayer, input: Shape): Inferred {
  const [, , inChannels] = imageShape(name, input);
  expectRank(name, 'kernel', layer.kernel.shape, 4);
  const [, , kernelChannels, outChannels] = layer.kernel.shape as [number, number, number, number];
  if (kernelChannels !== inChannels) {
    throw invalid(name, `its kernel reads ${kernelChannels} channels, its input has ${inChannels}`);
  }
  const bias = biasOf(name, layer, outChannels);
  const geometry = convolution(name, layer, input as ImageShape, outChannels);
  return {
    operation: { kind: 'linear', depthwise: false, geometry, kernel: layer.kernel.values, bias },
    outputShape: [geometry.outHeight, geometry.outWidth, outChannels],
  };
}

function convolution(
  name: string,
  layer: Conv2DLayer | DepthwiseConv2DLayer,
  [inHeight, inWidth, inChannels]: ImageShape,
  outChannels: number,
): Conv2DGeometry {
  const [kernelHeight, kernelWidth] = layer.kernel.shape as [number, number];
  const strides = positivePair(name, 'strides', layer.strides);
  const dilation = positivePair(name, 'dilation rate', layer.dilationRate);
  const [vertical, horizontal] = paddings(name, layer.padding);
  const rows = slide(name, inHeight, windowExtent(kernelHeight, dilation[0]), strides[0], vertical);
  const columns = slide(name, inWidth, windowExtent(kernelWidth, dilation[1]), strides[1], horizontal);
  return {
    inHeight,
    inWidth,
    inChannels,
    outHeight: rows.count,
    outWidth: columns.count,
    outChannels,
    kernelHeight,
    kernelWidth,
    strideHeight: strides[0],
    strideWidth: strides[1],
    dilationHeight: dilation[0],
    dilationWidth: dilation[1],
    padTop: rows.before,
    padLeft: columns.before,
  };
}

/** With a multiplier above one the channels mix, as in a convolution most of whose kernel is zero. */
function inferDepthwise(name: string, layer: DepthwiseConv2DLayer, input: Shape): Inferred {
  const image = imageShape(name, input);
  expectRank(name, 'kernel', layer.kernel.shape, 4);
  const [kernelHeight, kernelWidth, channels, multiplier] = layer.kernel.shape as [
    number,
    number,
    number,
    number,
  ];
  if (channels !== image[2]) {
    throw invalid(name, `its kernel reads ${channels} channels, its input has ${image[2]}`);
  }
  const outChannels = channels * multiplier;
  const geometry = convolution(name, layer, image, outChannels);
  const depthwise = multiplier === 1;
  const { values } = layer.kernel;
  const kernel = depthwise ? values : new Float64Array(kernelHeight * kernelWidth * channels * outChannels);
  if (!depthwise) {
    values.forEach((weight, index) => {
      const cell = Math.floor(index / outChannels);
      const out = index % outChannels;
      kernel[(cell * channels + Math.floor(out / multiplier)) * outChannels + out] = weight;
    });
  }
  const bias = biasOf(name, layer, outChannels);
  return {
    operation: { kind: 'linear', depthwise, geometry, kernel, bias },
    outputShape: [geometry.outHeight, geometry.outWidth, outChannels],
  };
}

function inferGlobalPooling(name: string, layer: GlobalPooling2DLayer, input: Shape): Inferred {
  const [height, width, channels] = imageShape(name, input);
  const type = layer.type === 'GlobalAveragePooling2D' ? 'AveragePooling2D' : 'MaxPooling2D';
  const window = [height, width] as const;
  const { operation } = inferPooling(
    name,
    { type, poolSize: window, strides: window, padding: 'valid' },
    input,
  );
  return { operation, outputShape: layer.keepDims ? [1, 1, channels] : [channels] };
}

function inferAdd(name: string, inputs: readonly Shape[]): Inferred {
  const [first, ...others] = inputs as [Shape, ...Shape[]];
  const differs = others.find((other) => other.join() !== first.join());
  if (differs !== undefined) {
    throw invalid(name, `it adds [${first.join(', ')}] and [${differs.join(', ')}]`);
  }
  return { operation: others.length === 0 ? null : { kind: 'add' }, outputShape: first };
}

function inferConcatenate(name: string, inputs: readonly Shape[]): Inferred {
  const [first, ...others] = inputs as [Shape, ...Shape[]];
  const rows = first.slice(0, -1);
  const differs = others.find((other) => other.slice(0, -1).join() !== rows.join());
  if (differs !== undefined) {
    throw invalid(name, `[${first.join(', ')}] and [${differs.join(', ')}] do not fit side by side`);
  }
  const channels = inputs.map((shape) => shape.at(-1)!);
  const total = channels.reduce((sum, each) => sum + each, 0);
  return {
    operation: others.length === 0 ? null : { kind: 'concatenate', channels },
    outputShape: [...rows, total],
  };
}

/** Keras applies Dense to the last axis: the axes before it are positions of a 1x1 convolution. */
function inferDense(name: string, layer: DenseLayer, input: Shape): Inferred {
  expectRank(name, 'kernel', layer.kernel.shape, 2);
  const [inputs, units] = layer.kernel.shape as [number, number];
  if (input.at(-1) !== inputs) {
    throw invalid(name, `its kernel reads ${inputs} inputs, its input has the shape [${input.join(', ')}]`);
  }
  return {
    operation: {
      kind: 'linear',
      depthwise: false,
      geometry: pointwise(sizeOf(input) / inputs, inputs, units),
      kernel: layer.kernel.values,
      bias: biasOf(name, layer, units),
    },
    outputShape: [...input.slice(0, -1), units],
  };
}

/** A 1x1 convolution over `positions` positions in a row. */
export function pointwise(positions: number, inChannels: number, outChannels: number) {
  return {
    inHeight: 1,
    inWidth: positions,
    inChannels,
    outHeight: 1,
    outWidth: positions,
    outChannels,
    kernelHeight: 1,
    kernelWidth: 1,
    strideHeight: 1,
    strideWidth: 1,
    dilationHeight: 1,
    dilationWidth: 1,
    padTop: 0,
    padLeft: 0,
  };
}

function inferPooling(name: string, layer: Pooling2DLayer, input: Shape): Inferred {
  const [inHeight, inWidth, channels] = imageShape(name, input);
  const pool = positivePair(name, 'pool size', layer.poolSize);
  const strides = positivePair(name, 'strides', layer.strides);
  const [vertical, horizontal] = paddings(name, layer.padding);
  const rows = slide(name, inHeight, pool[0], strides[0], vertical);
  const columns = slide(name, inWidth, pool[1], strides[1], horizontal);
  const geometry = {
    inHeight,
    inWidth,
    channels,
    outHeight: rows.count,
    outWidth: columns.count,
    poolHeight: pool[0],
    poolWidth: pool[1],
    strideHeight: strides[0],
    strideWidth: strides[1],
    padTop: rows.before,
    padLeft: columns.before,
  };
  return {
    operation: { kind: layer.type === 'MaxPooling2D' ? 'maxPool' : 'averagePool', geometry },
    outputShape: [rows.count, columns.count, channels],
  };
}

function inferZeroPadding(name: string, layer: ZeroPadding2DLayer, input: Shape): Inferred {
  const [inHeight, inWidth, channels] = imageShape(name, input);
  const [[top, bottom], [left, right]] = layer.padding;
  if (![top, bottom, left, right].every((cells) => Number.isSafeInteger(cells) && cells >= 0)) {
    throw invalid(name, 'its padding must be whole numbers, zero or more');
  }
  const outHeight = inHeight + top + bottom;
  const outWidth = inWidth + left + right;
  const outputShape = [outHeight, outWidth, channels];
  if (outHeight === inHeight && outWidth === inWidth) return { operation: null, outputShape };
  const geometry = { inHeight, inWidth, channels, outHeight, outWidth, padTop: top, padLeft: left };
  return { operation: { kind: 'pad', geometry }, outputShape };
}

/** gamma (x - mean) / sqrt(variance + epsilon) + beta, as x * scale + shift. */
function batchNormalization(name: string, layer: BatchNormalizationLayer, input: Shape): Operation {
  const channels = input.at(-1)!;
  for (const part of ['gamma', 'beta', 'movingMean', 'movingVariance'] as const) {
    const tensor = layer[part];
    if (tensor !== undefined && (tensor.shape.length !== 1 || tensor.shape[0] !== channels)) {
      throw invalid(name, `its ${part} has the shape [${tensor.shape.join(', ')}], expected [${channels}]`);
    }
  }
  if (!(layer.epsilon >= 0) || !layer.movingVariance.values.every((v) => v + layer.epsilon > 0)) {
    throw invalid(name, 'its moving variance plus epsilon must be above zero');
  }
  const scale = layer.movingVariance.values.map(
    (variance, channel) => (layer.gamma?.values[channel] ?? 1) / Math.sqrt(variance + layer.epsilon),
  );
  const shift = layer.movingMean.values.map(
    (mean, channel) => (layer.beta?.values[channel] ?? 0) - mean * scale[channel]!,
  );
  return { kind: 'scale', scale, shift };
}

function scaleAndShift(name: string, layer: ScaleLayer, input: Shape): Operation {
  const lengths = [layer.scale, layer.shift].flatMap((vector) => (vector ? [vector.values.length] : []));
  const length = Math.max(1, ...lengths);
  if (sizeOf(input) % length !== 0 || lengths.some((other) => length % other !== 0)) {
    throw invalid(name, `constants of ${lengths.join(' and ')} values do not fit [${input.join(', ')}]`);
  }
  const vector = (values: Float64Array | undefined, absent: number) =>
    Float64Array.from({ length }, (_, index) => values?.[index % values.length] ?? absent);
  return { kind: 'scale', scale: vector(layer.scale?.values, 1), shift: vector(layer.shift?.values, 0) };
}

function reshaped(name: string, layer: ReshapeLayer, input: Shape): Shape {
  const target = layer.targetShape;
  const size = sizeOf(input);
  const known = sizeOf(target.filter((extent) => extent !== -1));
  const unknown = target.filter((extent) => extent === -1).length;
  const fits = unknown === 0 ? known === size : unknown === 1 && size % known === 0;
  const valid = target.length > 0 && target.every((e) => Number.isSafeInteger(e) && (e > 0 || e === -1));
  if (!valid || !fits) {
    throw invalid(name, `[${input.join(', ')}] cannot be reshaped to [${target.join(', ')}]`);
  }
  return target.map((extent) => (extent === -1 ? size / known : extent));
}

type AxisPadding = 'valid' | 'same' | readonly [before: number, after: number];

/** The padding of the rows and of the columns. */
function paddings(name: string, padding: Padding): readonly [AxisPadding, AxisPadding] {
  if (padding === 'valid' || padding === 'same') return [padding, padding];
  if (!padding.flat().every((cells) => Number.isSafeInteger(cells) && cells >= 0)) {
    throw invalid(name, 'its padding must be whole numbers, zero or more');
  }
  return padding;
}

interface Windows {
  /** How many fit along one axis. */
  readonly count: number;
  /** Cells of padding before the first. */
  readonly before: number;
}

function slide(name: string, extent: number, window: number, stride: number, padding: AxisPadding): Windows {
  if (typeof padding !== 'string') {
    const [before, after] = padding;
    if (before >= window || after >= window) {
      throw invalid(name, `a padding of ${Math.max(before, after)} is as wide as its window of ${window}`);
    }
    return { count: slide(name, extent + before + after, window, stride, 'valid').count, before };
  }
  if (padding === 'valid') {
    if (window > extent) {
      throw invalid(name, `a window of ${window} does not fit into an input of ${extent}`);
    }
    return { count: Math.floor((extent - window) / stride) + 1, before: 0 };
  }
  const count = Math.ceil(extent / stride);
  return { count, before: Math.floor(Math.max((count - 1) * stride + window - extent, 0) / 2) };
}

function biasOf(
  name: string,
  layer: Conv2DLayer | DenseLayer | DepthwiseConv2DLayer,
  outputs: number,
): Float64Array | null {
  if (layer.bias === undefined) return null;
  if (layer.bias.shape.length !== 1 || layer.bias.shape[0] !== outputs) {
    throw invalid(name, `its bias has the shape [${layer.bias.shape.join(', ')}], expected [${outputs}]`);
  }
  return layer.bias.values;
}

function imageShape(name: string, shape: Shape): ImageShape {
  if (shape.length !== 3) {
    throw invalid(name, `it takes images [height, width, channels], its input is [${shape.join(', ')}]`);
  }
  return shape as unknown as ImageShape;
}

function expectRank(name: string, what: string, shape: Shape, rank: number): void {
  if (shape.length !== rank) {
    throw invalid(name, `its ${what} has the shape [${shape.join(', ')}], expected ${rank} axes`);
  }
}

function positivePair(name: string, what: string, pair: Pair): Pair {
  if (pair.length !== 2 || !pair.every((value) => Number.isSafeInteger(value) && value > 0)) {
    throw invalid(name, `its ${what} must be two positive whole numbers, not [${pair.join(', ')}]`);
  }
  return pair;
}

function invalid(name: string, problem: string): InvalidModelError {
  return new InvalidModelError(`Layer "${name}": ${problem}.`);
}
