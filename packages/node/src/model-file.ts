/** Models on disk: found, recognised, imported, compiled. Every refusal is a TrivetError that names the file. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  type ImportedModel,
  type ImportOptions,
  importModel,
  ModelFormatError,
  type ModelSource,
} from '@trivet/model-import';
import {
  type CompilationResult,
  compile,
  InvalidModelError,
  type LayerGraph,
  ModelRangeError,
  UnsupportedLayersError,
} from '@trivet/mpc-core';
import { type Manifest, type ModelSignature, TrivetError } from '@trivet/shared-types';
import type { Calibration } from './calibration.js';

export interface CompiledModelFile {
  /** The layers as they were trained, nothing folded. */
  readonly graph: LayerGraph;
  readonly compiled: CompilationResult;
  /** How the model was called before it was imported. */
  readonly signature: ModelSignature;
}

/**
 * Reads a model and compiles it.
 * @throws TrivetError as `openModelFile` and `compileModel`
 */
export async function compileModelFile(
  file: string,
  inputRange: Manifest['inputRange'],
): Promise<CompiledModelFile> {
  return compileModel(file, await openModelFile(file), inputRange);
}

/**
 * Reads a model: a Keras HDF5 file, the model.json of a TensorFlow.js layers model with the weights beside it, or the folder
 * of a SavedModel, its versions or its saved_model.pb.
 * @throws TrivetError INVALID_ARGUMENT when it cannot be read, or is no model
 */
export async function openModelFile(path: string, options: ImportOptions = {}): Promise<ImportedModel> {
  const source = await sourceOf(path);
  return refusing(path, () => importModel(source, options));
}

/** @throws TrivetError INVALID_ARGUMENT when it is a model that cannot be evaluated */
export async function compileModel(
  path: string,
  { graph, signature }: ImportedModel,
  inputRange: Manifest['inputRange'],
  calibration?: Calibration,
): Promise<CompiledModelFile> {
  const options = calibration === undefined ? { inputRange } : { inputRange, calibration };
  const compiled = await refusing(path, async () => compile(graph, options));
  const shape = signature.output.shape ?? [-1, ...compiled.plan.outputShape];
  return { graph, compiled, signature: { ...signature, output: { ...signature.output, shape } } };
}

async function refusing<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (
      error instanceof ModelFormatError ||
      error instanceof UnsupportedLayersError ||
      error instanceof InvalidModelError ||
      error instanceof ModelRangeError
    ) {
      throw new TrivetError('INVALID_ARGUMENT', `${path}: ${error.message}`, null, { cause: error });
    }
    throw error;
  }
}

async function sourceOf(path: string): Promise<ModelSource> {
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() ?? false;
  const folder = isFolder ? path : dirname(path);
  return {
    file: isFolder ? null : basename(path),
    list: (inside) => readdir(join(folder, inside)),
    read: (inside) => read(join(folder, inside)),
  };
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read';
    throw new TrivetError('INVALID_ARGUMENT', `${file} ${reason}.`, null, { cause: error });
  }
}
