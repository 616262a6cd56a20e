/**
 * Importer of ONNX models (onnx/docs/IR.md), operator sets 7 and later. ONNX has channels first; the model takes and gives
 * them last, as TensorFlow does, and its signature says so.
 */
import type { LayerGraph } from '@trivet/mpc-core';
import { ModelFormatError } from './errors.js';
import { type GraphMessage, type NodeMessage, onnxModel, type ValueInfo } from './onnx/messages.js';
import { Operation } from './onnx/operation.js';
import { isSupported, translate } from './onnx/operations.js';
import { tensorflowType, tensorValue } from './onnx/tensor.js';
import { attributesOf, type Data, type Value } from './onnx/values.js';
import { LayerBuilder } from './ops/builder.js';
import { decodeMessage } from './protobuf/message.js';
import { DEFAULT_SIGNATURE, PREDICT_METHOD, type Signature, type SignatureTensor } from './signature.js';
import { elementType } from './tensorflow/types.js';
import { Unsupported } from './unsupported.js';

const OLDEST_OPSET = 7;

/** Protocol buffers begin with no mark of their own: whether the bytes can be read as an ONNX model with a graph. */
export function isOnnx(bytes: Uint8Array): boolean {
  try {
    const { graph, irVersion } = decodeMessage(onnxModel, bytes, 'The file');
    return irVersion > 0 && graph !== undefined && graph.nodes.some(({ op }) => op !== '');
  } catch {
    return false;
  }
}

/** @throws ModelFormatError when the model is damaged, too old, or has more than one input or output */
export function importOnnx(bytes: Uint8Array): { readonly graph: LayerGraph; readonly signature: Signature } {
  const { graph, opsets } = decodeMessage(onnxModel, bytes, 'The ONNX model');
  if (graph === undefined) throw new ModelFormatError('The ONNX model has no graph.');
  const opset = opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0;
  if (opset < OLDEST_OPSET) {
    throw new ModelFormatError(
      `The ONNX model uses operator set ${opset}; ${OLDEST_OPSET} is the oldest that is read.`,
    );
  }
  const stored = new Set(graph.initializers.map(({ name }) => name));
  const input = only(
    graph.inputs.filter(({ name }) => !stored.has(name)),
    'input',
  );
  const output = only(graph.outputs, 'output');
  const builder = new LayerBuilder(input.name);
  const fed = inputValue(graph, input);
  const result = evaluate(graph, output.name, new Map([[input.name, fed]]), opset, builder);
  if (result.kind === 'constant') {
    throw new ModelFormatError(`The output "${output.name}" does not depend on the input "${input.name}".`);
  }
  if (result.kind === 'data' && result.order !== 'plain' && result.order !== 'image') {
    throw new ModelFormatError(`The output "${output.name}" is a flattened image, whose order would change.`);
  }
  const inputShape = channelsLast(fed);
  const tensor = (info: ValueInfo, shape: readonly number[] | null): SignatureTensor => ({
    name: info.name,
    tensor: info.name,
    dtype: typeOf(info),
    shape: shape === null ? null : [-1, ...shape],
  });
  return {
    graph: {
      name: graph.name || 'onnx',
      input: input.name,
      inputShape,
      nodes: builder.nodes,
      output: result.layer,
    },
    signature: {
      name: DEFAULT_SIGNATURE,
      method: PREDICT_METHOD,
      input: tensor(input, inputShape),
      output: tensor(output, null),
    },
  };
}

function only(list: readonly ValueInfo[], what: string): ValueInfo {
  const [first, ...others] = list;
  if (first !== undefined && others.length === 0) return first;
  const names = list.map(({ name }) => name).join(', ');
  throw new ModelFormatError(`The ONNX model has ${list.length} ${what}s (${names}); one is supported.`);
}

function typeOf(info: ValueInfo): SignatureTensor['dtype'] {
  const where = `The tensor "${info.name}"`;
  const { name } = elementType(tensorflowType(info.type?.tensor?.dtype ?? 0, where), where);
  if (name === 'DT_STRING' || name === 'DT_BOOL') throw new ModelFormatError(`${where} holds no numbers.`);
  return name;
}

function inputValue(graph: GraphMessage, { name, type }: ValueInfo): Data {
  const dims = type?.tensor?.shape?.dims.map(({ value }) => value ?? -1) ?? [];
  const shape = dims.slice(1);
  if (shape.length === 0 || shape.length > 3 || !shape.every((extent) => extent > 0)) {
    throw new ModelFormatError(
      `The shape of the input "${name}" is [${dims.join(', ')}]; all but the batch axis must be fixed.`,
    );
  }
  const readers = graph.nodes.filter((node) => node.inputs.includes(name));
  // Models that come from TensorFlow take channels last and turn them around first.
  const turned = readers.length > 0 && readers.every((node) => perm(node) === '0,3,1,2');
  return { kind: 'data', layer: name, shape, order: shape.length === 3 && !turned ? 'image' : 'plain' };
}

function perm(node: NodeMessage): string {
  return node.op === 'Transpose' ? (attributesOf(node).get('perm')?.ints ?? []).join() : '';
}

function channelsLast({ shape, order }: Data): readonly number[] {
  if (order !== 'image') return shape;
  const [channels, height, width] = shape as [number, number, number];
  return [height, width, channels];
}

/** Runs through the nodes that the output needs; they come in an order in which each can be computed. */
function evaluate(
  graph: GraphMessage,
  output: string,
  given: ReadonlyMap<string, Value>,
  opset: number,
  builder: LayerBuilder,
): Value {
  const values = new Map<string, Value>(given);
  for (const tensor of graph.initializers) values.set(tensor.name, tensorValue(tensor));
  const needed = neededNodes(graph, output);
  graph.nodes.forEach((node, position) => {
    const [result] = node.outputs;
    if (!needed.has(node) || result === undefined) return;
    const inputs = node.inputs.map((name): Value | null => {
      if (name === '') return null;
      const value = values.get(name);
      if (value === undefined)
        throw new ModelFormatError(
          `Operation ${position} (${node.op}) reads "${name}" before it is computed.`,
        );
      return value;
    });
    if (values.has(result)) throw new ModelFormatError(`Two operations compute "${result}".`);
    values.set(result, run(node, inputs, node.name || `${node.op}_${position}`, opset, builder));
  });
  const value = values.get(output);
  if (value === undefined) throw new ModelFormatError(`Nothing computes the output "${output}".`);
  return value;
}

function neededNodes(graph: GraphMessage, output: string): ReadonlySet<NodeMessage> {
  const names = new Set([output]);
  const needed = new Set<NodeMessage>();
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => names.has(name))) continue;
    needed.add(node);
    for (const name of node.inputs) names.add(name);
  }
  return needed;
}

function run(
  node: NodeMessage,
  inputs: readonly (Value | null)[],
  name: string,
  opset: number,
  builder: LayerBuilder,
): Value {
  const unknown = inputs.find((input) => input?.kind === 'unknown');
  // After an unsupported operation only the kinds of those that follow can be told.
  if (unknown && isSupported(node.op)) return unknown;
  try {
    return translate(new Operation(node, inputs, name, opset, builder));
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    const from = inputs.flatMap((input) => (input !== null && 'layer' in input ? [input.layer] : []));
    const layer = { type: 'Unsupported', className: node.op, reason: error.reason } as const;
    return { kind: 'unknown', layer: builder.add(name, from.slice(0, 1), layer) };
  }
}
