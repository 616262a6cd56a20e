/**
 * Translates a Keras model's config (Sequential, or functional with one input and one output) to a layer graph.
 * Keras 2, tf.keras, Keras 3 and tfjs write it in slightly different ways; all are read.
 */
import type { LayerGraph, LayerNode } from '@trivet/mpc-core';
import { asArray, asObject, asString, describe, type JsonObject, LayerConfig } from './config.js';
import { ModelFormatError } from './errors.js';
import { rankAfter, translateLayer, unsupportedLayer } from './keras-layers.js';
import type { WeightSource } from './weights.js';

/** A layer as the config lists it. */
interface LayerEntry {
  readonly config: LayerConfig;
  /** Shape of one sample, where the entry gives one. */
  readonly inputShape: readonly number[] | null;
  /** One list of input names for each time the layer is called; empty in a Sequential. */
  readonly calls: readonly (readonly string[])[];
}

/**
 * @param value `{ class_name, config }`
 * @throws ModelFormatError
 */
export function translateModel(value: unknown, weights: WeightSource): LayerGraph {
  const model = asObject(value, 'The model config');
  const className = asString(model.class_name, 'class_name of the model');
  if (className === 'Sequential') return sequential(model.config, weights);
  if (className === 'Model' || className === 'Functional') return functional(model.config, weights);
  throw new ModelFormatError(
    `The model is a "${className}", expected a Sequential or functional Keras model.`,
  );
}

function sequential(value: unknown, weights: WeightSource): LayerGraph {
  // Keras before 2.2.3 wrote the bare list of layers.
  const config = Array.isArray(value) ? { layers: value } : asObject(value, 'config of the model');
  const entries = layerEntries(config);
  const inputShape = entries[0]?.inputShape ?? shapeWithoutBatch(config.build_input_shape);
  if (inputShape === null) throw new ModelFormatError("The model's input shape is missing.");
  const first = entries[0];
  const input = first?.config.className === 'InputLayer' ? first.config.layerName : 'input';
  const layers = entries.filter((entry) => entry !== first || entry.config.className !== 'InputLayer');
  const nodes = layers.map((entry, index): Wired => {
    return { entry, inputs: [layers[index - 1]?.config.layerName ?? input] };
  });
  return graphOf(config, input, inputShape, nodes, nodes.at(-1)?.entry.config.layerName ?? input, weights);
}

function functional(value: unknown, weights: WeightSource): LayerGraph {
  const config = asObject(value, 'config of the model');
  const entries = layerEntries(config);
  const inputs = historyNames(config.input_layers, 'input_layers');
  const outputs = historyNames(config.output_layers, 'output_layers');
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw new ModelFormatError(
      `The model has ${inputs.length} inputs and ${outputs.length} outputs; one of each is supported.`,
    );
  }
  const input = inputs[0]!;
  const inputEntry = entries.find((entry) => entry.config.layerName === input);
  const inputShape = inputEntry?.inputShape ?? null;
  if (inputShape === null)
    throw new ModelFormatError(`The shape of the model's input "${input}" is missing.`);
  const called = entries.filter((entry) => entry !== inputEntry && entry.calls.length > 0);
  const nodes = inOrder(
    called.map((entry): Wired => ({ entry, inputs: entry.calls[0]! })),
    input,
  );
  return graphOf(config, input, inputShape, nodes, outputs[0]!, weights);
}

/** A layer and the names of those it reads. */
interface Wired {
  readonly entry: LayerEntry;
  readonly inputs: readonly string[];
}

function graphOf(
  config: JsonObject,
  input: string,
  inputShape: readonly number[],
  wired: readonly Wired[],
  output: string,
  weights: WeightSource,
): LayerGraph {
  const ranks = new Map([[input, inputShape.length + 1]]);
  const nodes = wired.map(({ entry, inputs }): LayerNode => {
    const rank = ranks.get(inputs[0] ?? input) ?? inputShape.length + 1;
    const { className, layerName } = entry.config;
    if (ranks.has(layerName)) throw new ModelFormatError(`Two layers have the name "${layerName}".`);
    const layer =
      entry.calls.length > 1
        ? unsupportedLayer(
            className,
            `it is used ${entry.calls.length} times; shared layers are not supported`,
          )
        : translateLayer(entry.config, weights, rank);
    ranks.set(layerName, rankAfter(layer, rank));
    return { name: layerName, inputs, layer };
  });
  const name = config.name;
  return { name: typeof name === 'string' ? name : 'model', input, inputShape, nodes, output };
}

