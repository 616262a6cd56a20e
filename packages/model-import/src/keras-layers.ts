/**
 * Translates one Keras layer, class name and config, to a layer of the graph. tfjs writes the same names and
 * configs as Keras, so both importers share this. Defaults are those of Keras 2.
 *
 * What Trivet cannot evaluate becomes an Unsupported layer with the reason; only a config that makes no sense
 * throws.
 */
import type { ActivationName, FloatTensor, Layer, Padding, UnsupportedLayer } from '@trivet/mpc-core';
import type { LayerConfig } from './config.js';
import { Unsupported } from './unsupported.js';
import { requireWeight, type WeightSource } from './weights.js';

/** A layer that reads one tensor whose rank, with the batch axis, is `rank`. */
type Translator = (config: LayerConfig, weights: WeightSource, rank: number) => Layer;

const dropped: Translator = () => ({ type: 'Dropout' });

const TRANSLATORS: Readonly<Record<string, Translator>> = {
  Conv2D: conv2d,
  Convolution2D: conv2d,
  DepthwiseConv2D: depthwiseConv2d,
  SeparableConv2D: separableConv2d,
  SeparableConvolution2D: separableConv2d,
  Dense: dense,
  AveragePooling2D: pooling('AveragePooling2D'),
  MaxPooling2D: pooling('MaxPooling2D'),
  GlobalAveragePooling2D: globalPooling('GlobalAveragePooling2D'),
  GlobalMaxPooling2D: globalPooling('GlobalMaxPooling2D'),
  Add: () => ({ type: 'Add' }),
  Concatenate: concatenate,
  BatchNormalization: batchNormalization,
  Flatten: (config) => {
    requireChannelsLast(config);
    return { type: 'Flatten' };
  },
  Reshape: (config) => ({ type: 'Reshape', targetShape: targetShape(config) }),
  ZeroPadding2D: (config) => {
    requireChannelsLast(config);
    return { type: 'ZeroPadding2D', padding: zeroPadding(config) };
  },
  Activation: (config) => ({ type: 'Activation', activation: activation(config) }),
  ReLU: relu,
  LeakyReLU: leakyRelu,
  Identity: dropped,
  Softmax: softmax,
  // The identity at inference.
  Dropout: dropped,
  SpatialDropout2D: dropped,
  AlphaDropout: dropped,
  GaussianDropout: dropped,
  GaussianNoise: dropped,
  ActivityRegularization: dropped,
};

/** @throws ModelFormatError when an option or a weight makes no sense */
export function translateLayer(config: LayerConfig, weights: WeightSource, rank: number): Layer {
  const translate = Object.hasOwn(TRANSLATORS, config.className) ? TRANSLATORS[config.className] : undefined;
  if (translate === undefined)
    return unsupportedLayer(config.className, 'this kind of layer is not supported');
  try {
    return translate(config, weights, rank);
  } catch (error) {
    if (error instanceof Unsupported) return unsupportedLayer(config.className, error.reason);
    throw error;
  }
}

export function unsupportedLayer(className: string, reason: string): UnsupportedLayer {
  return { type: 'Unsupported', className, reason };
}

/** The rank, with the batch axis, of a layer's result. */
export function rankAfter(layer: Layer, rank: number): number {
  if (layer.type === 'Flatten') return 2;
  if (layer.type === 'Reshape') return layer.targetShape.length + 1;
  if (layer.type === 'GlobalAveragePooling2D' || layer.type === 'GlobalMaxPooling2D') {
    return layer.keepDims ? 4 : 2;
  }
  return rank;
}

function conv2d(config: LayerConfig, weights: WeightSource): Layer {
  requireChannelsLast(config);
  const groups = config.number('groups', 1);
  if (groups !== 1) throw new Unsupported(`groups of ${groups} are not supported`);
  const [height, width] = config.pair('kernel_size');
  const filters = config.integer('filters');
  const common = {
    type: 'Conv2D' as const,
    ...sliding(config),
    kernel: requireWeight(weights, config, 'kernel', [height, width, -1, filters]),
  };
  if (!config.boolean('use_bias', true)) return common;
  return { ...common, bias: requireWeight(weights, config, 'bias', [filters]) };
}

