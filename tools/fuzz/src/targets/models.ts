/** Model files, at their owner: every format, as it is opened and compiled for sharing. */

import { readFileSync } from 'node:fs';
import {
  detectFormat,
  type ImportedModel,
  importKerasArchive,
  importKerasHdf5,
  importModel,
  importOnnx,
  importSavedModel,
  importTfjsLayers,
  ModelFormatError,
} from '@trivet/model-import';
import { compile, InvalidModelError, ModelRangeError, UnsupportedLayersError } from '@trivet/mpc-core';
import { maskedChecksum } from '../../../../packages/model-import/src/tensorflow/checksum.js';
import { decompressSnappy } from '../../../../packages/model-import/src/tensorflow/snappy.js';
import { readTable } from '../../../../packages/model-import/src/tensorflow/table.js';
import { archive, zip } from '../../../../packages/model-import/test/keras-archive-file.js';
import { kerasFile } from '../../../../packages/model-import/test/keras-file.js';
import { savedModel, variables } from '../../../../packages/model-import/test/saved-model-file.js';
import { layers, saveFiles, type TfjsFiles } from '../../../../packages/model-import/test/tfjs-models.js';
import type { Target } from '../target.js';
import { json, textOf } from './support.js';

const ONNX = new URL('../../../../packages/model-import/test/fixtures/onnx/', import.meta.url);
/** Decoding weights and compiling take time and memory that grow with the numbers, a byte or less each when compressed. */
const LIMITS = { maxMs: 3_000, bytesPerByte: 2_048 };

const refused = (error: unknown) =>
  error instanceof ModelFormatError ||
  error instanceof UnsupportedLayersError ||
  error instanceof InvalidModelError ||
  error instanceof ModelRangeError;

/** What the owner's program does with what it has opened. */
function compiled(graph: ImportedModel['graph']): void {
  compile(graph, { inputRange: { min: 0, max: 1 } });
}

let small: Promise<TfjsFiles> | undefined;
/** A convolution with batch normalization, pooling, and a dense layer: 2 kB. */
function smallModel(): Promise<TfjsFiles> {
  small ??= saveFiles(build());
  return small;
}

function build(): layers.LayersModel {
  const { conv2d, batchNormalization, averagePooling2d, flatten, dense } = layers.layers;
  const chain = [
    conv2d({ inputShape: [6, 6, 1], filters: 2, kernelSize: 3, activation: 'relu' }),
    batchNormalization(),
    averagePooling2d({ poolSize: 2 }),
    flatten(),
    dense({ units: 3, activation: 'softmax' }),
  ];
  return layers.sequential({ layers: chain as never });
}

const hdf5: Target = {
  name: 'keras-hdf5',
  form: 'bytes',
  ...LIMITS,
  dictionary: [
    'model_config',
    'weight_names',
    'TREE',
    'HEAP',
    'SNOD',
    'OHDR',
    'GCOL',
    '\x89HDF\r\n\x1a\n',
    '"class_name"',
  ],
  async prepare() {
    const files = await smallModel();
    return {
      seeds: [await kerasFile(files), await kerasFile(files, { compressed: true })],
      run: (input) => compiled(importKerasHdf5(input)),
      expects: refused,
    };
  },
};

const kerasZip: Target = {
  name: 'keras-zip',
  form: 'bytes',
  ...LIMITS,
  dictionary: ['PK\x01\x02', 'PK\x03\x04', 'PK\x05\x06', 'PK\x06\x06', 'config.json', 'model.weights.h5'],
  async prepare() {
    return {
      seeds: [zip(await archive(build()))],
      run: (input) => compiled(importKerasArchive(input)),
      expects: refused,
    };
  },
};

const tfjs: Target = {
  name: 'tfjs-json',
  form: 'json',
  ...LIMITS,
  dictionary: ['"quantization"', '"uint8"', '"float16"', '"inbound_nodes"', '"class_name"', '"Functional"'],
  async prepare() {
    const { json: model, weights } = await smallModel();
    const quantised = structuredClone(model) as {
      weightsManifest: { weights: { quantization?: object }[] }[];
    };
    for (const weight of quantised.weightsManifest[0]!.weights) {
      weight.quantization = { dtype: 'uint8', scale: 0.01, min: 0.1 };
    }
    return {
      seeds: [json(model), json(quantised)],
      async run(input) {
        const isQuantised = Buffer.from(input).includes('"uint8"');
        const shard = isQuantised ? weights.subarray(0, weights.length / 4) : weights;
        const read = async (path: string) => (path === 'model.json' ? input : shard);
        const { format, graph } = await importModel({ file: 'model.json', list: async () => [], read });
        if (format === 'tfjs-layers') compiled(graph);
      },
      expects: refused,
    };
  },
};

const tfjsWeights: Target = {
  name: 'tfjs-weights',
  form: 'bytes',
  ...LIMITS,
  async prepare() {
    const { json: model, weights } = await smallModel();
    return {
      seeds: [weights],
      run: (input) => compiled(importTfjsLayers(model, input)),
      expects: refused,
    };
  },
};

