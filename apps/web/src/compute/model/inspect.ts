/** Reads a model file in the browser: what its layers are, how large its values get, and what it would cost. */
import { importModel, type ModelFormat, ModelFormatError, type ModelSource } from '@trivet/model-import';
import {
  type CompilationResult,
  classCount,
  compile,
  InvalidModelError,
  type Layer,
  type LayerGraph,
  ModelRangeError,
  predictCost,
  revealOf,
  sizeOf,
  UnsupportedLayersError,
} from '@trivet/mpc-core';
import { type ModelSignature, TrivetError } from '@trivet/shared-types';
import { knownProtocols } from '../protocols.js';
import type { ModelChoice, ModelFile, ModelInspection, ProtocolCost } from './messages.js';

const DIGIT_INPUTS = 784;
/** Names of models that nobody has named: the file's says more. */
const GIVEN_BY_KERAS = /^((sequential|functional|model)(_\d+)?)?$/;
const LARGEST_FILES_BYTES = 512 * 1024 * 1024;

export interface InspectedModel {
  readonly inspection: ModelInspection;
  readonly compiled: CompilationResult;
  readonly signature: ModelSignature;
}

/** @throws TrivetError INVALID_ARGUMENT when it is no model, or one that cannot be evaluated: the sentence says why */
export async function inspectModel({ files, inputRange, reveal }: ModelChoice): Promise<InspectedModel> {
  if (files.reduce((sum, { file }) => sum + file.size, 0) > LARGEST_FILES_BYTES) {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      'These files are larger than 512 MB: no model that fits the workers.',
    );
  }
  const source = sourceOf(files);
  try {
    const { graph, signature, format } = await importModel(source);
    const compiled = compile(graph, { inputRange, reveal });
    const shape = signature.output.shape ?? [-1, ...compiled.plan.outputShape];
    return {
      compiled,
      signature: { ...signature, output: { ...signature.output, shape } },
      inspection: describe(files, format, graph, compiled),
    };
  } catch (error) {
    if (
      error instanceof ModelFormatError ||
      error instanceof UnsupportedLayersError ||
      error instanceof InvalidModelError ||
      error instanceof ModelRangeError
    ) {
      throw new TrivetError('INVALID_ARGUMENT', error.message, null, { cause: error });
    }
    throw error;
  }
}

/** The chosen files as the importer looks at them: without the folders that all of them lie in. */
function sourceOf(files: readonly ModelFile[]): ModelSource {
  const parts = files.map(({ path }) => path.split('/'));
  let common = 0;
  while (parts.every((one) => one.length > common + 1 && one[common] === parts[0]![common])) common++;
  const byPath = new Map(files.map(({ file }, index) => [parts[index]!.slice(common).join('/'), file]));
  const paths = [...byPath.keys()];
  return {
    file: paths.length === 1 ? paths[0]! : (paths.find((path) => /\.(h5|hdf5|keras)$/i.test(path)) ?? null),
    list: async (folder) => {
      const prefix = folder === '' || folder.endsWith('/') ? folder : `${folder}/`;
      const inside = paths.filter((path) => path.startsWith(prefix));
      return [...new Set(inside.map((path) => path.slice(prefix.length).split('/')[0]!))];
    },
    read: async (path) => {
      const file = byPath.get(path);
      if (file === undefined) {
        throw new TrivetError(
          'INVALID_ARGUMENT',
          `The file ${path} is missing: choose it together with the others, or drop the whole folder.`,
        );
      }
      return new Uint8Array(await file.arrayBuffer());
    },
  };
}

function describe(
  files: readonly ModelFile[],
  format: ModelFormat,
  graph: LayerGraph,
  { plan, report, folded, multiplications }: CompilationResult,
): ModelInspection {
  const [first] = files;
  const fileName = files.length === 1 ? first!.path : `${first!.path.split('/')[0]} (${files.length} files)`;
  return {
    fileName,
    format,
    suggestedName: nameFrom(GIVEN_BY_KERAS.test(graph.name) ? fileName : graph.name),
    inputShape: graph.inputShape,
    outputShape: plan.outputShape,
    reveal: revealOf(plan),
    classes: classCount(plan),
    couldTakeDigits: sizeOf(plan.inputShape) === DIGIT_INPUTS,
    layers: graph.nodes.map(({ name, layer }) => ({
      name,
      type: layer.type,
      parameters: parametersOf(layer),
    })),
    report,
    folded,
    multiplications,
    costs: knownProtocols().map((protocol): ProtocolCost => {
      const { rounds, bytesSent, bytesDealt } = predictCost(plan, protocol, 1);
      const sum = (triple: readonly number[]) => triple.reduce((total, one) => total + one, 0);
      const dealtBytes = sum(bytesDealt);
      return {
        protocol: protocol.name as ProtocolCost['protocol'],
        rounds,
        onlineBytes: sum(bytesSent) - dealtBytes,
        dealtBytes,
      };
    }),
  };
}

/** Trained numbers of a layer: the elements of all its tensors. */
function parametersOf(layer: Layer): number {
  return Object.values(layer).reduce<number>((total, value: unknown) => {
    const isTensor = typeof value === 'object' && value !== null && 'values' in value && 'shape' in value;
    return isTensor ? total + sizeOf((value as { shape: readonly number[] }).shape) : total;
  }, 0);
}

/** A name that the workers take: letters, digits, "_", "." and "-". */
function nameFrom(text: string): string {
  const bare = text
    .split('/')
    .at(-1)!
    .replace(/\.\w+$/, '');
  return (
    bare
      .replace(/[^A-Za-z0-9_.-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 64) || 'model'
  );
}
