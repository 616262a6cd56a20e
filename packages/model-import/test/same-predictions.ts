/** What every importer is measured against: the predictions of TensorFlow.js on the same input. */
import {
  applyOutputActivation,
  compile,
  evaluateGraph,
  evaluatePlan,
  type LayerGraph,
  sizeOf,
} from '@trivet/mpc-core';
import { expect } from 'vitest';
import { type layers, predict, tf } from './tfjs-models.js';

const COUNT = 3;

/** The graph's predictions, unfolded and as a plan, must be those of tfjs on the same random inputs. */
export function expectSamePredictions(graph: LayerGraph, model: layers.LayersModel): void {
  const inputs = tf.randomUniform([COUNT * sizeOf(graph.inputShape)], 0, 1, 'float32', 99).dataSync();
  const expected = predict(model, inputs as Float32Array, COUNT);
  const compiled = compile(graph);
  for (const logits of [evaluateGraph(graph, inputs, COUNT), evaluatePlan(compiled, inputs, COUNT)]) {
    const actual = applyOutputActivation(compiled.plan, logits);
    expect(actual.length).toBe(expected.length);
    actual.forEach((value, index) => {
      expect(Math.abs(value - expected[index]!)).toBeLessThan(1e-4 * (1 + Math.abs(value)));
    });
  }
}
