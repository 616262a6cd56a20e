/** MNIST test images as a model's inputs, preprocessed as its manifest says. */

import { IMAGE_SIZE, loadMnist, type Mnist } from '@trivet/mnist';
import { type Manifest, TrivetError } from '@trivet/shared-types';

export const TEST_IMAGES = 10_000;

/** How MNIST images become inputs, as far as a manifest says it. */
export const MNIST_PREPROCESSING = { kind: 'mnist', height: 28, width: 28, divideBy: 255 } as const;
export const MNIST_INPUT_RANGE = { min: 0, max: 1 } as const;
export const MNIST_CLASSES = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] as const;

/** The inputs of a model that says nothing about them, unless its owner does. */
export const PLAIN_INPUT_RANGE = { min: -256, max: 256 } as const;

/** Whether a model takes as many numbers as an MNIST image has pixels. */
export function looksLikeMnist(inputShape: readonly number[]): boolean {
  return inputShape.reduce((product, extent) => product * extent, 1) === IMAGE_SIZE;
}

/** @returns `count * 784` model inputs, of the images with these indices */
export function toModelInputs(mnist: Mnist, indices: readonly number[], divideBy: number): Float32Array {
  const inputs = new Float32Array(indices.length * IMAGE_SIZE);
  indices.forEach((index, position) => {
    const image = mnist.images.subarray(index * IMAGE_SIZE, (index + 1) * IMAGE_SIZE);
    image.forEach((grey, pixel) => {
      inputs[position * IMAGE_SIZE + pixel] = grey / divideBy;
    });
  });
  return inputs;
}

/** The test images. @throws TrivetError FAILED_PRECONDITION when the model does not take MNIST images */
export async function loadTestImages(manifest: Manifest): Promise<{ mnist: Mnist; divideBy: number }> {
  if (manifest.preprocessing === null) {
    throw new TrivetError(
      'FAILED_PRECONDITION',
      `Model "${manifest.name}" was not shared as one for MNIST images (\`trivet share --preprocess mnist\`).`,
    );
  }
  return { mnist: await loadMnist('test'), divideBy: manifest.preprocessing.divideBy };
}
