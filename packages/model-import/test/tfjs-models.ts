/** Models built by tfjs itself, with random weights, and their files: what the importers are measured against. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';

export { layers, tf };

export interface TfjsFiles {
  readonly json: Record<string, unknown>;
  readonly weights: Uint8Array;
}

/** Makes every weight random, biases and moving statistics too: fresh layers have zeros and ones there. */
export function randomiseWeights(model: layers.LayersModel, seed: number): void {
  const fresh = model.weights.map((weight, index) => {
    const positive = weight.originalName.includes('variance');
    return positive
      ? tf.randomUniform(weight.shape as number[], 0.2, 2, 'float32', seed + index)
      : tf.randomUniform(weight.shape as number[], -0.7, 0.9, 'float32', seed + index);
  });
  model.setWeights(fresh);
}

/** The model as tfjs saves it: model.json and one shard. */
export async function saveFiles(model: layers.LayersModel): Promise<TfjsFiles> {
  let files: TfjsFiles | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      const { modelTopology, weightSpecs, weightData, format } = artifacts;
      const json = {
        modelTopology,
        format,
        weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: weightSpecs }],
      };
      files = {
        json: JSON.parse(JSON.stringify(json)) as Record<string, unknown>,
        weights: new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)),
      };
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
  return files!;
}

/** What the model itself predicts. */
export function predict(model: layers.LayersModel, inputs: Float32Array, count: number): Float32Array {
  return tf.tidy(() => {
    const shape = model.inputs[0]!.shape.slice(1) as number[];
    const output = model.predict(tf.tensor(inputs, [count, ...shape])) as tf.Tensor;
    return output.dataSync() as Float32Array;
  });
}

type Build = () => layers.LayersModel;

const image = [9, 8, 3];
const first = { inputShape: image };
const chain = (...list: layers.layers.Layer[]): layers.Sequential =>
  layers.sequential({ layers: list as never });

