/** Small models with random weights, for tests of the compiler. */
import type { FloatTensor, Layer, LayerGraph } from '../../src/graph/layers.js';
import { sizeOf } from '../../src/graph/plan.js';

/** A generator of test numbers in [-1, 1): Lehmer's, seeded, so that a failure repeats. */
export function numbers(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return (2 * state) / 2147483647 - 1;
  };
}

export function tensor(shape: readonly number[], next: () => number): FloatTensor {
  return { shape, values: Float64Array.from({ length: sizeOf(shape) }, () => next()) };
}

/** A chain of layers named after their type and position. */
export function sequential(inputShape: readonly number[], layers: readonly Layer[]): LayerGraph {
  const names = layers.map((layer, index) => `${layer.type.toLowerCase()}_${index}`);
  return {
    name: 'test',
    input: 'input',
    inputShape,
    nodes: layers.map((layer, index) => ({
      name: names[index]!,
      inputs: [names[index - 1] ?? 'input'],
      layer,
    })),
    output: names.at(-1) ?? 'input',
  };
}

export const conv2d = (
  next: () => number,
  kernel: readonly [number, number, number, number],
  options: Partial<Extract<Layer, { type: 'Conv2D' }>> = {},
): Layer => ({
  type: 'Conv2D',
  kernel: tensor(kernel, next),
  bias: tensor([kernel[3]], next),
  strides: [1, 1],
  padding: 'valid',
  dilationRate: [1, 1],
  activation: 'linear',
  ...options,
});

export const dense = (
  next: () => number,
  inputs: number,
  units: number,
  activation: 'linear' | 'relu' | 'softmax' = 'linear',
): Layer => ({
  type: 'Dense',
  kernel: tensor([inputs, units], next),
  bias: tensor([units], next),
  activation,
});

export const pooling = (
  type: 'AveragePooling2D' | 'MaxPooling2D',
  size = 2,
  stride = size,
  padding: 'valid' | 'same' = 'valid',
): Layer => ({ type, poolSize: [size, size], strides: [stride, stride], padding });

export const batchNormalization = (next: () => number, channels: number): Layer => ({
  type: 'BatchNormalization',
  gamma: tensor([channels], next),
  beta: tensor([channels], next),
  movingMean: tensor([channels], next),
  movingVariance: tensor([channels], () => Math.abs(next()) + 0.1),
  epsilon: 0.001,
});

export const relu: Layer = { type: 'Activation', activation: 'relu' };
export const flatten: Layer = { type: 'Flatten' };

/** The CNN of the Syft Keras tutorial. */
export function tutorialModel(next: () => number): LayerGraph {
  const block = (inputs: number, filters: number) => [
    conv2d(next, [3, 3, inputs, filters]),
    pooling('AveragePooling2D'),
    relu,
  ];
  return sequential(
    [28, 28, 1],
    [...block(1, 10), ...block(10, 32), ...block(32, 64), flatten, dense(next, 64, 10, 'softmax')],
  );
}
