/** Model files on disk: read, recognised, imported, compiled. Every refusal is a TrivetError that names the file. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  detectFormat,
  importKerasHdf5,
  importTfjsLayers,
  ModelFormatError,
  tfjsWeightPaths,
} from '@trivet/model-import';
import {
  type CompilationResult,
  compile,
  InvalidModelError,
  type LayerGraph,
  ModelRangeError,
  UnsupportedLayersError,
} from '@trivet/mpc-core';
import { type Manifest, TrivetError } from '@trivet/shared-types';

export interface CompiledModelFile {
  /** The layers as they were trained, nothing folded. */
  readonly graph: LayerGraph;
  readonly compiled: CompilationResult;
}

/**
 * Reads a Keras HDF5 file, or the model.json of a TensorFlow.js layers model with the weight files beside it, and
 * compiles it.
 * @throws TrivetError INVALID_ARGUMENT when it cannot be read, is no model, or is one that cannot be evaluated
 */
export async function compileModelFile(
  file: string,
  inputRange: Manifest['inputRange'],
): Promise<CompiledModelFile> {
  const bytes = await read(file);
  try {
    const graph = await importModel(file, bytes);
    return { graph, compiled: compile(graph, { inputRange }) };
  } catch (error) {
    if (
      error instanceof ModelFormatError ||
      error instanceof UnsupportedLayersError ||
      error instanceof InvalidModelError ||
      error instanceof ModelRangeError
    ) {
      throw new TrivetError('INVALID_ARGUMENT', `${file}: ${error.message}`, null, { cause: error });
    }
    throw error;
  }
}

async function importModel(file: string, bytes: Uint8Array): Promise<LayerGraph> {
  switch (detectFormat(bytes)) {
    case 'keras-hdf5':
      return importKerasHdf5(bytes);
    case 'tfjs-layers': {
      const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
      const shards: Uint8Array[] = [];
      for (const path of tfjsWeightPaths(json)) shards.push(await read(join(dirname(file), path)));
      return importTfjsLayers(json, Buffer.concat(shards));
    }
    case 'tfjs-graph':
      throw new ModelFormatError('this is a TensorFlow.js graph model; convert it as a layers model.');
    case 'keras-zip':
      throw new ModelFormatError('this is a Keras 3 archive; save it as HDF5: model.save("model.h5").');
    default:
      throw new ModelFormatError(
        'this is neither a Keras HDF5 file nor the model.json of a TensorFlow.js model.',
      );
  }
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read';
    throw new TrivetError('INVALID_ARGUMENT', `${file} ${reason}.`, null, { cause: error });
  }
}
