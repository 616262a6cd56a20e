/**
 * Importer of Keras HDF5 files, as `model.save('model.h5')` writes them (Keras 2, tf.keras, Keras 3's legacy
 * format): the root attribute `model_config` is the architecture in JSON, the group `model_weights` has one group
 * a layer, whose attribute `weight_names` lists its datasets.
 *
 * The reader is jsfive: plain JavaScript, 193 kB, public domain, from NIST. Its sibling h5wasm carries the whole
 * HDF5 library as 4.1 MB of WebAssembly, which a page should not load to read a model of 90 kB.
 */
import { type FloatTensor, type LayerGraph, sizeOf } from '@trivet/mpc-core';
import { type DataObjects, Dataset, File, Group } from 'jsfive';
import { parseJson } from './config.js';
import { ModelFormatError } from './errors.js';
import { translateModel } from './keras-model.js';
import type { WeightSource } from './weights.js';

export const HDF5_SIGNATURE = Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a);

/** Elements a byte of the file, at most: deflate shrinks trained weights by a tenth, not to a sixtieth. */
const MAX_COMPRESSION = 16;

/** Floating-point types as jsfive names them, little- or big-endian. */
const FLOAT_TYPE = /^[<>]f[248]$/;

/**
 * Reads a whole Keras model from the bytes of its HDF5 file.
 *
 * @throws ModelFormatError when the file is damaged, holds weights only, or its parts do not fit each other
 */
export function importKerasHdf5(bytes: ArrayBuffer | Uint8Array): LayerGraph {
  return readHdf5(bytes, importFile);
}

/**
 * Opens an HDF5 file and reads from it.
 *
 * @throws ModelFormatError when it is none, or damaged
 */
export function readHdf5<T>(bytes: ArrayBuffer | Uint8Array, read: (file: Group) => T): T {
  const data = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  if (!HDF5_SIGNATURE.every((byte, index) => data[index] === byte)) {
    throw new ModelFormatError('This is not an HDF5 file: its first bytes are others.');
  }
  // jsfive takes an ArrayBuffer that starts with the file.
  const buffer = data.slice().buffer;
  try {
    return silently(() => {
      const file = new File(buffer, 'model.h5');
      boundExtents(file);
      return read(file);
    });
  } catch (error) {
    if (error instanceof ModelFormatError) throw error;
    // jsfive throws texts and errors of every kind on a damaged file.
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelFormatError(`The HDF5 file is damaged or of an unknown kind: ${reason}.`, {
      cause: error,
    });
  }
}

/**
 * jsfive warns on the console of each attribute whose type it does not read, by the name that stands in the file: so a file
 * could print what it likes, control sequences of a terminal included. Nothing waits in here, so no other warning is lost.
 */
function silently<T>(work: () => T): T {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return work();
  } finally {
    console.warn = warn;
  }
}

/**
 * Makes jsfive refuse extents beyond the file's size. By itself it believes every extent it reads, and strings
 * beyond the end of the file are empty, so that a damaged attribute keeps it busy until memory is gone.
 */
function boundExtents(file: File): void {
  const prototype = Object.getPrototypeOf(file._dataobjects) as DataObjects & { readonly [BOUNDED]?: true };
  if (prototype[BOUNDED]) return;
  const determine = prototype.determine_data_shape;
  const getChunked = prototype._get_chunked_data;
  Object.defineProperties(prototype, {
    [BOUNDED]: { value: true },
    determine_data_shape: {
      value(this: DataObjects, buffer: ArrayBuffer, offset: number): readonly number[] {
        const shape = determine.call(this, buffer, offset);
        if (!(sizeOf(shape) <= buffer.byteLength * MAX_COMPRESSION)) {
          throw new ModelFormatError(`The shape [${shape.join(', ')}] is more than the HDF5 file can hold.`);
        }
        return shape;
      },
    },
    _get_chunked_data: {
      value(this: DataObjects, offset: number): unknown {
        this._get_chunk_params();
        const { byteLength } = this.fh;
        // It goes through all elements of each chunk, whatever part of them is in the shape.
        const elements = sizeOf(this._chunks);
        const chunks = countChunks(new DataView(this.fh), this._chunk_address, this._chunk_dims);
        if (!(elements * chunks <= byteLength * MAX_COMPRESSION)) {
          throw new ModelFormatError(
            `The chunks [${this._chunks.join(', ')}] are more than the HDF5 file can hold.`,
          );
        }
        return getChunked.call(this, offset);
      },
    },
  });
}