/** What all convolutions have. */
function sliding(config: LayerConfig) {
  return {
    strides: config.pair('strides', [1, 1]),
    padding: padding(config),
    dilationRate: config.pair('dilation_rate', [1, 1]),
    activation: activation(config),
  };
}

/** Keras calls the kernel "depthwise_kernel", and Keras 3 "kernel". */
function depthwiseKernel(config: LayerConfig, weights: WeightSource): FloatTensor {
  const [height, width] = config.pair('kernel_size');
  // tfjs leaves the multiplier of a separable convolution out.
  const multiplier = config.raw('depth_multiplier') === undefined ? -1 : config.integer('depth_multiplier');
  const name = weights.find(config.layerName, 'depthwise_kernel') ? 'depthwise_kernel' : 'kernel';
  return requireWeight(weights, config, name, [height, width, -1, multiplier]);
}

function depthwiseConv2d(config: LayerConfig, weights: WeightSource): Layer {
  requireChannelsLast(config);
  const kernel = depthwiseKernel(config, weights);
  const common = { type: 'DepthwiseConv2D' as const, ...sliding(config), kernel };
  if (!config.boolean('use_bias', true)) return common;
  const [, , channels, multiplier] = kernel.shape as [number, number, number, number];
  return { ...common, bias: requireWeight(weights, config, 'bias', [channels * multiplier]) };
}

function separableConv2d(config: LayerConfig, weights: WeightSource): Layer {
  requireChannelsLast(config);
  const filters = config.integer('filters');
  const depthwise = depthwiseKernel(config, weights);
  const [, , channels, multiplier] = depthwise.shape as [number, number, number, number];
  const pointwise = [1, 1, channels * multiplier, filters];
  const common = {
    type: 'SeparableConv2D' as const,
    ...sliding(config),
    depthwiseKernel: depthwise,
    pointwiseKernel: requireWeight(weights, config, 'pointwise_kernel', pointwise),
  };
  if (!config.boolean('use_bias', true)) return common;
  return { ...common, bias: requireWeight(weights, config, 'bias', [filters]) };
}

function globalPooling(type: 'GlobalAveragePooling2D' | 'GlobalMaxPooling2D'): Translator {
  return (config) => {
    requireChannelsLast(config);
    return { type, keepDims: config.boolean('keepdims', false) };
  };
}

function concatenate(config: LayerConfig, _weights: WeightSource, rank: number): Layer {
  const axis = config.number('axis', -1);
  if (axis !== -1 && axis !== rank - 1) {
    throw new Unsupported(`joining along axis ${axis} is not supported, only along the last one`);
  }
  return { type: 'Concatenate' };
}

function leakyRelu(config: LayerConfig): Layer {
  // Keras 2 and tfjs call the slope alpha.
  const slope = config.number('negative_slope', config.number('alpha', 0.3));
  return { type: 'LeakyReLU', slope };
}

function dense(config: LayerConfig, weights: WeightSource): Layer {
  const units = config.integer('units');
  const common = {
    type: 'Dense' as const,
    activation: activation(config),
    kernel: requireWeight(weights, config, 'kernel', [-1, units]),
  };
  if (!config.boolean('use_bias', true)) return common;
  return { ...common, bias: requireWeight(weights, config, 'bias', [units]) };
}

function pooling(type: 'AveragePooling2D' | 'MaxPooling2D'): Translator {
  return (config) => {
    requireChannelsLast(config);
    const dilation = config.pair('dilation_rate', [1, 1]);
    if (dilation.some((rate) => rate !== 1)) throw new Unsupported('dilation of a pooling is not supported');
    const poolSize = config.pair('pool_size', [2, 2]);
    return { type, poolSize, strides: config.pair('strides', poolSize), padding: padding(config) };
  };
}

function batchNormalization(config: LayerConfig, weights: WeightSource, rank: number): Layer {
  const raw = config.raw('axis') ?? -1;
  const axes = Array.isArray(raw) ? raw : [raw];
  if (axes.length !== 1 || !Number.isInteger(axes[0])) {
    throw config.invalid('axis', raw, 'a whole number');
  }
  if (axes[0] !== -1 && axes[0] !== rank - 1) {
    throw new Unsupported(`normalization over axis ${axes[0]} is not supported, only over the last one`);
  }
  const movingMean = requireWeight(weights, config, 'moving_mean', [-1]);
  const vector = (name: string) => requireWeight(weights, config, name, movingMean.shape);
  return {
    type: 'BatchNormalization',
    movingMean,
    movingVariance: vector('moving_variance'),
    epsilon: config.number('epsilon', 1e-3),
    ...(config.boolean('scale', true) ? { gamma: vector('gamma') } : {}),
    ...(config.boolean('center', true) ? { beta: vector('beta') } : {}),
  };
}

