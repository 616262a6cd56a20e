import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { loadMnist, type Mnist } from '@trivet/mnist';
import { SeededRandom } from '@trivet/seeded-random';
import { beforeAll, describe, expect, it } from 'vitest';
import { augment } from '../src/augment.js';
import { buildModel, foldedLogits, trainableVariables } from '../src/model.js';
import { parseOptions, type TrainOptions, UsageError } from '../src/options.js';
import { saveModel } from '../src/save.js';
import { accuracy, train } from '../src/trainer.js';

let data: Mnist;
beforeAll(async () => {
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await tf.setBackend('wasm');
  data = await loadMnist('train');
});

const options = (change: Partial<TrainOptions> = {}): TrainOptions => ({
  ...parseOptions(['--quick'])!,
  trainImages: 640,
  batch: 64,
  ...change,
});

const weightsOf = (variables: readonly tf.Variable[]) => variables.flatMap((v) => [...v.dataSync()]);

describe('the folded form', () => {
  it('has the logits of the layers model', () => {
    const model = buildModel(3);
    const variables = trainableVariables(model);
    for (const variable of variables)
      variable.assign(tf.randomUniform(variable.shape, -0.5, 0.5, 'float32', 4));
    const images = tf.randomUniform([3, 28, 28, 1], 0, 1, 'float32', 5) as tf.Tensor4D;
    const expected = (model.predict(images) as tf.Tensor).dataSync();
    const actual = tf.softmax(foldedLogits(images, variables)).dataSync();
    expect(actual.length).toBe(30);
    actual.forEach((value, index) => {
      expect(value).toBeCloseTo(expected[index]!, 4);
    });
  });

  it('has the gradients that finite differences give', () => {
    const variables = trainableVariables(buildModel(3));
    const images = tf.randomUniform([2, 28, 28, 1], 0, 1, 'float32', 5) as tf.Tensor4D;
    const loss = () => tf.sum(tf.square(foldedLogits(images, variables))) as tf.Scalar;
    const { grads } = tf.variableGrads(loss, variables);
    for (const variable of variables) {
      const gradient = grads[variable.name]!.dataSync();
      // Along the gradient itself the loss rises by its squared norm: one number that covers every element.
      const norm = Math.hypot(...gradient);
      const step = 0.01 / norm;
      const before = variable.clone();
      const at = (sign: number) => {
        variable.assign(tf.add(before, tf.mul(grads[variable.name]!, sign * step)));
        return loss().dataSync()[0]!;
      };
      const rise = (at(1) - at(-1)) / (2 * step);
      variable.assign(before as never);
      expect(rise / norm ** 2).toBeCloseTo(1, 1);
    }
  });
});

describe('training', () => {
  it('lowers the loss, and the same seed gives the same weights', async () => {
    const run = async (seed: number) => {
      const model = buildModel(seed);
      const losses: number[] = [];
      await train(model, data, options({ seed, epochs: 3 }), async ({ loss }) => {
        losses.push(loss);
      });
      return { losses, weights: weightsOf(trainableVariables(model)) };
    };
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    expect(first.losses).toHaveLength(30);
    expect(first.losses.at(-1)!).toBeLessThan(first.losses[0]! - 0.05);
    expect(again.weights).toEqual(first.weights);
    expect(other.weights).not.toEqual(first.weights);
  }, 180_000);

  it('measures accuracy as a share of the images', async () => {
    const model = buildModel(1);
    const shown = accuracy(model, data, 500);
    expect(shown).toBeGreaterThanOrEqual(0);
    expect(shown).toBeLessThan(0.5);
  });

  it('saves model.json and a shard that holds every weight', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'train-'));
    try {
      const model = buildModel(1);
      const bytes = await saveModel(model, folder, {
        dataset: 'none',
        epochs: 1,
        seed: 1,
        testAccuracy: 0.5,
        preprocessing: 'none',
      });
      const json = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8'));
      const shard = readFileSync(join(folder, json.weightsManifest[0].paths[0]));
      expect(json.userDefinedMetadata).toMatchObject({ testAccuracy: 0.5 });
      expect([
        ...new Float32Array(shard.buffer.slice(shard.byteOffset, shard.byteOffset + shard.length)),
      ]).toEqual(weightsOf(trainableVariables(model)));
      expect(bytes).toBeLessThan(100_000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('augmentation', () => {
  it('keeps values in [0, 1] and most of the ink, and changes with the generator only', () => {
    const source = data.images.subarray(0, 784);
    const distort = (seed: number) => {
      const target = new Float32Array(784);
      augment(source, target, new SeededRandom(seed, 2));
      return target;
    };
    const ink = (image: ArrayLike<number>) => Array.from(image).reduce((a, b) => a + b, 0);
    expect(distort(1)).toEqual(distort(1));
    expect(distort(1)).not.toEqual(distort(2));
    for (let seed = 0; seed < 50; seed++) {
      const image = distort(seed);
      expect(Math.max(...image)).toBeLessThanOrEqual(1);
      expect(Math.min(...image)).toBeGreaterThanOrEqual(0);
      expect(ink(image) / (ink(source) / 255)).toBeGreaterThan(0.6);
      expect(ink(image) / (ink(source) / 255)).toBeLessThan(1.5);
    }
  });
});

describe('options', () => {
  it('have defaults, and --help is null', () => {
    expect(parseOptions([])).toMatchObject({ epochs: 40, seed: 1, trainImages: 60_000, testImages: 10_000 });
    expect(parseOptions(['--epochs', '3', '--seed', '7'])).toMatchObject({ epochs: 3, seed: 7 });
    expect(parseOptions(['--help'])).toBeNull();
    expect(parseOptions([])!.out).toMatch(/models.mnist.?$/);
    // A quick run must not replace the real model by accident.
    expect(parseOptions(['--quick'])!.out).not.toMatch(/models.mnist/);
  });

  it.each([
    [['--epochs', '0'], /--epochs takes a whole number/],
    [['--epochs', 'many'], /not "many"/],
    [['--seed', '-1'], /--seed|ambiguous/],
    [['--learning-rate', 'x'], /--learning-rate takes a number/],
    [['--fast'], /--fast.*Try --help/],
    [['file'], /Try --help/],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(message);
  });
});
