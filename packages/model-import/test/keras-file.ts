/** Writes Keras HDF5 files as `model.save` does, with the HDF5 library itself (compiled to WASM by h5wasm). */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import h5wasm from 'h5wasm/node';
import type { TfjsFiles } from './tfjs-models.js';

export interface KerasFileOptions {
  /** Suffix of weight names; Keras 3 has none. */
  readonly suffix?: string;
  /** HDF5 chunks with deflate, as other writers use. */
  readonly compressed?: boolean;
  /** Leave the architecture out, as `save_weights` does. */
  readonly weightsOnly?: boolean;
  readonly dtype?: '<f4' | '<f8' | '<i4';
  /** Replaces the model config. */
  readonly config?: unknown;
  /** Name of one more attribute, of a type that is not read: a date. */
  readonly unreadable?: string;
}

/** A Keras file with the architecture and the weights of a tfjs model. */
export async function kerasFile(files: TfjsFiles, options: KerasFileOptions = {}): Promise<Uint8Array> {
  await h5wasm.ready;
  const { suffix = ':0', dtype = '<f4' } = options;
  const folder = mkdtempSync(join(tmpdir(), 'keras-file-'));
  try {
    const path = join(folder, 'model.h5');
    const file = new h5wasm.File(path, 'w');
    const topology = files.json.modelTopology as { class_name: string; config: unknown };
    const config = options.config ?? { class_name: topology.class_name, config: topology.config };
    if (options.weightsOnly !== true) file.create_attribute('model_config', JSON.stringify(config));
    file.create_attribute('keras_version', '2.2.4-tf');
    if (options.unreadable !== undefined) file.create_attribute(options.unreadable, 7, null, '<i4');
    const root = file.create_group('model_weights');
    const byLayer = new Map<string, { name: string; shape: number[]; values: Float32Array }[]>();
    let offset = 0;
    const [group] = files.json.weightsManifest as { weights: { name: string; shape: number[] }[] }[];
    for (const { name, shape } of group!.weights) {
      const size = shape.reduce((a, b) => a * b, 1);
      const values = new Float32Array(files.weights.slice(offset, offset + 4 * size).buffer);
      offset += 4 * size;
      const layer = name.split('/')[0]!;
      byLayer.set(layer, [...(byLayer.get(layer) ?? []), { name: `${name}${suffix}`, shape, values }]);
    }
    root.create_attribute('layer_names', [...byLayer.keys()]);
    for (const [layer, weights] of byLayer) {
      const layerGroup = root.create_group(layer);
      layerGroup.create_attribute(
        'weight_names',
        weights.map(({ name }) => name),
      );
      const inner = layerGroup.create_group(layer);
      for (const { name, shape, values } of weights) {
        inner.create_dataset({
          name: name.split('/')[1]!,
          data:
            dtype === '<f8' ? Float64Array.from(values) : dtype === '<i4' ? Int32Array.from(values) : values,
          shape,
          dtype,
          ...(options.compressed === true
            ? { chunks: shape, compression: 'gzip' as const, compression_opts: [6] }
            : {}),
        });
      }
    }
    file.flush();
    file.close();
    const bytes = readFileSync(path);
    if (options.unreadable !== undefined) makeDate(bytes, options.unreadable);
    return bytes;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** In an attribute's message the type follows the name and its zero byte; its class is the low half byte. */
function makeDate(bytes: Buffer, name: string): void {
  const TIME = 2;
  const type = bytes.indexOf(name) + Buffer.byteLength(name) + 1;
  if (bytes[type] !== 0x10) throw new Error('The attribute is not where it should be.');
  bytes[type] = 0x10 | TIME;
}
