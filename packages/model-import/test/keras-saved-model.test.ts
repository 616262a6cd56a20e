/** SavedModels with the operations that tf.keras writes for each layer, against tfjs. */
import { compile, UnsupportedLayersError } from '@trivet/mpc-core';
import { expect, it } from 'vitest';
import { importSavedModel } from '../src/index.js';
import { kerasSavedModel } from './keras-saved-model.js';
import { expectSamePredictions } from './same-predictions.js';
import { functionOf, MODEL, node, savedModel, variables } from './saved-model-file.js';
import { MODELS, randomiseWeights } from './tfjs-models.js';

it.each(Object.entries(MODELS))('%s', async (_, build) => {
  const model = build();
  randomiseWeights(model, 31);
  const files = await kerasSavedModel(model);
  const { graph, signature } = await importSavedModel({
    model: files.model,
    variables: async (file) => files.variables(file),
  });
  expectSamePredictions(graph, model);
  expect(signature.output.shape).toEqual(model.outputs[0]!.shape.map((extent) => extent ?? -1));
  model.dispose();
});

it('lists every operation that is not supported', async () => {
  const nodes = [
    node('a', 'Elu', ['x']),
    node('b', 'Relu', ['a:activations:0']),
    node('c', 'Selu', ['b:activations:0']),
  ];
  const unsupported = functionOf(MODEL, ['x', 'kernel', 'bias'], nodes, 'c:activations:0');
  const model = savedModel(unsupported);
  const { graph } = await importSavedModel({ model, variables: async (name) => variables(name) });
  expect(() => compile(graph)).toThrow(UnsupportedLayersError);
  expect(() => compile(graph)).toThrow(/\(Elu\)[\s\S]*\(Selu\)/);
});