/** Where a node of a tree has its level, its number of entries, and its first entry. */
const NODE = { level: 5, entries: 6, first: 24 } as const;

/**
 * How many chunks a dataset's B-tree (version 1) names. jsfive visits each node as often as it is named, so that nodes that
 * share their children would keep it busy for ever.
 * @throws ModelFormatError; RangeError where a node is beyond the end of the file
 */
function countChunks(view: DataView, address: number, dimensions: number): number {
  const entryBytes = 8 + 8 * dimensions + 8;
  let mostNodes = view.byteLength / NODE.first;
  let chunks = 0;
  const visit = (node: number, level: number) => {
    mostNodes -= 1;
    if (mostNodes < 0) throw new ModelFormatError('The HDF5 file has more nodes than it has room for.');
    const entries = view.getUint16(node + NODE.entries, true);
    if (level === 0) {
      chunks += entries;
      return;
    }
    for (let entry = 1; entry <= entries; entry++) {
      visit(Number(view.getBigUint64(node + NODE.first + entry * entryBytes - 8, true)), level - 1);
    }
  };
  if (address < view.byteLength) visit(address, view.getUint8(address + NODE.level));
  return chunks;
}

const BOUNDED = Symbol('bounded');

function importFile(file: Group): LayerGraph {
  const config = text(file.attrs.model_config);
  if (config === null) {
    throw new ModelFormatError(
      'The HDF5 file holds no architecture (model_config): write the whole model with model.save(), not its weights.',
    );
  }
  const weights = file.get('model_weights');
  if (!(weights instanceof Group)) throw new ModelFormatError('The HDF5 file has no group model_weights.');
  return translateModel(parseJson(config, 'model_config'), weightSource(weights));
}

function weightSource(root: Group): WeightSource {
  return {
    find(layer, weight) {
      if (!root.keys.includes(layer)) return undefined;
      const group = root.get(layer);
      if (!(group instanceof Group)) return undefined;
      const path = weightNames(group).find((name) => shortName(name) === weight);
      return path === undefined ? undefined : tensor(group.get(path), `${layer}/${weight}`);
    },
  };
}

/** The attribute `weight_names`, which Keras cuts into `weight_names0`, ... when it outgrows 64 kB. */
function weightNames(group: Group): readonly string[] {
  const whole = group.attrs.weight_names;
  const parts = whole === undefined ? chunks(group, 'weight_names') : [whole];
  return parts.flatMap((part) => (Array.isArray(part) ? part : [part])).map((name) => text(name) ?? '');
}

function chunks(group: Group, name: string): readonly unknown[] {
  const parts: unknown[] = [];
  for (;;) {
    const part = group.attrs[`${name}${parts.length}`];
    if (part === undefined) return parts;
    parts.push(part);
  }
}

/** "conv2d/kernel:0" -> "kernel". */
function shortName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).replace(/:\d+$/, '');
}

/** @throws ModelFormatError when it is no dataset of finite floats */
export function tensor(dataset: unknown, name: string): FloatTensor {
  if (!(dataset instanceof Dataset)) throw new ModelFormatError(`Weight "${name}" is not a dataset.`);
  if (typeof dataset.dtype !== 'string' || !FLOAT_TYPE.test(dataset.dtype)) {
    throw new ModelFormatError(`Weight "${name}" has the type ${String(dataset.dtype)}, expected floats.`);
  }
  const shape = [...dataset.shape];
  const values = Float64Array.from(dataset.value);
  if (values.length !== sizeOf(shape)) {
    throw new ModelFormatError(`Weight "${name}" has ${values.length} values for [${shape.join(', ')}].`);
  }
  if (!values.every(Number.isFinite)) {
    throw new ModelFormatError(`Weight "${name}" has a value that is not a finite number.`);
  }
  return { shape, values };
}

/** Fixed-length strings come with their padding of zero bytes. */
function text(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const end = value.indexOf('\0');
  return end === -1 ? value : value.slice(0, end);
}
