/** SavedModels: a real one of TensorFlow 1, and what damaged ones give. */
import { readdirSync, readFileSync } from 'node:fs';
import { compile, evaluateGraph, evaluatePlan } from '@trivet/mpc-core';
import { describe, expect, it } from 'vitest';
import {
  detectFormat,
  importModel,
  importSavedModel,
  ModelFormatError,
  type ModelSource,
} from '../src/index.js';

const FOLDER = new URL('../../../../shared/models/half_plus_two/', import.meta.url);
const VERSION = new URL('00000123/', FOLDER);
const file = (name: string) => new Uint8Array(readFileSync(new URL(name, VERSION)));
const MODEL = file('saved_model.pb');
const INDEX = file('variables/variables.index');
const DATA = file('variables/variables.data-00000-of-00001');

const variables = (index = INDEX, data = DATA) => {
  return async (name: string) => (name === 'variables.index' ? index : data);
};

/** A folder on disk. */
function source(folder: URL, name: string | null = null): ModelSource {
  return {
    file: name,
    list: async (inside) => readdirSync(new URL(inside, folder)),
    read: async (path) => new Uint8Array(readFileSync(new URL(path, folder))),
  };
}

describe('half_plus_two, a SavedModel of TensorFlow 1', () => {
  it('computes x / 2 + 2 and keeps its signature', async () => {
    const { graph, signature } = await importSavedModel({ model: MODEL, variables: variables() });
    expect([...evaluateGraph(graph, [1, 2, 5], 3)]).toEqual([2.5, 3, 4.5]);
    expect(graph.inputShape).toEqual([1]);
    expect(signature).toEqual({
      name: 'serving_default',
      method: 'tensorflow/serving/predict',
      input: { name: 'x', tensor: 'x:0', dtype: 'DT_FLOAT', shape: [-1, 1] },
      output: { name: 'y', tensor: 'y:0', dtype: 'DT_FLOAT', shape: [-1, 1] },
    });
  });

  it('compiles to one product', async () => {
    const { graph } = await importSavedModel({ model: MODEL, variables: variables() });
    const compiled = compile(graph, { inputRange: { min: -256, max: 256 } });
    expect(compiled.multiplications).toBe(1);
    expect([...evaluatePlan(compiled, [-4, 0, 100], 3)]).toEqual([0, 2, 52]);
  });

  it('has another signature, whose constants are others', async () => {
    const files = { model: MODEL, variables: variables() };
    const { graph, signature } = await importSavedModel(files, { signature: 'regress_x2_to_y3' });
    expect([...evaluateGraph(graph, [1, 2, 5], 3)]).toEqual([3.5, 4, 5.5]);
    expect(signature).toMatchObject({ method: 'tensorflow/serving/regress', output: { name: 'outputs' } });
  });

  it.each([
    ['the folder of its versions', source(FOLDER)],
    ['the folder of one version', source(VERSION)],
    ['saved_model.pb', source(VERSION, 'saved_model.pb')],
  ])('is found by %s', async (_, where) => {
    const { format, graph } = await importModel(where);
    expect(format).toBe('saved-model');
    expect([...evaluateGraph(graph, [5], 1)]).toEqual([4.5]);
  });

  it('is the version with the highest number, whatever the names sort like', async () => {
    const numbered: ModelSource = {
      file: null,
      list: async (inside) => {
        return inside === '' ? ['9', '00000123', 'notes'] : readdirSync(new URL(VERSION));
      },
      read: async (path) => file(path.replace(/^00000123\//, '')),
    };
    expect((await importModel(numbered)).version).toBe(123);
  });
});

describe('what is refused', () => {
  const signature = (name: string) =>
    importSavedModel({ model: MODEL, variables: variables() }, { signature: name });

  it('names the signatures there are', async () => {
    await expect(signature('predict')).rejects.toThrow(/no signature "predict"; it has: .*serving_default/);
  });

  it('says that serialized examples are no numbers', async () => {
    await expect(signature('classify_x_to_y')).rejects.toThrow(/serialized examples/);
  });

  it('says that variables are missing', async () => {
    await expect(importSavedModel({ model: MODEL, variables: null })).rejects.toThrow(
      /no folder "variables"/,
    );
  });

  it('finds every flipped byte of the variables and of their index', async () => {
    for (const which of ['index', 'data'] as const) {
      const whole = which === 'index' ? INDEX : DATA;
      for (let at = 0; at < whole.length; at++) {
        const damaged = whole.slice();
        damaged[at]! ^= 0x41;
        const read = which === 'index' ? variables(damaged) : variables(INDEX, damaged);
        const imported = importSavedModel({ model: MODEL, variables: read });
        // Bytes of other variables, of the padding of the footer and of what compression may leave unused do not count.
        const outcome = await imported.then(
          ({ graph }) => [...evaluateGraph(graph, [1, 2, 5], 3)].join(),
          (error: unknown) => error,
        );
        if (typeof outcome === 'string') expect(outcome).toBe('2.5,3,4.5');
        else expect(outcome).toBeInstanceOf(ModelFormatError);
      }
    }
  }, 60_000);

  it('ends in an error wherever a file is cut short', async () => {
    for (let length = 0; length < INDEX.length; length++) {
      const read = variables(INDEX.slice(0, length));
      await expect(importSavedModel({ model: MODEL, variables: read })).rejects.toThrow(ModelFormatError);
    }
    for (let length = 0; length < 8; length++) {
      const read = variables(INDEX, DATA.slice(0, length));
      await expect(importSavedModel({ model: MODEL, variables: read })).rejects.toThrow(/cut short/);
    }
    for (let length = 0; length < MODEL.length; length += 41) {
      const model = MODEL.slice(0, length);
      await expect(importSavedModel({ model, variables: variables() })).rejects.toThrow(ModelFormatError);
    }
  }, 60_000);

  it('survives any flipped byte of the graph', async () => {
    for (let at = 0; at < MODEL.length; at += 31) {
      const model = MODEL.slice();
      model[at]! ^= 0x15;
      const outcome = await importSavedModel({ model, variables: variables() }).catch(
        (error: unknown) => error,
      );
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ModelFormatError);
    }
  }, 60_000);
});

describe('detectFormat', () => {
  it('knows a SavedModel by its content', () => {
    expect(detectFormat(MODEL)).toBe('saved-model');
    expect(detectFormat(MODEL.slice(0, 500))).toBe('unknown');
  });
});
