/**
 * At inference batch normalization is x * scale + shift in each channel, which the linear layer before it, or the
 * one after it, can do at no cost. Where there is neither, it becomes a depthwise 1x1 convolution.
 */
import {
  convolutionPaddingAfter,
  type Joined,
  type LinearOperation,
  type OperationNode,
  type ScaleOperation,
} from './operations.js';
import { type Conv2DGeometry, sizeOf } from './plan.js';
import { pointwise } from './shapes.js';

/** Two in a row are one. Null when it is not that. */
export function foldScales(left: OperationNode, right: OperationNode): Joined {
  if (left.operation.kind !== 'scale' || right.operation.kind !== 'scale') return null;
  const [first, second] = [left.operation, right.operation];
  const length = Math.max(first.scale.length, second.scale.length);
  if (length % first.scale.length !== 0 || length % second.scale.length !== 0) return null;
  const at = (values: Float64Array, index: number) => values[index % values.length]!;
  const scale = Float64Array.from({ length }, (_, index) => at(first.scale, index) * at(second.scale, index));
  const shift = Float64Array.from(
    { length },
    (_, index) => at(first.shift, index) * at(second.scale, index) + at(second.shift, index),
  );
  return {
    name: `${left.name}+${right.name}`,
    operation: { kind: 'scale', scale, shift },
    outputShape: right.outputShape,
  };
}

/** Linear, then batch normalization: scales the outputs. Exact whatever the padding. Null when it is not that. */
export function foldScaleIntoPrevious(left: OperationNode, right: OperationNode): Joined {
  if (left.operation.kind !== 'linear' || right.operation.kind !== 'scale') return null;
  const { geometry, depthwise, kernel, bias } = left.operation;
  const { scale, shift } = right.operation;
  const outputs = geometry.outChannels;
  if (outputs % scale.length !== 0) return null;
  const operation: LinearOperation = {
    kind: 'linear',
    depthwise,
    geometry,
    kernel: kernel.map((weight, index) => weight * scale[(index % outputs) % scale.length]!),
    bias: Float64Array.from({ length: outputs }, (_, output) => {
      const channel = output % scale.length;
      return (bias?.[output] ?? 0) * scale[channel]! + shift[channel]!;
    }),
  };
  return { name: `${left.name}+${right.name}`, operation, outputShape: right.outputShape };
}

/**
 * Batch normalization, then linear: scales the inputs. Exact only without zero padding: a padded cell is zero
 * after the normalization, not shift. Null when it is not that.
 */
export function foldScaleIntoNext(left: OperationNode, right: OperationNode): Joined {
  if (left.operation.kind !== 'scale' || right.operation.kind !== 'linear') return null;
  const { geometry, depthwise, kernel, bias } = right.operation;
  const { scale, shift } = left.operation;
  if (isPadded(geometry) || geometry.inChannels % scale.length !== 0) return null;
  const outputs = geometry.outChannels;
  const inputOf = (index: number) => (depthwise ? index : Math.floor(index / outputs)) % geometry.inChannels;
  const channelOf = (index: number) => inputOf(index) % scale.length;
  const shifted = bias === null ? new Float64Array(outputs) : Float64Array.from(bias);
  kernel.forEach((weight, index) => {
    shifted[index % outputs]! += weight * shift[channelOf(index)]!;
  });
  const operation: LinearOperation = {
    kind: 'linear',
    depthwise,
    geometry,
    kernel: kernel.map((weight, index) => weight * scale[channelOf(index)]!),
    bias: shifted,
  };
  return { name: `${left.name}+${right.name}`, operation, outputShape: right.outputShape };
}

/** Batch normalization by itself, as a depthwise 1x1 convolution. */
export function scaleAsLinear(node: OperationNode<ScaleOperation>): OperationNode<LinearOperation> {
  const { scale, shift } = node.operation;
  const channels = scale.length;
  const geometry = pointwise(sizeOf(node.outputShape) / channels, channels, channels);
  return { ...node, operation: { kind: 'linear', depthwise: true, geometry, kernel: scale, bias: shift } };
}

function isPadded(geometry: Conv2DGeometry): boolean {
  const [bottom, right] = convolutionPaddingAfter(geometry);
  return geometry.padTop > 0 || geometry.padLeft > 0 || bottom > 0 || right > 0;
}
