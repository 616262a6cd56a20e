/** What the model answers in the clear, and whether a private answer is that. */
import type { Prediction } from '@trivet/client';
import { IMAGE_SIZE, loadMnist } from '@trivet/mnist';
import { evaluateGraph, sizeOf } from '@trivet/mpc-core';
import { compileModelFile, MNIST_INPUT_RANGE, MNIST_PREPROCESSING, toModelInputs } from '@trivet/node';
import { TrivetError } from '@trivet/shared-types';
import { compareLogits, MAX_LOGIT_ERROR } from '../verify/report.js';

export interface Reference {
  /** MNIST test images, the first ones. */
  readonly images: number;
  /** Numbers of some images in a row. */
  inputs(from: number, count: number): Float32Array;
  /** Whether every logit is within the bound, and every class the same where it is clear. */
  isRight(prediction: Prediction, from: number): boolean;
}

/**
 * Evaluates the models as they were trained, in float64, on the first MNIST test images.
 * @param files the model's versions, 1, 2, 3 …
 * @throws TrivetError INVALID_ARGUMENT when a file is no model for these images
 */
export async function createReference(files: readonly string[], images: number): Promise<Reference> {
  const mnist = await loadMnist('test');
  const { labels } = mnist;
  const indices = Array.from({ length: images }, (_, index) => index);
  const all = toModelInputs(mnist, indices, MNIST_PREPROCESSING.divideBy);
  const inputs = (from: number, count: number) =>
    all.subarray(from * IMAGE_SIZE, (from + count) * IMAGE_SIZE);
  const versions: { readonly logits: Float64Array; readonly classes: number }[] = [];
  for (const file of files) {
    const { graph, compiled } = await compileModelFile(file, MNIST_INPUT_RANGE);
    if (sizeOf(graph.inputShape) !== IMAGE_SIZE) {
      throw new TrivetError('INVALID_ARGUMENT', `${file} does not take images of 28 x 28 pixels.`);
    }
    const classes = sizeOf(compiled.plan.outputShape);
    const logits = new Float64Array(images * classes);
    for (let image = 0; image < images; image++) {
      logits.set(evaluateGraph(graph, inputs(image, 1), 1), image * classes);
    }
    versions.push({ logits, classes });
  }
  return {
    images,
    inputs,
    isRight(prediction, from) {
      const version = versions[prediction.version - 1];
      if (version === undefined) return false;
      const { logits, classes } = version;
      if (prediction.logits?.length !== prediction.count * classes) return false;
      const to = from + prediction.count;
      const report = compareLogits(
        prediction.logits,
        logits.subarray(from * classes, to * classes),
        labels.subarray(from, to),
        classes,
      );
      return report.classMismatches === 0 && report.maxLogitError <= MAX_LOGIT_ERROR;
    },
  };
}
