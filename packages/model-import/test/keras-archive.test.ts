/** Keras 3 archives, written as Keras writes them, against tfjs. */
import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { detectFormat, importKerasArchive, importModel, ModelFormatError } from '../src/index.js';
import { archive, zip } from './keras-archive-file.js';
import { expectSamePredictions } from './same-predictions.js';
import { MODELS, randomiseWeights } from './tfjs-models.js';

const CASES = [
  'BatchNormalization after Conv2D',
  'BatchNormalization without scale, on an input',
  'Dense over an image, Softmax layer',
  'DepthwiseConv2D, ReLU with a maximum, GlobalAveragePooling2D',
  'SeparableConv2D, LeakyReLU, GlobalMaxPooling2D',
  'a residual block, and branches side by side',
];

describe.each(CASES)('%s', (name) => {
  it('predicts what tfjs predicts', async () => {
    const model = MODELS[name]!();
    randomiseWeights(model, 23);
    expectSamePredictions(importKerasArchive(zip(await archive(model))), model);
  }, 60_000);
});

describe('a .keras archive', () => {
  const sample = async () => {
    const model = MODELS['Dense, softmax']!();
    return archive(model);
  };

  it('is known by its content', async () => {
    const bytes = zip(await sample());
    expect(detectFormat(bytes)).toBe('keras-zip');
    const source = { file: 'model', list: async () => [], read: async () => bytes };
    expect((await importModel(source)).signature.input.shape).toEqual([-1, 7]);
  });

  it('is not led astray by other names in it', async () => {
    const bytes = zip(await sample(), { '../../etc/passwd': strToU8('x'), '/config.json': strToU8('{}') });
    expect(importKerasArchive(bytes).nodes).toHaveLength(1);
  });

  it('is refused when it would unpack to absurdly much', async () => {
    const bomb = zip(await sample(), { 'config.json': [new Uint8Array(30_000_000), { level: 9 }] });
    expect(bomb.length).toBeLessThan(100_000);
    expect(() => importKerasArchive(bomb)).toThrow(/unpack to 30000000 bytes/);
  });

  it('is refused when it lacks a part, and wherever it is cut short', async () => {
    const { config, weights } = await sample();
    expect(() => importKerasArchive(zipSync({ 'config.json': strToU8(JSON.stringify(config)) }))).toThrow(
      /lacks model.weights.h5/,
    );
    expect(() => importKerasArchive(zipSync({ 'model.weights.h5': weights }))).toThrow(/lacks config.json/);
    const bytes = zip({ config, weights });
    for (let length = 0; length < bytes.length; length += 97) {
      expect(() => importKerasArchive(bytes.slice(0, length))).toThrow(ModelFormatError);
    }
  }, 60_000);

  it('names the layer whose weights are missing', async () => {
    const { weights } = await sample();
    const other = await archive(MODELS['Conv2D valid']!());
    expect(() => importKerasArchive(zip({ config: other.config, weights }))).toThrow(
      /its weight "kernel" is missing/,
    );
  });
});
