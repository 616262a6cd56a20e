/** Opens a model of any format: what it is is told by its content, never by its name alone. */
import type { LayerGraph } from '@trivet/mpc-core';
import { parseJson } from './config.js';
import { detectFormat, type ModelFormat } from './detect.js';
import { ModelFormatError } from './errors.js';
import { importKerasArchive } from './keras-archive.js';
import { importKerasHdf5 } from './keras-hdf5.js';
import { importOnnx } from './onnx-model.js';
import { importSavedModel } from './saved-model.js';
import { plainSignature, type Signature } from './signature.js';
import { importTfjsLayers, tfjsWeightPaths } from './tfjs-layers.js';

/** Where a model lies: a file with what is beside it, or a folder. Paths use "/" and are relative to the folder. */
export interface ModelSource {
  /** The file that was pointed at; null when it was the folder itself. */
  readonly file: string | null;
  /** Names of the files and folders in a folder, "" for the model's own. */
  list(folder: string): Promise<readonly string[]>;
  read(path: string): Promise<Uint8Array>;
}

export interface ImportOptions {
  /** Which signature of a SavedModel; "serving_default" unless told. */
  readonly signature?: string;
}

export interface ImportedModel {
  readonly format: ModelFormat;
  readonly graph: LayerGraph;
  /** The shape of the output is null where only compiling the graph tells it. */
  readonly signature: Signature;
  /** The version that the folder of a SavedModel was named by; null when it was not. */
  readonly version: number | null;
}

/**
 * @throws ModelFormatError when there is no model, or it is damaged; what `source` throws when a file cannot be read
 */
export async function importModel(source: ModelSource, options: ImportOptions = {}): Promise<ImportedModel> {
  if (source.file === null) return importFolder(source, options);
  const bytes = await source.read(source.file);
  const format = detectFormat(bytes);
  switch (format) {
    case 'keras-hdf5':
      return withPlainSignature(format, importKerasHdf5(bytes));
    case 'tfjs-layers':
      return withPlainSignature(format, await importTfjs(source, bytes));
    case 'saved-model':
      return importSaved(source, '', options, bytes, null);
    case 'onnx':
      return { format, version: null, ...importOnnx(bytes) };
    case 'tfjs-graph':
      throw new ModelFormatError('This is a TensorFlow.js graph model; convert it as a layers model.');
    case 'keras-zip':
      return withPlainSignature(format, importKerasArchive(bytes));
    case 'unknown':
      throw new ModelFormatError(
        'This is no model that can be read: neither Keras (.keras or HDF5), nor the model.json of TensorFlow.js, nor a SavedModel, nor ONNX.',
      );
  }
}

const SAVED_MODEL = 'saved_model.pb';

async function importFolder(source: ModelSource, options: ImportOptions): Promise<ImportedModel> {
  const names = await source.list('');
  if (names.includes(SAVED_MODEL)) {
    return importSaved(source, '', options, await source.read(SAVED_MODEL), null);
  }
  if (names.includes('model.json')) return importModel({ ...bound(source), file: 'model.json' }, options);
  // As TensorFlow Serving does: the highest number is served.
  const newest = names.filter((name) => /^\d+$/.test(name)).toSorted((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) {
    throw new ModelFormatError(
      'The folder holds no model: neither saved_model.pb, nor model.json, nor a folder with the number of a version.',
    );
  }
  const bytes = await source.read(`${newest}/${SAVED_MODEL}`);
  return importSaved(source, `${newest}/`, options, bytes, Number(newest));
}

function bound(source: ModelSource): Pick<ModelSource, 'list' | 'read'> {
  return { list: (folder) => source.list(folder), read: (path) => source.read(path) };
}

async function importSaved(
  source: ModelSource,
  folder: string,
  options: ImportOptions,
  model: Uint8Array,
  version: number | null,
): Promise<ImportedModel> {
  const beside = await source.list(folder);
  const variables = beside.includes('variables')
    ? (name: string) => source.read(`${folder}variables/${name}`)
    : null;
  const imported = await importSavedModel({ model, variables }, options);
  return { format: 'saved-model', version, ...imported };
}

async function importTfjs(source: ModelSource, bytes: Uint8Array): Promise<LayerGraph> {
  const json = parseJson(new TextDecoder().decode(bytes), 'model.json');
  const shards: Uint8Array[] = [];
  for (const path of tfjsWeightPaths(json)) shards.push(await source.read(path));
  const joined = new Uint8Array(shards.reduce((total, shard) => total + shard.length, 0));
  let at = 0;
  for (const shard of shards) {
    joined.set(shard, at);
    at += shard.length;
  }
  return importTfjsLayers(json, joined);
}

function withPlainSignature(format: ModelFormat, graph: LayerGraph): ImportedModel {
  const input = { name: graph.input, shape: graph.inputShape };
  return {
    format,
    graph,
    signature: plainSignature(input, { name: graph.output, shape: null }),
    version: null,
  };
}