const saved: Target = {
  name: 'saved-model',
  form: 'bytes',
  ...LIMITS,
  dictionary: [
    'serve',
    'serving_default',
    'PartitionedCall',
    'Const',
    'MatMul',
    'Identity',
    'RestoreV2',
    'VarHandleOp',
  ],
  prepare: () => ({
    seeds: [savedModel()],
    async run(input) {
      const files = { model: input, variables: async (name: string) => variables(name) };
      compiled((await importSavedModel(files)).graph);
    },
    expects: refused,
  }),
};

/** Footers and blocks of a table, with checksums that fit again. */
function withChecksums(table: Uint8Array): Uint8Array {
  const bytes = Buffer.from(table);
  if (bytes.length < 48) return bytes;
  const mend = (offset: number, size: number) => {
    if (offset < 0 || size < 0 || offset + size + 5 > bytes.length) return;
    bytes.writeUInt32LE(maskedChecksum(bytes.subarray(offset, offset + size + 1)), offset + size + 1);
  };
  const footer = [...bytes.subarray(bytes.length - 48, bytes.length - 8)];
  const varint = (from: number[]): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = from.shift() ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  for (let handle = 0; handle < 2; handle++) {
    const [offset, size] = [varint(footer), varint(footer)];
    // The block of an index names blocks of data in turn: of one entry, as the seeds have, it is the last two numbers.
    if (handle === 1 && offset + size <= bytes.length) {
      const entry = [...bytes.subarray(offset, offset + size)];
      const [, own] = [varint(entry), varint(entry), varint(entry)];
      entry.splice(0, Math.min(own ?? 0, entry.length));
      mend(varint(entry), varint(entry));
    }
    mend(offset, size);
  }
  return bytes;
}

const variableTable: Target = {
  name: 'saved-model-index',
  form: 'bytes',
  ...LIMITS,
  dictionary: ['layer-0/kernel/.ATTRIBUTES'],
  prepare: () => ({
    seeds: [variables('variables.index')],
    repair: withChecksums,
    run: (input) => readTable(input, 'variables.index'),
    expects: refused,
  }),
};

const bundle: Target = {
  name: 'saved-model-variables',
  form: 'bytes',
  ...LIMITS,
  prepare() {
    const index = variables('variables.index');
    const model = savedModel();
    return {
      // The first two bytes: how long the index is.
      seeds: [Buffer.concat([Buffer.of(index.length & 255, index.length >> 8), index, variables('data')])],
      repair(input) {
        const length = Math.min(input.length - 2, (input[0] ?? 0) | ((input[1] ?? 0) << 8));
        if (length < 1) return input;
        return Buffer.concat([
          input.subarray(0, 2),
          withChecksums(input.subarray(2, 2 + length)),
          input.subarray(2 + length),
        ]);
      },
      async run(input) {
        const length = (input[0] ?? 0) | ((input[1] ?? 0) << 8);
        const read = async (name: string) =>
          name === 'variables.index' ? input.subarray(2, 2 + length) : input.subarray(2 + length);
        compiled((await importSavedModel({ model, variables: read })).graph);
      },
      expects: refused,
    };
  },
};

const snappy: Target = {
  name: 'snappy',
  form: 'bytes',
  ...LIMITS,
  prepare: () => ({
    seeds: [
      Buffer.from([5, 16, ...Buffer.from('hello')]),
      Buffer.from([20, 4, ...Buffer.from('ab'), 70, 2, 0]),
    ],
    run: (input) => decompressSnappy(input, (problem) => new ModelFormatError(problem)),
    expects: refused,
  }),
};

const onnx: Target = {
  name: 'onnx',
  form: 'bytes',
  ...LIMITS,
  dictionary: [
    'Conv',
    'Gemm',
    'Relu',
    'Reshape',
    'Constant',
    'Add',
    'MatMul',
    'Sigmoid',
    'kernel_shape',
    'pads',
    'axis',
  ],
  prepare: () => ({
    seeds: ['dense', 'lenet', 'padded', 'residual'].map((name) =>
      readFileSync(new URL(`${name}.onnx`, ONNX)),
    ),
    run: (input) => compiled(importOnnx(input).graph),
    expects: refused,
  }),
};

const detection: Target = {
  name: 'model-format',
  form: 'bytes',
  ...LIMITS,
  dictionary: ['PK\x03\x04', '\x89HDF\r\n\x1a\n', '{"modelTopology":', '"format":"graph-model"'],
  async prepare() {
    const { json: model } = await smallModel();
    return {
      seeds: [
        readFileSync(new URL('dense.onnx', ONNX)),
        Buffer.from(`{"modelTopology":1,"format":"graph-model"}`),
      ],
      async run(input) {
        if (detectFormat(input) === 'tfjs-graph' || detectFormat(input) === 'unknown') return;
        const read = async (path: string) => (path === 'm' ? input : Buffer.from(textOf(json(model))));
        const { graph } = await importModel({ file: 'm', list: async () => [], read });
        compiled(graph);
      },
      expects: refused,
    };
  },
};

export const MODELS: readonly Target[] = [
  hdf5,
  kerasZip,
  tfjs,
  tfjsWeights,
  saved,
  variableTable,
  bundle,
  snappy,
  onnx,
  detection,
];
