/**
 * Importer of TensorFlow SavedModels: `saved_model.pb` (graph, functions, signatures) and the checkpoint in `variables/`.
 * The signature's output is traced back to its input; what lies between becomes layers. Versions 1 and 2 of TensorFlow.
 */
import type { LayerGraph } from '@trivet/mpc-core';
import { ModelFormatError } from './errors.js';
import { LayerBuilder } from './ops/builder.js';
import { decodeMessage } from './protobuf/message.js';
import { DEFAULT_SIGNATURE, type Signature, type SignatureTensor } from './signature.js';
import { type ReadVariablesFile, VariableBundle } from './tensorflow/bundle.js';
import {
  type MetaGraphMessage,
  type SignatureMessage,
  savedModel,
  type TensorInfo,
} from './tensorflow/messages.js';
import type { Value } from './tensorflow/operation.js';
import { restoredVariables } from './tensorflow/restore.js';
import { Tracer } from './tensorflow/trace.js';
import { DT_STRING, elementType } from './tensorflow/types.js';

export interface SavedModelFiles {
  /** The bytes of saved_model.pb. */
  readonly model: Uint8Array;
  /** Reads a file of the folder `variables`; null when there is none. */
  readonly variables: ReadVariablesFile | null;
}

export interface SavedModelOptions {
  /** "serving_default" unless told. */
  readonly signature?: string;
}

const SERVING_TAG = 'serve';

/** Protocol buffers begin with no mark of their own: whether the bytes can be read as a SavedModel with a graph. */
export function isSavedModel(data: Uint8Array): boolean {
  try {
    const { metaGraphs } = decodeMessage(savedModel, data, 'The file');
    return metaGraphs.some((meta) => meta.graph !== undefined && meta.graph.nodes.length > 0);
  } catch {
    return false;
  }
}

/**
 * @throws ModelFormatError when a file is damaged, or the signature is missing or has more than one input or output
 */
export async function importSavedModel(
  files: SavedModelFiles,
  options: SavedModelOptions = {},
): Promise<{ readonly graph: LayerGraph; readonly signature: Signature }> {
  const { metaGraphs } = decodeMessage(savedModel, files.model, 'saved_model.pb');
  const meta = servingGraph(metaGraphs);
  const { name, signature } = chooseSignature(meta, options.signature);
  const input = onlyTensor(signature.inputs, name, 'input');
  const output = onlyTensor(signature.outputs, name, 'output');
  const bundle = files.variables === null ? null : await VariableBundle.open(files.variables);

  const { graph } = meta;
  if (graph === undefined) throw new ModelFormatError('saved_model.pb has no graph.');
  const sample = sampleShape(input);
  const builder = new LayerBuilder(input.name);
  const keys = restoredVariables(graph, meta.saver?.restoreOp ?? '');
  const readVariable = (variable: string) => {
    if (bundle === null) throw new ModelFormatError('The SavedModel has no folder "variables".');
    return bundle.read(keys.get(variable) ?? variable);
  };
  const fed: Value = { kind: 'data', layer: input.name, shape: sample };
  const result = new Tracer(graph, builder, readVariable).trace(
    output.tensor,
    new Map([[input.tensor, fed]]),
  );
  if (result.kind === 'constant' || result.kind === 'variable') {
    throw new ModelFormatError(`The output "${output.name}" does not depend on the input "${input.name}".`);
  }
  return {
    graph: {
      name,
      input: input.name,
      inputShape: sample.length === 0 ? [1] : sample,
      nodes: builder.nodes,
      output: result.layer,
    },
    signature: { name, method: signature.method, input, output },
  };
}

function servingGraph(metaGraphs: readonly MetaGraphMessage[]): MetaGraphMessage {
  const found = metaGraphs.find((meta) => meta.info?.tags.includes(SERVING_TAG));
  if (found !== undefined) return found;
  const tags = metaGraphs.map((meta) => `[${meta.info?.tags.join(', ') ?? ''}]`).join(', ');
  throw new ModelFormatError(
    `The SavedModel has no graph for serving (tag "${SERVING_TAG}"), only: ${tags || 'none'}.`,
  );
}

function chooseSignature(meta: MetaGraphMessage, wanted: string = DEFAULT_SIGNATURE) {
  const signature = meta.signatures.get(wanted);
  if (signature !== undefined) return { name: wanted, signature };
  const names = [...meta.signatures.keys()].filter((name) => !name.startsWith('__')).join(', ');
  throw new ModelFormatError(`The SavedModel has no signature "${wanted}"; it has: ${names || 'none'}.`);
}

function onlyTensor(
  tensors: SignatureMessage['inputs'],
  signature: string,
  what: 'input' | 'output',
): SignatureTensor {
  const [only, ...others] = tensors;
  if (only === undefined || others.length > 0) {
    const names = [...tensors.keys()].join(', ');
    throw new ModelFormatError(
      `The signature "${signature}" has ${tensors.size} ${what}s (${names}); one is supported.`,
    );
  }
  return tensorOf(only[0], only[1]);
}

function tensorOf(name: string, { name: tensor, dtype, shape }: TensorInfo): SignatureTensor {
  const where = `The tensor "${name}" of the signature`;
  if (dtype === DT_STRING) {
    throw new ModelFormatError(
      `${where} holds texts or serialized examples, only numbers are supported: choose another signature.`,
    );
  }
  const type = elementType(dtype, where).name;
  if (type === 'DT_STRING' || type === 'DT_BOOL') {
    throw new ModelFormatError(`${where} holds values of ${type}, which is not supported.`);
  }
  const extents = shape === undefined || shape.unknownRank ? null : shape.dim.map(({ size }) => size);
  return { name, tensor, dtype: type, shape: extents };
}

/** All but the batch axis. */
function sampleShape({ name, shape }: SignatureTensor): readonly number[] {
  const sample = shape?.slice(1);
  if (sample === undefined || !sample.every((extent) => extent > 0)) {
    const given = shape === null ? 'unknown' : `[${shape.join(', ')}]`;
    throw new ModelFormatError(
      `The shape of the input "${name}" is ${given}; all but the batch axis must be fixed.`,
    );
  }
  return sample;
}
