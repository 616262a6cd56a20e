import type { LayerGraph } from '@trivet/mpc-core';
import { compile, UnsupportedLayersError } from '@trivet/mpc-core';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  detectFormat,
  importKerasHdf5,
  importTfjsLayers,
  ModelFormatError,
  tfjsWeightPaths,
} from '../src/index.js';
import { kerasFile } from './keras-file.js';
import { MODELS, saveFiles, type TfjsFiles } from './tfjs-models.js';

let files: TfjsFiles;
let hdf5: Uint8Array;
beforeAll(async () => {
  files = await saveFiles(MODELS['BatchNormalization after Conv2D']!());
  hdf5 = await kerasFile(files);
});

/** A copy of the sample's model.json with one value replaced, by the path to it. */
function changed(path: readonly (string | number)[], value: unknown): Record<string, unknown> {
  const copy = structuredClone(files.json);
  let target = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) target = target[key] as Record<string, unknown>;
  if (value === undefined) delete target[path.at(-1)!];
  else target[path.at(-1)!] = value;
  return copy;
}

const CONV = ['modelTopology', 'config', 'layers', 0] as const;
const WEIGHT = ['weightsManifest', 0, 'weights', 0] as const;

describe('malformed tfjs models', () => {
  it.each<[string, readonly (string | number)[], unknown, RegExp]>([
    ['no topology', ['modelTopology'], undefined, /modelTopology is missing/],
    ['a graph model', ['format'], 'graph-model', /graph model/],
    ['another class', ['modelTopology', 'class_name'], 'RNN', /is a "RNN"/],
    ['no layers', ['modelTopology', 'config', 'layers'], undefined, /layers of the model is missing/],
    ['a layer without a class', [...CONV, 'class_name'], 7, /Layer 0: class_name is 7/],
    ['a layer without a config', [...CONV, 'config'], [], /Layer 0 \(Conv2D\): config is \[\]/],
    ['a layer without a name', [...CONV, 'config', 'name'], undefined, /name is missing/],
    ['no input shape', [...CONV, 'config', 'batch_input_shape'], undefined, /input shape is missing/],
    ['an open input shape', [...CONV, 'config', 'batch_input_shape'], [null, null, 8, 3], /must be fixed/],
    ['no kernel size', [...CONV, 'config', 'kernel_size'], undefined, /kernel_size is missing/],
    ['a kernel size of zero', [...CONV, 'config', 'kernel_size'], [0, 3], /kernel_size is \[0,3\]/],
    ['filters that are text', [...CONV, 'config', 'filters'], '4', /filters is "4", expected a positive/],
    [
      'other filters than weights',
      [...CONV, 'config', 'filters'],
      5,
      /shape \[3, 3, 3, 4\], expected \[3, 3, \?, 5\]/,
    ],
    ['strides of three', [...CONV, 'config', 'strides'], [1, 1, 1], /strides is \[1,1,1\]/],
    ['use_bias that is text', [...CONV, 'config', 'use_bias'], 'no', /use_bias is "no", expected true/],
    ['an activation that is a number', [...CONV, 'config', 'activation'], 3, /activation is 3/],
    ['no manifest', ['weightsManifest'], undefined, /weightsManifest is missing/],
    ['a weight missing', [...WEIGHT, 'name'], 'other/kernel', /its weight "kernel" is missing/],
    ['a weight twice', [...WEIGHT, 'name'], 'batch_normalization_BatchNormalization1/gamma', /./],
    ['a shape that is too large', [...WEIGHT, 'shape'], [3, 3, 3, 4_000_000], /there are only/],
    ['a shape that is too small', [...WEIGHT, 'shape'], [3, 3, 3, 3], /but there are|expected \[/],
    ['a shape that overflows', [...WEIGHT, 'shape'], [2 ** 40, 2 ** 40], /there are only/],
    ['a negative shape', [...WEIGHT, 'shape'], [-3, 3, 3, 4], /its shape is \[-3,3,3,4\]/],
  ])('%s', (_, path, value, message) => {
    const json = changed(path, value);
    expect(() => importTfjsLayers(json, files.weights)).toThrow(ModelFormatError);
    expect(() => importTfjsLayers(json, files.weights)).toThrow(message);
  });

  it('bytes missing or left over', () => {
    const { json, weights } = files;
    expect(() => importTfjsLayers(json, weights.subarray(0, -1))).toThrow(/there are only/);
    expect(() => importTfjsLayers(json, new Uint8Array(weights.length + 1))).toThrow(/but there are/);
  });

  it('values that are no model at all', () => {
    for (const value of [null, 1, 'text', [], {}, { modelTopology: null }]) {
      expect(() => importTfjsLayers(value, new Uint8Array())).toThrow(ModelFormatError);
    }
  });

  it('paths that lead elsewhere', () => {
    expect(tfjsWeightPaths(files.json)).toEqual(['group1-shard1of1.bin']);
    for (const path of ['../w.bin', 'a/../../w.bin', '/etc/passwd', 'C:\\w.bin', 'http://host/w.bin', '']) {
      const json = changed(['weightsManifest', 0, 'paths'], [path]);
      expect(() => tfjsWeightPaths(json)).toThrow(/leads out of the model's folder/);
    }
  });
});

describe('malformed Keras files', () => {
  it('refuses weights alone, other files and other types', async () => {
    expect(() => importKerasHdf5(new Uint8Array())).toThrow(/not an HDF5 file/);
    expect(() => importKerasHdf5(new TextEncoder().encode('{"a": 1}'))).toThrow(/not an HDF5 file/);
    const weightsOnly = await kerasFile(files, { weightsOnly: true });
    expect(() => importKerasHdf5(weightsOnly)).toThrow(/holds no architecture/);
    const integers = await kerasFile(files, { dtype: '<i4' });
    expect(() => importKerasHdf5(integers)).toThrow(/type <i4, expected floats/);
  });

  it('prints nothing that stands in a file', async () => {
    const methods = ['log', 'info', 'warn', 'error'] as const;
    const printed = methods.map((method) => vi.spyOn(console, method).mockImplementation(() => undefined));
    try {
      const file = await kerasFile(files, { unreadable: '\u001b[2J\u001b]0;title\u0007' });
      expect(importKerasHdf5(file)).toEqual(importKerasHdf5(hdf5));
      for (const method of printed) expect(method).not.toHaveBeenCalled();
      console.warn('and lets others warn');
      expect(console.warn).toHaveBeenCalledOnce();
    } finally {
      for (const method of printed) method.mockRestore();
    }
  });

  it('answers a truncated file with a ModelFormatError, wherever it is cut', () => {
    for (let length = 0; length < hdf5.length; length += 97) {
      const cut = hdf5.subarray(0, length);
      let graph: LayerGraph | undefined;
      try {
        graph = importKerasHdf5(cut);
      } catch (error) {
        expect(error).toBeInstanceOf(ModelFormatError);
      }
      // The end of the file may be padding; what is read must then be whole.
      if (graph !== undefined) expect(graph).toEqual(importKerasHdf5(hdf5));
    }
  });

  it('answers flipped bytes with a ModelFormatError or a graph, never with anything else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(hdf5.length - 9), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        (flips) => {
          const damaged = hdf5.slice();
          for (const [offset, value] of flips) damaged[8 + offset] = value;
          try {
            importKerasHdf5(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(ModelFormatError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('layers and options that are not supported', () => {
  const sequential = (...list: readonly [string, Record<string, unknown>][]) => ({
    format: 'layers-model',
    modelTopology: {
      class_name: 'Sequential',
      config: {
        name: 'm',
        layers: list.map(([className, config], index) => ({
          class_name: className,
          config: {
            name: `layer_${index}`,
            ...(index === 0 ? { batch_input_shape: [null, 8, 8, 1] } : {}),
            ...config,
          },
        })),
      },
    },
    weightsManifest: [],
  });

  it('are recorded, all of them, and refused by the compiler as one list', () => {
    const graph = importTfjsLayers(
      sequential(
        ['MaxPooling2D', { pool_size: 2, data_format: 'channels_first' }],
        ['MaxPooling2D', { pool_size: 2, dilation_rate: [2, 2] }],
        ['MaxPooling2D', { pool_size: 2, padding: 'causal' }],
        ['ReLU', { max_value: 4 }],
        ['ReLU', { max_value: 6, negative_slope: 0.1 }],
        ['ReLU', { threshold: 1 }],
        ['Activation', { activation: 'selu' }],
        ['LSTM', { units: 4 }],
        ['toString', {}],
        ['Conv2D', { filters: 2, kernel_size: 3, groups: 2 }],
        ['BatchNormalization', { axis: 1 }],
        ['Softmax', { axis: 1 }],
        ['Sequential', { layers: [] }],
        ['Flatten', { data_format: 'channels_last' }],
      ),
      new Uint8Array(),
    );
    let error: unknown;
    try {
      compile(graph);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(UnsupportedLayersError);
    const entries = (error as UnsupportedLayersError).layers;
    expect(entries.map(({ position }) => position)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(entries.map(({ reason }) => reason).join('\n')).toMatch(
      /channels_first.*\n.*dilation.*\n.*causal.*\n.*max_value of 4.*\n.*max_value and a negative_slope.*\n.*threshold of 1.*\n.*selu/,
    );
    expect(entries[8]).toMatchObject({ className: 'toString', name: 'layer_8' });
  });

  const functional = (config: Record<string, unknown>, layers: readonly unknown[]) => ({
    modelTopology: { class_name: 'Functional', config: { name: 'm', layers, ...config } },
    weightsManifest: [],
  });
  const input = (name: string) => ({
    class_name: 'InputLayer',
    name,
    config: { name, batch_input_shape: [null, 4] },
    inbound_nodes: [],
  });
  const layer = (className: string, name: string, ...calls: readonly (readonly string[])[]) => ({
    class_name: className,
    name,
    config: { name, activation: 'relu' },
    inbound_nodes: calls.map((inputs) => inputs.map((from) => [from, 0, 0, {}])),
  });
  const ends = { input_layers: [['x', 0, 0]], output_layers: [['y', 0, 0]] };

  it('records joins and shared layers', () => {
    const graph = importTfjsLayers(
      functional(ends, [
        layer('Add', 'y', ['a', 'b']),
        layer('Activation', 'b', ['a'], ['x']),
        layer('Activation', 'a', ['x']),
        layer('LSTM', 'never_called'),
        input('x'),
      ]),
      new Uint8Array(),
    );
    expect(graph.nodes.map(({ name, layer }) => [name, layer.type])).toEqual([
      ['a', 'Activation'],
      ['b', 'Unsupported'],
      ['y', 'Add'],
    ]);
    expect(() => compile(graph)).toThrow(/1 unsupported layer:/);
  });

  it.each([
    [
      'two outputs',
      functional(
        {
          ...ends,
          output_layers: [
            ['y', 0, 0],
            ['x', 0, 0],
          ],
        },
        [input('x')],
      ),
      /1 inputs and 2 outputs/,
    ],
    ['no input', functional({ ...ends, input_layers: [['z', 0, 0]] }, [input('x')]), /input "z" is missing/],
    [
      'a cycle',
      functional(ends, [input('x'), layer('Activation', 'y', ['z']), layer('Activation', 'z', ['y'])]),
      /depend on each other/,
    ],
    [
      'two layers of one name',
      functional(ends, [input('x'), layer('Activation', 'y', ['x']), layer('Activation', 'y', ['x'])]),
      /Two layers have the name "y"/,
    ],
    [
      'a second result',
      functional({ ...ends, output_layers: [['y', 1, 0]] }, [input('x')]),
      /not the first result/,
    ],
  ])('refuses %s', (_, json, message) => {
    expect(() => importTfjsLayers(json, new Uint8Array())).toThrow(ModelFormatError);
    expect(() => importTfjsLayers(json, new Uint8Array())).toThrow(message);
  });
});

describe('detectFormat', () => {
  it('knows the kinds', () => {
    const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    expect(detectFormat(hdf5)).toBe('keras-hdf5');
    expect(detectFormat(hdf5.slice().buffer)).toBe('keras-hdf5');
    expect(detectFormat(json(files.json))).toBe('tfjs-layers');
    expect(detectFormat(json({ modelTopology: {}, format: 'graph-model' }))).toBe('tfjs-graph');
    expect(detectFormat(Uint8Array.of(0x50, 0x4b, 3, 4, 0))).toBe('keras-zip');
    for (const bytes of [new Uint8Array(), json([]), json({}), json(null), Uint8Array.of(0xff, 0xfe)]) {
      expect(detectFormat(bytes)).toBe('unknown');
    }
  });
});
