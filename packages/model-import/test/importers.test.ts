import { describe, it } from 'vitest';
import { importKerasHdf5, importTfjsLayers } from '../src/index.js';
import { kerasFile } from './keras-file.js';
import { expectSamePredictions } from './same-predictions.js';
import { MODELS, randomiseWeights, saveFiles } from './tfjs-models.js';

describe.each(Object.entries(MODELS))('%s', (_, build) => {
  it('predicts what tfjs predicts, from tfjs files and from Keras files', async () => {
    const model = build();
    randomiseWeights(model, 17);
    const files = await saveFiles(model);
    expectSamePredictions(importTfjsLayers(files.json, files.weights), model);
    expectSamePredictions(importKerasHdf5(await kerasFile(files)), model);
    model.dispose();
  });
});

describe('variants of the formats', () => {
  async function sample() {
    const model = MODELS['BatchNormalization after Conv2D']!();
    randomiseWeights(model, 5);
    return { model, files: await saveFiles(model) };
  }

  it.each([
    ['compressed chunks', { compressed: true }],
    ['doubles', { dtype: '<f8' }],
    ['weight names without a suffix', { suffix: '' }],
  ] as const)('reads HDF5 with %s', async (_, options) => {
    const { model, files } = await sample();
    expectSamePredictions(importKerasHdf5(await kerasFile(files, options)), model);
  });

  it('reads an ArrayBuffer, and a view into a larger one', async () => {
    const { model, files } = await sample();
    const bytes = await kerasFile(files);
    const padded = new Uint8Array(bytes.length + 20);
    padded.set(bytes, 13);
    expectSamePredictions(importKerasHdf5(padded.subarray(13, 13 + bytes.length)), model);
    expectSamePredictions(importKerasHdf5(bytes.slice().buffer), model);
  });

  it('reads a Sequential as the bare list of layers that early Keras wrote', async () => {
    const { model, files } = await sample();
    const topology = files.json.modelTopology as { config: { layers: unknown } };
    const config = { class_name: 'Sequential', config: topology.config.layers };
    expectSamePredictions(importKerasHdf5(await kerasFile(files, { config })), model);
  });

  it('reads a tfjs model that was converted from Keras', async () => {
    const { model, files } = await sample();
    const modelTopology = { keras_version: '2.2.4', model_config: files.json.modelTopology };
    expectSamePredictions(importTfjsLayers({ ...files.json, modelTopology }, files.weights), model);
  });

  it("reads Keras 3's config: batch_shape, dtype policies, functions as objects, keras_history", async () => {
    const model = MODELS['functional chain']!();
    randomiseWeights(model, 6);
    const files = await saveFiles(model);
    const { class_name: className, config } = files.json.modelTopology as {
      class_name: string;
      config: { layers: Record<string, never>[] };
    };
    const history = ([name, node, tensor]: [string, number, number]) => ({
      class_name: '__keras_tensor__',
      config: { shape: [null, 1], dtype: 'float32', keras_history: [name, node, tensor] },
    });
    const converted = config.layers.map((layer) => {
      const { batch_input_shape: shape, ...values } = layer.config as Record<string, unknown>;
      return {
        ...layer,
        module: 'keras.layers',
        config: {
          ...values,
          dtype: { class_name: 'DTypePolicy', config: { name: 'float32' } },
          ...(shape === undefined ? {} : { batch_shape: shape }),
          ...(values.activation === 'softmax'
            ? { activation: { class_name: 'function', config: 'softmax' } }
            : {}),
        },
        inbound_nodes: (layer.inbound_nodes as [string, number, number][][]).map((call) => ({
          args: call.map(history),
          kwargs: {},
        })),
      };
    });
    const keras3 = { class_name: className, config: { ...config, layers: converted.toReversed() } };
    expectSamePredictions(importKerasHdf5(await kerasFile(files, { config: keras3, suffix: '' })), model);
  });
});
