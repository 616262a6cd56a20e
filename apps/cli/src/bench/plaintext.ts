/**
 * The same model in plaintext: TensorFlow.js layers on its WASM backend (SIMD), as trained, nothing folded. What the
 * private prediction is compared with, in the same run on the same machine.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { type FloatTensor, type Layer, type LayerGraph, type Padding, sizeOf } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';

type KerasLayer = Parameters<tfl.Sequential['add']>[0];

/** A Keras layer and its weights, in the order in which Keras has them. */
interface Translation {
  readonly layer: KerasLayer;
  readonly weights: readonly (FloatTensor | undefined)[];
}

export class PlaintextModel {
  private constructor(
    private readonly model: tfl.LayersModel,
    private readonly inputShape: readonly number[],
  ) {}

  /** @throws TrivetError INVALID_ARGUMENT when a layer has no counterpart, INTERNAL when the backend does not start */
  static async create(graph: LayerGraph): Promise<PlaintextModel> {
    // On Node the WASM backend reads its binaries from a folder and has no other way to find them.
    setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);
    if (!(await tf.setBackend('wasm'))) {
      throw new TrivetError('INTERNAL', 'The WASM backend of TensorFlow.js does not start.');
    }
    await tf.ready();
    const input = tfl.input({ shape: [...graph.inputShape] });
    const values = new Map<string, tfl.SymbolicTensor>([[graph.input, input]]);
    for (const { name, inputs, layer } of graph.nodes) {
      const sources = inputs.map((source) => values.get(source)!);
      const { layer: keras, weights } = translate(name, layer);
      values.set(name, keras.apply(sources.length === 1 ? sources[0]! : sources) as tfl.SymbolicTensor);
      const tensors = weights.filter((one) => one !== undefined);
      if (tensors.length > 0) {
        keras.setWeights(tensors.map(({ shape, values: v }) => tf.tensor(Float32Array.from(v), [...shape])));
      }
    }
    const model = tfl.model({ inputs: input, outputs: values.get(graph.output)! });
    return new PlaintextModel(model, graph.inputShape);
  }

  /** The model's outputs for `inputs`, the concatenated numbers of some samples; copied in and out, as a program does. */
  predict(inputs: Float32Array): Float32Array {
    const count = inputs.length / sizeOf(this.inputShape);
    return tf.tidy(() => {
      const batch = tf.tensor(inputs, [count, ...this.inputShape]);
      const output = this.model.predict(batch, { batchSize: count }) as tf.Tensor;
      return output.dataSync<'float32'>();
    });
  }
}

function paddingMode(name: string, padding: Padding): 'valid' | 'same' {
  if (padding === 'valid' || padding === 'same') return padding;
  throw new TrivetError(
    'INVALID_ARGUMENT',
    `Layer "${name}": explicit padding has no plaintext counterpart here.`,
  );
}

function translate(name: string, layer: Layer): Translation {
  const { layers } = tfl;
  switch (layer.type) {
    case 'Conv2D': {
      const [kernelHeight, kernelWidth, , filters] = layer.kernel.shape;
      return {
        layer: layers.conv2d({
          filters: filters!,
          kernelSize: [kernelHeight!, kernelWidth!],
          strides: [...layer.strides],
          padding: paddingMode(name, layer.padding),
          dilationRate: [...layer.dilationRate],
          activation: layer.activation,
          useBias: layer.bias !== undefined,
        }),
        weights: [layer.kernel, layer.bias],
      };
    }
    case 'Dense': {
      const useBias = layer.bias !== undefined;
      return {
        layer: layers.dense({ units: layer.kernel.shape[1]!, activation: layer.activation, useBias }),
        weights: [layer.kernel, layer.bias],
      };
    }
    case 'AveragePooling2D':
    case 'MaxPooling2D': {
      const options = {
        poolSize: [...layer.poolSize] as [number, number],
        strides: [...layer.strides] as [number, number],
        padding: paddingMode(name, layer.padding),
      };
      const make = layer.type === 'MaxPooling2D' ? layers.maxPooling2d : layers.averagePooling2d;
      return { layer: make(options), weights: [] };
    }
    case 'BatchNormalization': {
      const { gamma, beta, movingMean, movingVariance, epsilon } = layer;
      const options = { epsilon, scale: gamma !== undefined, center: beta !== undefined };
      return {
        layer: layers.batchNormalization(options),
        weights: [gamma, beta, movingMean, movingVariance],
      };
    }
    case 'Flatten':
      return { layer: layers.flatten(), weights: [] };
    case 'Reshape':
      return { layer: layers.reshape({ targetShape: [...layer.targetShape] }), weights: [] };
    case 'Dropout':
      return { layer: layers.dropout({ rate: 0 }), weights: [] };
    case 'ZeroPadding2D': {
      const [vertical, horizontal] = layer.padding;
      const padding: [[number, number], [number, number]] = [[...vertical], [...horizontal]];
      return { layer: layers.zeroPadding2d({ padding }), weights: [] };
    }
    case 'Activation':
      return { layer: layers.activation({ activation: layer.activation }), weights: [] };
    default:
      throw new TrivetError(
        'INVALID_ARGUMENT',
        `Layer "${name}" (${layer.type}) has no plaintext counterpart here.`,
      );
  }
}