/** One model for each kind of layer and each of its options. */
export const MODELS: Readonly<Record<string, Build>> = {
  'Conv2D valid': () => chain(layers.layers.conv2d({ ...first, filters: 4, kernelSize: 3 })),
  'Conv2D same, kernel 2x4': () =>
    chain(layers.layers.conv2d({ ...first, filters: 2, kernelSize: [2, 4], padding: 'same' })),
  'Conv2D strides 2x3, same': () =>
    chain(layers.layers.conv2d({ ...first, filters: 2, kernelSize: 4, strides: [2, 3], padding: 'same' })),
  'Conv2D strides 3x2, valid': () =>
    chain(layers.layers.conv2d({ ...first, filters: 2, kernelSize: [2, 3], strides: [3, 2] })),
  'Conv2D dilation, valid': () =>
    chain(layers.layers.conv2d({ ...first, filters: 2, kernelSize: 3, dilationRate: [2, 3] })),
  'Conv2D dilation, same, no bias, relu': () =>
    chain(
      layers.layers.conv2d({
        ...first,
        filters: 3,
        kernelSize: 2,
        dilationRate: 3,
        padding: 'same',
        useBias: false,
        activation: 'relu',
      }),
    ),
  'AveragePooling2D valid': () => chain(layers.layers.averagePooling2d({ ...first, poolSize: 2 })),
  'AveragePooling2D same, 3x2, strides 2x1': () =>
    chain(layers.layers.averagePooling2d({ ...first, poolSize: [3, 2], strides: [2, 1], padding: 'same' })),
  'MaxPooling2D valid, overlapping': () =>
    chain(layers.layers.maxPooling2d({ ...first, poolSize: 3, strides: 2 })),
  'MaxPooling2D same': () =>
    chain(layers.layers.maxPooling2d({ ...first, poolSize: [2, 4], strides: [2, 3], padding: 'same' })),
  'Conv2D, AveragePooling2D': () =>
    chain(
      layers.layers.conv2d({ ...first, filters: 4, kernelSize: 3, strides: [1, 2], padding: 'same' }),
      layers.layers.averagePooling2d({ poolSize: [3, 2], strides: [2, 1] }),
    ),
  'ZeroPadding2D, one number': () =>
    chain(
      layers.layers.zeroPadding2d({ ...first, padding: 2 }),
      layers.layers.conv2d({ filters: 2, kernelSize: 3 }),
    ),
  'ZeroPadding2D, each side': () =>
    chain(
      layers.layers.zeroPadding2d({
        ...first,
        padding: [
          [0, 1],
          [2, 3],
        ],
      }),
      layers.layers.maxPooling2d({ poolSize: 3 }),
    ),
  'BatchNormalization after Conv2D': () =>
    chain(
      layers.layers.conv2d({ ...first, filters: 4, kernelSize: 3, padding: 'same' }),
      layers.layers.batchNormalization({ epsilon: 0.01 }),
      layers.layers.activation({ activation: 'relu' }),
    ),
  'BatchNormalization without scale, on an input': () =>
    chain(
      layers.layers.batchNormalization({ ...first, scale: false }),
      layers.layers.conv2d({ filters: 2, kernelSize: 3, padding: 'same' }),
    ),
  'BatchNormalization without center, after Flatten': () =>
    chain(
      layers.layers.flatten({ ...first }),
      layers.layers.batchNormalization({ center: false, axis: 1 }),
      layers.layers.dense({ units: 3 }),
    ),
  'Dense, softmax': () => chain(layers.layers.dense({ inputShape: [7], units: 5, activation: 'softmax' })),
  'Dense over an image, Softmax layer': () =>
    chain(
      layers.layers.dense({ ...first, units: 2, activation: 'relu' }),
      layers.layers.flatten(),
      layers.layers.dense({ units: 4, useBias: false }),
      layers.layers.softmax(),
    ),
  'ReLU layer, Dropout, linear activation, Reshape': () =>
    chain(
      layers.layers.dense({ inputShape: [12], units: 24 }),
      layers.layers.reLU(),
      layers.layers.dropout({ rate: 0.5 }),
      layers.layers.reshape({ targetShape: [2, -1, 3] }),
      layers.layers.activation({ activation: 'linear' }),
      layers.layers.conv2d({ filters: 2, kernelSize: 2 }),
    ),
  'DepthwiseConv2D, ReLU with a maximum, GlobalAveragePooling2D': () =>
    chain(
      layers.layers.depthwiseConv2d({ ...first, kernelSize: [3, 2], strides: [2, 2], padding: 'same' }),
      layers.layers.reLU({ maxValue: 6 }),
      layers.layers.depthwiseConv2d({
        kernelSize: 2,
        depthMultiplier: 3,
        useBias: false,
        activation: 'relu6',
      }),
      layers.layers.globalAveragePooling2d({}),
      layers.layers.dense({ units: 2, activation: 'sigmoid' }),
    ),
  'SeparableConv2D, LeakyReLU, GlobalMaxPooling2D': () =>
    chain(
      layers.layers.separableConv2d({
        ...first,
        filters: 5,
        kernelSize: 3,
        depthMultiplier: 2,
        padding: 'same',
      }),
      layers.layers.leakyReLU({ alpha: 0.2 }),
      layers.layers.separableConv2d({ filters: 3, kernelSize: 2, depthMultiplier: 1, useBias: false }),
      layers.layers.globalMaxPooling2d({}),
      layers.layers.dense({ units: 2, activation: 'tanh' }),
    ),
  'a residual block, and branches side by side': () => {
    const { conv2d, add, concatenate, reLU, maxPooling2d, flatten, dense } = layers.layers;
    const input = layers.input({ shape: image });
    const stem = conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' }).apply(input);
    const inner = conv2d({ filters: 4, kernelSize: 3, padding: 'same' }).apply(stem);
    const sum = reLU().apply(add().apply([stem, inner] as layers.SymbolicTensor[]));
    const left = conv2d({ filters: 2, kernelSize: 1 }).apply(sum);
    const right = maxPooling2d({ poolSize: 3, strides: 1, padding: 'same' }).apply(sum);
    const joined = concatenate().apply([left, right] as layers.SymbolicTensor[]);
    const output = dense({ units: 3 }).apply(flatten().apply(joined));
    return layers.model({ inputs: input, outputs: output as layers.SymbolicTensor });
  },
  'functional chain': () => {
    const input = layers.input({ shape: image });
    const convolution = layers.layers.conv2d({ filters: 4, kernelSize: 3, name: 'z_first' }).apply(input);
    const pooled = layers.layers.maxPooling2d({ poolSize: 2, name: 'a_second' }).apply(convolution);
    const flat = layers.layers.flatten().apply(pooled);
    const output = layers.layers.dense({ units: 3, activation: 'softmax' }).apply(flat);
    return layers.model({ inputs: input, outputs: output as layers.SymbolicTensor });
  },
};