/** Sorts layers so that each comes after those it reads. */
function inOrder(layers: readonly Wired[], input: string): readonly Wired[] {
  const known = new Set([input]);
  const sorted: Wired[] = [];
  let waiting = layers;
  while (waiting.length > 0) {
    const ready = waiting.filter(({ inputs }) => inputs.every((name) => known.has(name)));
    if (ready.length === 0) {
      const { entry, inputs } = waiting[0]!;
      const missing = inputs.find((name) => !known.has(name));
      throw new ModelFormatError(
        `Layer "${entry.config.layerName}" reads "${missing}", which is missing, or they depend on each other.`,
      );
    }
    for (const layer of ready) known.add(layer.entry.config.layerName);
    sorted.push(...ready);
    waiting = waiting.filter((layer) => !ready.includes(layer));
  }
  return sorted;
}

function layerEntries(config: JsonObject): readonly LayerEntry[] {
  return asArray(config.layers, 'layers of the model').map((value, position): LayerEntry => {
    const where = `Layer ${position}`;
    const entry = asObject(value, where);
    const className = asString(entry.class_name, `${where}: class_name`);
    const values = asObject(entry.config, `${where} (${className}): config`);
    const name = asString(entry.name ?? values.name, `${where} (${className}): name`);
    return {
      config: new LayerConfig(name, className, values),
      inputShape: shapeWithoutBatch(values.batch_input_shape ?? values.batch_shape),
      calls: inboundCalls(entry.inbound_nodes, `Layer "${name}" (${className})`),
    };
  });
}

/** @returns null when there is no shape */
function shapeWithoutBatch(value: unknown): readonly number[] | null {
  if (value === undefined || value === null) return null;
  const shape = asArray(value, 'The input shape').slice(1);
  if (
    shape.length === 0 ||
    !shape.every((extent) => Number.isSafeInteger(extent) && (extent as number) > 0)
  ) {
    throw new ModelFormatError(
      `The input shape is ${describe(value)}; all but the batch axis must be fixed.`,
    );
  }
  return shape as number[];
}

/**
 * The names in `inbound_nodes`: one list a call. Keras 2 and tfjs write `[[["name", 0, 0, {}], ...], ...]`,
 * Keras 3 `[{ args: [tensor or list of them], kwargs }]` with `keras_history: ["name", 0, 0]` in each tensor.
 */
function inboundCalls(value: unknown, where: string): readonly (readonly string[])[] {
  if (value === undefined || value === null) return [];
  return asArray(value, `${where}: inbound_nodes`).map((call) => {
    if (Array.isArray(call)) return historyNames(call, `${where}: inbound_nodes`);
    return tensorNames(asObject(call, `${where}: inbound_nodes`).args, where);
  });
}

function tensorNames(value: unknown, where: string): readonly string[] {
  return asArray(value, `${where}: args of inbound_nodes`).flatMap((argument): readonly string[] => {
    if (Array.isArray(argument)) return tensorNames(argument, where);
    if (typeof argument !== 'object' || argument === null) return [];
    const { class_name: className, config } = argument as JsonObject;
    if (className !== '__keras_tensor__') return [];
    return historyNames(asObject(config, where).keras_history, where);
  });
}

/** Names of one `["name", node, tensor]` or of a list of them. Only the first call's first tensor exists. */
function historyNames(value: unknown, where: string): readonly string[] {
  const list = asArray(value, where);
  const histories = typeof list[0] === 'string' ? [list] : list;
  return histories.map((history) => {
    const [name, node, tensor] = asArray(history, where);
    if (typeof name !== 'string' || node !== 0 || tensor !== 0) {
      throw new ModelFormatError(`${where}: ${describe(history)} is not the first result of a layer.`);
    }
    return name;
  });
}
