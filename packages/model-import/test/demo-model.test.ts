import { readFileSync } from 'node:fs';
import { IMAGE_SIZE, loadMnist } from '@trivet/mnist';
import { compile, evaluatePlan } from '@trivet/mpc-core';
import { expect, it } from 'vitest';
import { importTfjsLayers, tfjsWeightPaths } from '../src/index.js';

const FOLDER = new URL('../../../models/mnist/', import.meta.url);
const COUNT = 10_000;
const CLASSES = 10;

it('the bundled demo model is as good as it says, and small', { timeout: 120_000 }, async () => {
  const json = JSON.parse(readFileSync(new URL('model.json', FOLDER), 'utf8'));
  const shards = tfjsWeightPaths(json).map((path) => readFileSync(new URL(path, FOLDER)));
  const model = compile(importTfjsLayers(json, Buffer.concat(shards)));
  expect(model.multiplications).toBe(188_448);

  const mnist = await loadMnist('test');
  const inputs = Float64Array.from(mnist.images, (pixel) => pixel / 255);
  expect(inputs.length).toBe(COUNT * IMAGE_SIZE);
  const logits = evaluatePlan(model, inputs, COUNT);
  const correct = Array.from({ length: COUNT }, (_, index) => {
    const row = logits.subarray(index * CLASSES, (index + 1) * CLASSES);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b))) === mnist.labels[index];
  }).filter((right) => right).length;
  expect(correct / COUNT).toBeGreaterThanOrEqual(0.985);
  expect(correct / COUNT).toBeCloseTo(json.userDefinedMetadata.testAccuracy, 3);
});
