/** The training loop: seeded, augmented, Adam with a cosine schedule. */
import * as tf from '@tensorflow/tfjs-core';
import type { Sequential } from '@tensorflow/tfjs-layers';
import { CLASSES, IMAGE_HEIGHT, IMAGE_SIZE, IMAGE_WIDTH, type Mnist } from '@trivet/mnist';
import { SeededRandom } from '@trivet/seeded-random';
import { augment, copyImages } from './augment.js';
import { foldedLogits, trainableVariables } from './model.js';
import type { TrainOptions } from './options.js';

/** Adam whose step size can change between steps. */
class ScheduledAdam extends tf.AdamOptimizer {
  setLearningRate(learningRate: number): void {
    this.learningRate = learningRate;
  }
}

export interface StepReport {
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly epochDone: boolean;
}

/** Trains `model` in place; `onStep` runs after each step and is awaited, so that it may evaluate. */
export async function train(
  model: Sequential,
  data: Mnist,
  options: TrainOptions,
  onStep: (report: StepReport) => Promise<void>,
): Promise<void> {
  const variables = trainableVariables(model);
  const shuffling = new SeededRandom(options.seed, 1);
  const distortion = new SeededRandom(options.seed, 2);
  const optimizer = new ScheduledAdam(options.learningRate, 0.9, 0.999);
  const count = Math.min(options.trainImages, data.count);
  const stepsPerEpoch = Math.floor(count / options.batch);
  const steps = options.epochs * stepsPerEpoch;
  const images = new Float32Array(options.batch * IMAGE_SIZE);
  const labels = new Int32Array(options.batch);
  let step = 0;
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const order = shuffling.permutation(count);
    for (let batch = 0; batch < stepsPerEpoch; batch++) {
      for (let slot = 0; slot < options.batch; slot++) {
        const index = order[batch * options.batch + slot]!;
        const source = data.images.subarray(index * IMAGE_SIZE, (index + 1) * IMAGE_SIZE);
        augment(source, images.subarray(slot * IMAGE_SIZE, (slot + 1) * IMAGE_SIZE), distortion);
        labels[slot] = data.labels[index]!;
      }
      optimizer.setLearningRate(options.learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / steps)));
      const loss = tf.tidy(() => {
        const input = tf.tensor4d(images, [options.batch, IMAGE_HEIGHT, IMAGE_WIDTH, 1]);
        const expected = tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES);
        const minimized = optimizer.minimize(
          () => tf.losses.softmaxCrossEntropy(expected, foldedLogits(input, variables)) as tf.Scalar,
          true,
          variables,
        )!;
        return minimized.dataSync()[0]!;
      });
      step++;
      await onStep({ epoch, step, steps, loss, epochDone: batch === stepsPerEpoch - 1 });
    }
  }
  optimizer.dispose();
}

/** The share of the first `count` images that the layers model itself (not its folded form) gets right. */
export function accuracy(model: Sequential, data: Mnist, count: number): number {
  const batch = 500;
  let correct = 0;
  for (let start = 0; start < count; start += batch) {
    const size = Math.min(batch, count - start);
    const images = new Float32Array(size * IMAGE_SIZE);
    copyImages(data.images.subarray(start * IMAGE_SIZE, (start + size) * IMAGE_SIZE), images);
    const classes = tf.tidy(() => {
      const input = tf.tensor4d(images, [size, IMAGE_HEIGHT, IMAGE_WIDTH, 1]);
      return tf.argMax(model.predict(input) as tf.Tensor, -1).dataSync();
    });
    for (let index = 0; index < size; index++) {
      if (classes[index] === data.labels[start + index]) correct++;
    }
  }
  return correct / count;
}
