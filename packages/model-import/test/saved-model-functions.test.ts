/** SavedModels of TensorFlow 2: functions, resource variables, a restore function. */
import { applyOutputActivation, compile, evaluateGraph } from '@trivet/mpc-core';
import { describe, expect, it } from 'vitest';
import { importSavedModel, ModelFormatError } from '../src/index.js';
import { BIAS, calls, functionOf, KERNEL, MODEL, node, savedModel, variables } from './saved-model-file.js';
import { tf } from './tfjs-models.js';

describe('a SavedModel of functions', () => {
  it('is followed through its calls, with the variables that its restore function assigns', async () => {
    const { graph, signature } = await importSavedModel({
      model: savedModel(),
      variables: async (name) => variables(name),
    });
    const compiled = compile(graph);
    const input = [0.5, 0.25, 1];
    // TensorFlow.js, on the same input.
    await tf.ready();
    const logits = tf.add(
      tf.matMul(tf.tensor2d(input, [1, 3]), tf.tensor2d(KERNEL, [3, 2])),
      tf.tensor1d(BIAS),
    );
    const expected = await tf.sigmoid(logits).data();
    const output = applyOutputActivation(compiled.plan, evaluateGraph(graph, input, 1));
    expect(output).toHaveLength(expected.length);
    expected.forEach((value, unit) => {
      expect(output[unit]).toBeCloseTo(value, 6);
    });
    expect(signature).toMatchObject({
      input: { name: 'inputs' },
      output: { name: 'output_0', shape: [-1, 2] },
    });
  });

  it('ends in an error when functions call each other', async () => {
    const forever = functionOf(
      MODEL,
      ['x', 'kernel', 'bias'],
      [node('again', 'PartitionedCall', ['x', 'kernel', 'bias'], calls(MODEL))],
      'again:output:0',
    );
    const model = savedModel(forever);
    await expect(importSavedModel({ model, variables: async (name) => variables(name) })).rejects.toThrow(
      ModelFormatError,
    );
  });

  it('ends in an error when the graph goes round in a circle', async () => {
    const circle = functionOf(
      MODEL,
      ['x', 'kernel', 'bias'],
      [node('a', 'Relu', ['b:activations:0']), node('b', 'Relu', ['a:activations:0'])],
      'a:activations:0',
    );
    const model = savedModel(circle);
    await expect(importSavedModel({ model, variables: async (name) => variables(name) })).rejects.toThrow(
      /in a circle/,
    );
  });
});
