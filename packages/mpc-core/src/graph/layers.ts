/**
 * The layer graph: what a model importer produces and what the compiler passes consume.
 *
 * Layer types carry their Keras class names and Keras' own parameters, so that an importer is a
 * translation of syntax and nothing else. Tensors are channels-last (Keras `channels_last`), values are
 * plain floats; nothing here knows about rings, shares or protocols.
 *
 * A node names its inputs, so sequential and functional models are the same thing.
 */

/** A dense float tensor, row-major. `values.length` is the product of `shape`. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** Cells added above and below, left and right; zeros for a convolution, nothing that counts for a pooling. */
export type ExplicitPadding = readonly [
  vertical: readonly [number, number],
  horizontal: readonly [number, number],
];
export type Padding = 'valid' | 'same' | ExplicitPadding;
export type Pair = readonly [height: number, width: number];
export type ActivationName = 'linear' | 'relu' | 'relu6' | 'sigmoid' | 'tanh' | 'softmax';

/** Keras `Conv2D`: kernel shape [kernelHeight, kernelWidth, inChannels, filters], optional bias [filters]. */
export interface Conv2DLayer {
  readonly type: 'Conv2D';
  readonly kernel: FloatTensor;
  readonly bias?: FloatTensor;
  readonly strides: Pair;
  readonly padding: Padding;
  readonly dilationRate: Pair;
  readonly activation: ActivationName;
}

/** Keras `DepthwiseConv2D`: kernel shape [kernelHeight, kernelWidth, channels, multiplier], optional bias [channels * multiplier]. */
export interface DepthwiseConv2DLayer {
  readonly type: 'DepthwiseConv2D';
  readonly kernel: FloatTensor;
  readonly bias?: FloatTensor;
  readonly strides: Pair;
  readonly padding: Padding;
  readonly dilationRate: Pair;
  readonly activation: ActivationName;
}

/** Keras `SeparableConv2D`: a depthwise convolution, then one with a 1x1 kernel and the bias. */
export interface SeparableConv2DLayer {
  readonly type: 'SeparableConv2D';
  readonly depthwiseKernel: FloatTensor;
  readonly pointwiseKernel: FloatTensor;
  readonly bias?: FloatTensor;
  readonly strides: Pair;
  readonly padding: Padding;
  readonly dilationRate: Pair;
  readonly activation: ActivationName;
}

/** Keras `Dense`: kernel shape [inputs, units], optional bias [units]. */
export interface DenseLayer {
  readonly type: 'Dense';
  readonly kernel: FloatTensor;
  readonly bias?: FloatTensor;
  readonly activation: ActivationName;
}

/** Keras `AveragePooling2D` and `MaxPooling2D`. Padded cells never count: averages divide by real cells. */
export interface Pooling2DLayer {
  readonly type: 'AveragePooling2D' | 'MaxPooling2D';
  readonly poolSize: Pair;
  readonly strides: Pair;
  readonly padding: Padding;
}

/** Keras `GlobalAveragePooling2D` and `GlobalMaxPooling2D`: [height, width, channels] to [channels], or to [1, 1, channels]. */
export interface GlobalPooling2DLayer {
  readonly type: 'GlobalAveragePooling2D' | 'GlobalMaxPooling2D';
  readonly keepDims: boolean;
}

/** Keras `Add`: values of one shape. */
export interface AddLayer {
  readonly type: 'Add';
}

/** Keras `Concatenate` over the last axis. */
export interface ConcatenateLayer {
  readonly type: 'Concatenate';
}

/** Keras `LeakyReLU`: x where x > 0, else slope * x. The slope is public. */
export interface LeakyReLULayer {
  readonly type: 'LeakyReLU';
  readonly slope: number;
}

/** Keras `BatchNormalization` over the last axis, at inference: gamma (x - mean) / sqrt(variance + epsilon) + beta. */
export interface BatchNormalizationLayer {
  readonly type: 'BatchNormalization';
  readonly gamma?: FloatTensor;
  readonly beta?: FloatTensor;
  readonly movingMean: FloatTensor;
  readonly movingVariance: FloatTensor;
  readonly epsilon: number;
}

/**
 * x * scale + shift: constants that a model multiplies with or adds to its values, outside of any layer of Keras. Each
 * is a vector that repeats along the sample, so that its length divides the sample's size.
 */
export interface ScaleLayer {
  readonly type: 'Scale';
  readonly scale?: FloatTensor;
  readonly shift?: FloatTensor;
}

export interface FlattenLayer {
  readonly type: 'Flatten';
}

/** Keras `Reshape`; at most one entry of `targetShape` is -1 (inferred). */
export interface ReshapeLayer {
  readonly type: 'Reshape';
  readonly targetShape: readonly number[];
}

/** Keras `Dropout`: the identity at inference. */
export interface DropoutLayer {
  readonly type: 'Dropout';
}

/** Keras `ZeroPadding2D`: rows added above and below, columns left and right. */
export interface ZeroPadding2DLayer {
  readonly type: 'ZeroPadding2D';
  readonly padding: readonly [vertical: readonly [number, number], horizontal: readonly [number, number]];
}

/** Keras `Activation`, `ReLU` without options or with a maximum of 6, and `Softmax`. */
export interface ActivationLayer {
  readonly type: 'Activation';
  readonly activation: ActivationName;
}

/**
 * A layer, or an option of a layer, that Trivet cannot evaluate. Importers never throw on one: they
 * record it, so that the compiler can refuse the model with all of them listed at once.
 */
export interface UnsupportedLayer {
  readonly type: 'Unsupported';
  readonly className: string;
  readonly reason: string;
}

export type Layer =
  | Conv2DLayer
  | DepthwiseConv2DLayer
  | SeparableConv2DLayer
  | DenseLayer
  | Pooling2DLayer
  | GlobalPooling2DLayer
  | AddLayer
  | ConcatenateLayer
  | LeakyReLULayer
  | BatchNormalizationLayer
  | ScaleLayer
  | FlattenLayer
  | ReshapeLayer
  | DropoutLayer
  | ZeroPadding2DLayer
  | ActivationLayer
  | UnsupportedLayer;

export interface LayerNode {
  /** The layer's name in its model, unique in the graph. */
  readonly name: string;
  /** Names of the nodes it reads; the graph's input is named by `LayerGraph.input`. */
  readonly inputs: readonly string[];
  readonly layer: Layer;
}

export interface LayerGraph {
  readonly name: string;
  /** Name that nodes use for the model's input. */
  readonly input: string;
  /** Shape of one sample, without the batch axis, for example [28, 28, 1]. */
  readonly inputShape: readonly number[];
  /** In topological order. */
  readonly nodes: readonly LayerNode[];
  /** Name of the node whose value is the model's output. */
  readonly output: string;
}
