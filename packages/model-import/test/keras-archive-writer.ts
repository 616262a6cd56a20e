/** Writes Keras 3 archives as Keras does: a zip with the architecture, and an HDF5 file of weights. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import h5wasm from 'h5wasm/node';

export interface KerasLayer {
  readonly className: string;
  /** In Keras' order. */
  readonly weights: readonly { readonly shape: readonly number[]; readonly values: Float32Array }[];
}

/** Class of each layer -> group of the weights file, as Keras 3 names it. */
const GROUPS: Readonly<Record<string, string>> = {
  Conv2D: 'conv2d',
  Dense: 'dense',
  DepthwiseConv2D: 'depthwise_conv2d',
  SeparableConv2D: 'separable_conv2d',
  BatchNormalization: 'batch_normalization',
};

/** The archive's `model.weights.h5`. @param layers all of the model's, in its order */
export async function kerasWeights(layers: readonly KerasLayer[]): Promise<Uint8Array> {
  await h5wasm.ready;
  const folder = mkdtempSync(join(tmpdir(), 'keras-archive-'));
  try {
    const path = join(folder, 'model.weights.h5');
    const file = new h5wasm.File(path, 'w');
    const root = file.create_group('layers');
    const counts = new Map<string, number>();
    for (const { className, weights } of layers) {
      const base = GROUPS[className];
      if (base === undefined) continue;
      const number = counts.get(base) ?? 0;
      counts.set(base, number + 1);
      const group = root.create_group(number === 0 ? base : `${base}_${number}`).create_group('vars');
      weights.forEach(({ shape, values }, index) => {
        group.create_dataset({ name: String(index), data: values, shape: [...shape], dtype: '<f4' });
      });
    }
    file.flush();
    file.close();
    return new Uint8Array(readFileSync(path));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The archive as a file. */
export const zip = ({ config, weights }: { config: object; weights: Uint8Array }, more = {}) =>
  zipSync({
    'metadata.json': strToU8('{"keras_version": "3.4.1"}'),
    'config.json': strToU8(JSON.stringify(config)),
    'model.weights.h5': [weights, { level: 0 }],
    ...more,
  });