function relu(config: LayerConfig): Layer {
  const maximum = config.raw('max_value');
  if (maximum !== undefined && maximum !== 6) {
    throw new Unsupported(`a ReLU with a max_value of ${maximum} is not supported, only 6`);
  }
  const threshold = config.number('threshold', 0);
  if (threshold !== 0) throw new Unsupported(`a ReLU with a threshold of ${threshold} is not supported`);
  const slope = config.number('negative_slope', 0);
  if (slope === 0) return { type: 'Activation', activation: maximum === 6 ? 'relu6' : 'relu' };
  if (maximum === 6) throw new Unsupported('a ReLU with a max_value and a negative_slope is not supported');
  return { type: 'LeakyReLU', slope };
}

function softmax(config: LayerConfig, _weights: WeightSource, rank: number): Layer {
  const axis = config.number('axis', -1);
  if (axis !== -1 && axis !== rank - 1) {
    throw new Unsupported(`softmax over axis ${axis} is not supported, only over the last one`);
  }
  return { type: 'Activation', activation: 'softmax' };
}

const ACTIVATIONS = ['linear', 'relu', 'relu6', 'sigmoid', 'tanh', 'softmax'] as const;

function activation(config: LayerConfig): ActivationName {
  const raw = config.raw('activation') ?? 'linear';
  // Keras writes a function as its name; some versions as an object around the name.
  const name =
    typeof raw === 'object' && 'class_name' in raw
      ? raw.class_name === 'function' && 'config' in raw
        ? raw.config
        : raw.class_name
      : raw;
  if (typeof name !== 'string') throw config.invalid('activation', raw, 'the name of a function');
  const known = ACTIVATIONS.find((each) => each === name);
  if (known !== undefined) return known;
  throw new Unsupported(
    `the activation "${name}" is not supported, only ${ACTIVATIONS.join(', ')}; softmax at the end only`,
  );
}

function padding(config: LayerConfig): Padding {
  const value = config.string('padding', 'valid');
  if (value !== 'valid' && value !== 'same') {
    throw new Unsupported(`the padding "${value}" is not supported, only valid and same`);
  }
  return value;
}

function requireChannelsLast(config: LayerConfig): void {
  const format = config.string('data_format', 'channels_last');
  if (format !== 'channels_last') {
    throw new Unsupported(`the data format "${format}" is not supported, only channels_last`);
  }
}

function targetShape(config: LayerConfig): readonly number[] {
  const raw = config.raw('target_shape');
  // tfjs writes the extent that is to be inferred as null.
  const shape = Array.isArray(raw) ? raw.map((extent: unknown) => extent ?? -1) : raw;
  const valid = (extent: unknown) =>
    Number.isSafeInteger(extent) && (extent === -1 || (extent as number) > 0);
  if (!Array.isArray(shape) || shape.length === 0 || !shape.every(valid)) {
    throw config.invalid('target_shape', raw, 'a list of positive whole numbers, or -1');
  }
  return shape as number[];
}

type Sides = readonly [number, number];

/** One number for all sides, one an axis, or one a side. */
function zeroPadding(config: LayerConfig): readonly [Sides, Sides] {
  const raw = config.raw('padding') ?? 1;
  const axes = Array.isArray(raw) ? raw : [raw, raw];
  const padded = axes.map((sides: unknown) => (Array.isArray(sides) ? sides : [sides, sides]));
  const valid = (sides: readonly unknown[]) =>
    sides.length === 2 && sides.every((cells) => Number.isSafeInteger(cells) && (cells as number) >= 0);
  if (padded.length !== 2 || !padded.every(valid)) {
    throw config.invalid('padding', raw, 'whole numbers for the sides');
  }
  return padded as unknown as readonly [Sides, Sides];
}
