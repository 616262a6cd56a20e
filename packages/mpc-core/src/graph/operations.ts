/**
 * The compiler's own form of a model: operations with their geometry worked out, and the values that they read. Values
 * are row-major with the channels last, so that flattening and reshaping change nothing and have no operation.
 */
import type { Activation } from './activations.js';
import type { Conv2DGeometry, PadGeometry, PoolGeometry } from './plan.js';

/**
 * A convolution, or a Dense layer (a 1x1 convolution): kernel [kh, kw, in, out], row-major, and bias [out]. A depthwise
 * one has a kernel [kh, kw, channels].
 */
export interface LinearOperation {
  readonly kind: 'linear';
  readonly depthwise: boolean;
  readonly geometry: Conv2DGeometry;
  readonly kernel: Float64Array;
  readonly bias: Float64Array | null;
}

export interface PoolOperation {
  readonly kind: 'averagePool' | 'maxPool';
  readonly geometry: PoolGeometry;
}

export interface PadOperation {
  readonly kind: 'pad';
  readonly geometry: PadGeometry;
}

export interface RectifyOperation {
  readonly kind: 'rectify';
}

/** x * scale[c] + shift[c], where c is the position of x modulo the number of channels: batch normalization. */
export interface ScaleOperation {
  readonly kind: 'scale';
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** An activation that a piecewise linear function stands for, or is. */
export interface ActivateOperation {
  readonly kind: 'activate';
  readonly activation: Activation;
}

/** The sum of all inputs. */
export interface AddOperation {
  readonly kind: 'add';
}

/** The last axes one after the other. */
export interface ConcatenateOperation {
  readonly kind: 'concatenate';
  readonly channels: readonly number[];
}

export type Operation =
  | LinearOperation
  | PoolOperation
  | PadOperation
  | RectifyOperation
  | ScaleOperation
  | ActivateOperation
  | AddOperation
  | ConcatenateOperation;

export interface OperationNode<Kind extends Operation = Operation> {
  /** Name of the layer, or of all layers that were folded into it, joined by "+". */
  readonly name: string;
  readonly operation: Kind;
  /** Its value. Value 0 is the model's input. */
  readonly id: number;
  /** The values that it reads. */
  readonly inputs: readonly number[];
  /** Shape of the result for one sample. */
  readonly outputShape: readonly number[];
}

/** What two neighbours become; null when they do not join. */
export type Joined = Pick<OperationNode, 'name' | 'operation' | 'outputShape'> | null;

/** A whole model. */
export interface OperationGraph {
  /** Each after those whose values it reads. */
  readonly nodes: readonly OperationNode[];
  /** The value that is the model's output. */
  readonly output: number;
}

/** How many times each value is read; being the output counts. */
export function readersOf({ nodes, output }: OperationGraph): ReadonlyMap<number, number> {
  const readers = new Map([[output, 1]]);
  for (const { inputs } of nodes) {
    for (const input of inputs) readers.set(input, (readers.get(input) ?? 0) + 1);
  }
  return readers;
}

/** The extent that a convolution's kernel covers along one axis. */
export function windowExtent(kernel: number, dilation: number): number {
  return (kernel - 1) * dilation + 1;
}

/** Rows (or columns) of padding after the image that the last window needs; negative when cells are left over. */
export function paddingAfter(
  input: number,
  output: number,
  window: number,
  stride: number,
  before: number,
): number {
  return (output - 1) * stride + window - input - before;
}

/** The padding that a convolution needs at the bottom and at the right; negative when cells are left over. */
export function convolutionPaddingAfter(g: Conv2DGeometry): readonly [bottom: number, right: number] {
  const windowHeight = windowExtent(g.kernelHeight, g.dilationHeight);
  const windowWidth = windowExtent(g.kernelWidth, g.dilationWidth);
  return [
    paddingAfter(g.inHeight, g.outHeight, windowHeight, g.strideHeight, g.padTop),
    paddingAfter(g.inWidth, g.outWidth, windowWidth, g.strideWidth, g.padLeft),
  ];
}

/** The same for a pooling window. */
export function poolingPaddingAfter(g: PoolGeometry): readonly [bottom: number, right: number] {
  return [
    paddingAfter(g.inHeight, g.outHeight, g.poolHeight, g.strideHeight, g.padTop),
    paddingAfter(g.inWidth, g.outWidth, g.poolWidth, g.strideWidth, g.padLeft),
  ];
}

/** Multiplications of a secret by a secret that one sample costs. */
export function multiplicationsOf(g: Conv2DGeometry, depthwise: boolean): number {
  const channels = depthwise ? 1 : g.inChannels;
  return g.outHeight * g.outWidth * g.outChannels * g.kernelHeight * g.kernelWidth * channels;
}
