/** Models on disk: found, recognised, imported, compiled. Every refusal is a TrivetError that names the file. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isSealed, type KeyRing, openFile, SealError } from '@trivet/at-rest';
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
  DEFAULT_FRACTIONAL_BITS,
  InvalidModelError,
  type LayerGraph,
  ModelRangeError,
  type Reveal,
  UnsupportedLayersError,
} from '@trivet/mpc-core';
import { type Manifest, type ModelSignature, TrivetError } from '@trivet/shared-types';
import type { Calibration } from './calibration.js';

export interface OpenOptions extends ImportOptions {
  /** The keys of an encrypted model; with them, every file of it must be encrypted. */
  readonly keys?: KeyRing | null;
}

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
  reveal: Reveal = 'logits',
): Promise<CompiledModelFile> {
  return compileModel(file, await openModelFile(file), inputRange, { reveal });
}

/**
 * Reads a model: a Keras HDF5 file, the model.json of a TensorFlow.js layers model with the weights beside it, or the folder
 * of a SavedModel, its versions or its saved_model.pb.
 * Encrypted files are opened in memory: the plaintext is never on disk.
 * @throws TrivetError INVALID_ARGUMENT when it cannot be read, or is no model; SealError when it is encrypted and does not
 *   open with these keys, or is not encrypted though keys were given
 */
export async function openModelFile(path: string, options: OpenOptions = {}): Promise<ImportedModel> {
  const source = await sourceOf(path, options.keys ?? null);
  return refusing(path, () => importModel(source, options));
}

export interface CompileModelOptions {
  /** Inputs to try. */
  readonly calibration?: Calibration;
  /** What clients receive; logits unless told. */
  readonly reveal?: Reveal;
  /** Precision of all numbers, 1 to 24; 16 unless told. */
  readonly fractionalBits?: number;
}

/** Magnitudes of encoded inputs are below it. */
const MOST_INPUT = 2 ** 31;

/** @throws TrivetError INVALID_ARGUMENT when it is a model that cannot be evaluated */
export async function compileModel(
  path: string,
  { graph, signature }: ImportedModel,
  inputRange: Manifest['inputRange'],
  { calibration, reveal = 'logits', fractionalBits = DEFAULT_FRACTIONAL_BITS }: CompileModelOptions = {},
): Promise<CompiledModelFile> {
  if (Math.max(Math.abs(inputRange.min), Math.abs(inputRange.max)) * 2 ** fractionalBits >= MOST_INPUT) {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      `${path}: inputs of ${inputRange.min} to ${inputRange.max} with ${fractionalBits} fractional bits do not fit the ` +
        '32 bits that inputs have: use a smaller input range, or fewer fractional bits.',
    );
  }
  const options = {
    inputRange,
    reveal,
    fractionalBits,
    ...(calibration === undefined ? {} : { calibration }),
  };
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

async function sourceOf(path: string, keys: KeyRing | null): Promise<ModelSource> {
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() ?? false;
  const folder = isFolder ? path : dirname(path);
  return {
    file: isFolder ? null : basename(path),
    list: (inside) => readdir(join(folder, inside)),
    read: (inside) => read(join(folder, inside), keys),
  };
}

async function read(file: string, keys: KeyRing | null): Promise<Uint8Array> {
  if (keys !== null) return openFile(keys, file);
  try {
    const content = await readFile(file);
    if (isSealed(content)) {
      const advice = 'say where its key is: --key-file, --key-env, --passphrase or --passphrase-file.';
      throw new SealError('NO_KEY', `${file} is encrypted: ${advice}`);
    }
    return content;
  } catch (error) {
    if (error instanceof SealError) throw error;
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read';
    throw new TrivetError('INVALID_ARGUMENT', `${file} ${reason}.`, null, { cause: error });
  }
}
