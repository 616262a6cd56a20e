/**
 * The plan: what the workers run. It is public, plain JSON, and part of a model's manifest; the weights
 * are not in it. Layers are gone: what is left are the few operations a protocol offers.
 *
 * Values are numbered; value 0 is the input. Tensors are [batch, height, width, channels] or
 * [batch, features], row-major. A value is either *shared* (replicated shares at scale f) or *unreduced*
 * (an additive sharing that a linear step left behind, at scale 2f); the comment of each step says which it
 * takes and gives.
 */

/** Geometry of a convolution; a Dense layer is one with 1x1 images. Padding at bottom and right is implied. */
export interface Conv2DGeometry {
  readonly inHeight: number;
  readonly inWidth: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
}

/** Geometry of a pooling window over [height, width, channels]; windows are clipped to the image. */
export interface PoolGeometry {
  readonly inHeight: number;
  readonly inWidth: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly poolHeight: number;
  readonly poolWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
}

/** Geometry of zero padding over [height, width, channels]. */
export interface PadGeometry {
  readonly inHeight: number;
  readonly inWidth: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
}

interface StepBase {
  /** Name of the layer, or layers joined by "+", that this step came from: for tables and errors. */
  readonly name: string;
  readonly input: number;
  readonly output: number;
}

/** shared -> unreduced. `kernel` and `bias` index `Plan.weights`; kernel is [kh, kw, in, out] at scale f, bias [out] at 2f. */
export interface Conv2DStep extends StepBase {
  readonly op: 'conv2d';
  readonly geometry: Conv2DGeometry;
  readonly kernel: number;
  readonly bias: number | null;
}

/**
 * shared -> unreduced: each channel by itself. inChannels and outChannels of the geometry are equal; the kernel is
 * [kh, kw, channels, 1] at scale f, the bias [channels] at 2f.
 */
export interface DepthwiseConv2DStep extends StepBase {
  readonly op: 'depthwiseConv2d';
  readonly geometry: Conv2DGeometry;
  readonly kernel: number;
  readonly bias: number | null;
}

/** shared -> unreduced: the mean over each window by a public reciprocal at scale f. */
export interface AveragePool2DStep extends StepBase {
  readonly op: 'averagePool2d';
  readonly geometry: PoolGeometry;
}

/** A step that opens values under a mask, and so needs to know how large they can be. */
interface OpeningStep extends StepBase {
  /**
   * k: a value t (at scale f) that is compared with zero satisfies |t| < 2^(k-1), and one that is truncated or pooled
   * |t| < 2^(k-2), so that an opening needs only the low f + k bits. 16 <= k <= 48, f + k <= 64.
   */
  readonly activationBits: number;
}

/** unreduced (2f) -> shared (f). */
export interface TruncateStep extends OpeningStep {
  readonly op: 'truncate';
}

/** unreduced (2f) or shared (f) -> shared (f): max(0, x), truncating on the way when x is unreduced. */
export interface RectifyStep extends OpeningStep {
  readonly op: 'rectify';
}

/** shared -> shared. */
export interface MaxPool2DStep extends OpeningStep {
  readonly op: 'maxPool2d';
  readonly geometry: PoolGeometry;
}

/** shared -> shared. */
export interface Pad2DStep extends StepBase {
  readonly op: 'pad2d';
  readonly geometry: PadGeometry;
}

/** One summand of a piecewise linear function, as integers at scale f: sign * max(0, slope x + offset). */
export interface Piece {
  readonly sign: 1 | -1;
  readonly slope: number;
  readonly offset: number;
}

/**
 * unreduced (2f) or shared (f) -> shared (f): the sum of the pieces, which are public. All of them are compared with
 * zero at once. |slope x + offset| < 2^(k-1) for each, and slope x + offset is opened with its low f + k bits, or 2f + k
 * when x is unreduced: at most 64.
 */
export interface PiecewiseLinearStep extends OpeningStep {
  readonly op: 'piecewiseLinear';
  readonly pieces: readonly Piece[];
}

/**
 * unreduced (2f) or shared (f) -> `top` class indices, whole numbers, those of the largest values first; of equal values the
 * lower index counts as larger. It is the last step, so that a client learns the indices and no value. One value is the
 * score of class 1 of two: class 1 where it is above zero. The values are compared as they are, nothing is cut off:
 * |x| < 2^(k-2) at their own scale, and 2^(k-3) where more than one class is found by tournaments.
 */
export interface TopClassesStep extends OpeningStep {
  readonly op: 'topClasses';
  /** As many as there are values; two for one value. */
  readonly classes: number;
  /** How many of them are told. */
  readonly top: number;
}

interface JoinStepBase {
  readonly name: string;
  readonly inputs: readonly number[];
  readonly output: number;
}

/** Values of one size -> their sum: shared when all of them are, else unreduced. */
export interface AddStep extends JoinStepBase {
  readonly op: 'add';
}

/**
 * Values with as many positions each -> for each position the channels of all of them: shared when all of them are,
 * else unreduced. `channels` are those of the inputs.
 */
export interface ConcatenateStep extends JoinStepBase {
  readonly op: 'concatenate';
  readonly channels: readonly number[];
}

export type PlanStep =
  | Conv2DStep
  | DepthwiseConv2DStep
  | PiecewiseLinearStep
  | AddStep
  | ConcatenateStep
  | AveragePool2DStep
  | TruncateStep
  | RectifyStep
  | MaxPool2DStep
  | Pad2DStep
  | TopClassesStep;

export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Fractional bits: f for kernels, 2f for biases. */
  readonly fractionalBits: number;
}

export interface Plan {
  /** Shape of one sample, without the batch axis. */
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  /** f: fractional bits of activations and kernels. */
  readonly fractionalBits: number;
  /** The output counts modulo 2^outputBits, as a signed number; 40 to 64. */
  readonly outputBits: number;
  /** Scale of the model's output as it leaves the workers: f, or 2f when the last step is linear; 0 for class indices. */
  readonly outputFractionalBits: number;
  /** Applied by the client, in the clear. */
  readonly outputActivation: 'linear' | 'softmax' | 'sigmoid' | 'tanh';
  /** Weights in the order in which their ring words are concatenated. */
  readonly weights: readonly WeightSpec[];
  /** In order of execution. The last step's output is the model's output. */
  readonly steps: readonly PlanStep[];
}

/** A model ready to be shared: the public plan and the secret weights, one array per `Plan.weights` entry. */
export interface CompiledModel {
  readonly plan: Plan;
  readonly weights: readonly Float64Array[];
}

/** The values that a step reads. */
export function inputsOf(step: PlanStep): readonly number[] {
  return 'inputs' in step ? step.inputs : [step.input];
}

/** Elements of each value of a plan, for one sample. */
export function valueSizes(plan: Plan): readonly number[] {
  const sizes = [sizeOf(plan.inputShape)];
  for (const step of plan.steps) sizes[step.output] = outputSize(step, sizes);
  return sizes;
}

function outputSize(step: PlanStep, sizes: readonly number[]): number {
  if ('geometry' in step) {
    const g = step.geometry;
    return g.outHeight * g.outWidth * ('channels' in g ? g.channels : g.outChannels);
  }
  const inputs = inputsOf(step).map((input) => sizes[input] ?? 0);
  if (step.op === 'topClasses') return step.top;
  return step.op === 'concatenate' ? inputs.reduce((total, size) => total + size, 0) : (inputs[0] ?? 0);
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
