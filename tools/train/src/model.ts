/**
 * The CNN of the Syft Keras tutorial (part 13a), and a form of it that trains fast.
 *
 * Average pooling is linear, so conv 3x3 followed by pooling 2x2 is one 4x4 convolution with stride 2: a third
 * of the multiplications. A stride of 2 is a rearrangement of 2x2 blocks into channels, and what is left is a
 * matrix product. So every gradient needs only slices, transpositions and matrix products, all of which tfjs's
 * WASM backend has with SIMD (it has no gradient kernel for filters, nor for average pooling). The weights are
 * those of the plain layers model throughout: that is what is saved and what is evaluated.
 */
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { CLASSES, IMAGE_HEIGHT, IMAGE_WIDTH } from '@trivet/mnist';

const FILTERS = [10, 32, 64] as const;

/** The tutorial's model as tfjs layers, with seeded Glorot-uniform kernels. */
export function buildModel(seed: number): layers.Sequential {
  const initializer = (layer: number) => layers.initializers.glorotUniform({ seed: seed * 16 + layer });
  const model = layers.sequential({ name: 'mnist_cnn' });
  FILTERS.forEach((filters, index) => {
    model.add(
      layers.layers.conv2d({
        name: `conv${index + 1}`,
        filters,
        kernelSize: 3,
        kernelInitializer: initializer(index),
        ...(index === 0 ? { inputShape: [IMAGE_HEIGHT, IMAGE_WIDTH, 1] } : {}),
      }),
    );
    model.add(layers.layers.averagePooling2d({ name: `pool${index + 1}`, poolSize: 2 }));
    model.add(layers.layers.activation({ name: `relu${index + 1}`, activation: 'relu' }));
  });
  model.add(layers.layers.flatten({ name: 'flatten' }));
  model.add(
    layers.layers.dense({
      name: 'dense',
      units: CLASSES,
      activation: 'softmax',
      kernelInitializer: initializer(FILTERS.length),
    }),
  );
  return model;
}

/** The variables of a model's weights, in the order kernel, bias of each layer. */
export function trainableVariables(model: layers.Sequential): tf.Variable[] {
  // LayerVariable keeps its core variable in `val`, which its typings declare protected: reading it is the
  // only way to train a layers model with core's optimizers.
  return model.trainableWeights.map((weight) => (weight as unknown as { val: tf.Variable }).val);
}

/**
 * The logits of a batch under the model's weights, by the folded form; differentiable.
 *
 * @param images [batch, 28, 28, 1], values in [0, 1]
 */
export function foldedLogits(images: tf.Tensor4D, variables: readonly tf.Tensor[]): tf.Tensor2D {
  let value = images;
  for (let layer = 0; layer < FILTERS.length; layer++) {
    const kernel = variables[2 * layer] as tf.Tensor4D;
    const bias = variables[2 * layer + 1] as tf.Tensor1D;
    value = tf.relu(tf.add(convolveAndPool(value, kernel), bias));
  }
  const kernel = variables[2 * FILTERS.length] as tf.Tensor2D;
  const bias = variables[2 * FILTERS.length + 1] as tf.Tensor1D;
  return tf.add(product(tf.reshape(value, [value.shape[0], kernel.shape[0]]), kernel), bias);
}

/** Convolution 3x3 then average pooling 2x2, both 'valid', as one product with the composite 4x4 kernel. */
function convolveAndPool(images: tf.Tensor4D, kernel: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = images.shape;
  const filters = kernel.shape[3];
  const outHeight = Math.floor((height - 2) / 2);
  const outWidth = Math.floor((width - 2) / 2);
  const composite = tf.mul(
    tf.addN(
      [0, 1].flatMap((down) =>
        [0, 1].map((right) =>
          tf.pad4d(kernel, [
            [down, 1 - down],
            [right, 1 - right],
            [0, 0],
            [0, 0],
          ]),
        ),
      ),
    ),
    0.25,
  );
  const matrix = tf.reshape(blocks(composite as tf.Tensor4D, 0), [16 * channels, filters]) as tf.Tensor2D;
  const cropped = tf.slice4d(images, [0, 0, 0, 0], [batch, 2 * outHeight + 2, 2 * outWidth + 2, channels]);
  const blocked = blocks(cropped, 1) as tf.Tensor4D;
  const windows = [0, 1].flatMap((down) =>
    [0, 1].map((right) =>
      tf.slice4d(blocked, [0, down, right, 0], [batch, outHeight, outWidth, 4 * channels]),
    ),
  );
  const columns = tf.reshape(tf.concat4d(windows, 3), [batch * outHeight * outWidth, 16 * channels]);
  return tf.reshape(product(columns as tf.Tensor2D, matrix), [batch, outHeight, outWidth, filters]);
}

/** Moves each 2x2 block of the axes `axis` and `axis + 1` into the axis of channels that follows them. */
function blocks(tensor: tf.Tensor4D, axis: 0 | 1): tf.Tensor {
  const before = tensor.shape.slice(0, axis);
  const [height, width, channels, ...after] = tensor.shape.slice(axis) as [number, number, number];
  const split = tf.reshape(tensor, [...before, height / 2, 2, width / 2, 2, channels, ...after]);
  const moved = [0, 2, 1, 3].map((position) => axis + position);
  const order = split.shape.map((_, position) => moved[position - axis] ?? position);
  return tf.reshape(tf.transpose(split, order), [...before, height / 2, width / 2, 4 * channels, ...after]);
}

/**
 * A matrix product whose gradient transposes explicitly: the WASM backend's SIMD product takes plain operands
 * only, and its product of transposed ones is a slow loop.
 */
const product = tf.customGrad((left, right, save) => {
  (save as tf.GradSaveFunc)([left as tf.Tensor, right as tf.Tensor]);
  return {
    value: tf.matMul(left as tf.Tensor2D, right as tf.Tensor2D),
    gradFunc: (gradient: tf.Tensor, saved: tf.Tensor[]) => [
      tf.matMul(gradient as tf.Tensor2D, tf.transpose(saved[1] as tf.Tensor2D)),
      tf.matMul(tf.transpose(saved[0] as tf.Tensor2D), gradient as tf.Tensor2D),
    ],
  };
}) as (left: tf.Tensor2D, right: tf.Tensor2D) => tf.Tensor2D;
