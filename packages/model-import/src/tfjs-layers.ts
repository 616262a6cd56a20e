/**
 * Importer of tfjs layers models: `model.json` (architecture and a manifest of weights) and its binary shards.
 * Source: tfjs-core `io/types.ts` and `io/io_utils.ts` for the formats of weights, quantised ones included.
 */
import { type FloatTensor, type LayerGraph, sizeOf } from '@trivet/mpc-core';
import { asArray, asObject, asString, describe, type JsonObject } from './config.js';
import { ModelFormatError } from './errors.js';
import { halfToFloat } from './half.js';
import { translateModel } from './keras-model.js';
import type { WeightSource } from './weights.js';

/**
 * The shards that a model.json refers to, relative to it, in the order in which `importTfjsLayers` wants them.
 *
 * @throws ModelFormatError when it is no tfjs model, or a path leads out of its folder
 */
export function tfjsWeightPaths(modelJson: unknown): readonly string[] {
  return manifestGroups(modelJson).flatMap(({ group, where }) =>
    asArray(group.paths, `${where}: paths`).map((value) => {
      const path = asString(value, `${where}: path`);
      const parts = path.split('/');
      if (
        path === '' ||
        path.includes('\\') ||
        path.includes(':') ||
        parts.includes('..') ||
        parts[0] === ''
      ) {
        throw new ModelFormatError(`${where}: the path ${describe(path)} leads out of the model's folder.`);
      }
      return path;
    }),
  );
}

/**
 * Reads a tfjs layers model.
 *
 * @param modelJson the parsed model.json
 * @param weights all shards, one after the other, in the order of `tfjsWeightPaths`
 * @throws ModelFormatError when the model is malformed, or bytes are missing or left over
 */
export function importTfjsLayers(modelJson: unknown, weights: Uint8Array): LayerGraph {
  const source = weightSource(modelJson, weights);
  const topology = asObject(asObject(modelJson, 'model.json').modelTopology, 'modelTopology');
  // Models converted from Keras wrap the config once more.
  return translateModel(topology.model_config ?? topology, source);
}

function manifestGroups(
  modelJson: unknown,
): readonly { readonly group: JsonObject; readonly where: string }[] {
  const json = asObject(modelJson, 'model.json');
  if (json.format === 'graph-model') {
    throw new ModelFormatError('This is a tfjs graph model; only tfjs layers models are supported.');
  }
  return asArray(json.weightsManifest, 'weightsManifest').map((value, index) => {
    const where = `Weight group ${index}`;
    return { group: asObject(value, where), where };
  });
}

function weightSource(modelJson: unknown, bytes: Uint8Array): WeightSource {
  const tensors = new Map<string, FloatTensor>();
  let offset = 0;
  for (const { group, where } of manifestGroups(modelJson)) {
    for (const value of asArray(group.weights, `${where}: weights`)) {
      const spec = asObject(value, `${where}: weight`);
      const name = asString(spec.name, `${where}: name of a weight`).replace(/:\d+$/, '');
      if (tensors.has(name)) throw new ModelFormatError(`There are two weights "${name}".`);
      const { tensor, end } = decodeWeight(name, spec, bytes, offset);
      tensors.set(name, tensor);
      offset = end;
    }
  }
  if (offset !== bytes.length) {
    throw new ModelFormatError(`The weights take ${offset} bytes, but there are ${bytes.length}.`);
  }
  return {
    find(layer, weight) {
      const name = `${layer}/${weight}`;
      return tensors.get(name) ?? [...tensors].find(([other]) => other.endsWith(`/${name}`))?.[1];
    },
  };
}

interface Stored {
  readonly bytesPerValue: number;
  readonly read: (view: DataView, at: number) => number;
}

const FLOAT32: Stored = { bytesPerValue: 4, read: (view, at) => view.getFloat32(at, true) };

function decodeWeight(
  name: string,
  spec: JsonObject,
  bytes: Uint8Array,
  offset: number,
): { readonly tensor: FloatTensor; readonly end: number } {
  const shape = asArray(spec.shape, `Weight "${name}": shape`);
  if (!shape.every((extent) => Number.isSafeInteger(extent) && (extent as number) >= 0)) {
    throw new ModelFormatError(`Weight "${name}": its shape is ${describe(shape)}.`);
  }
  const { bytesPerValue, read } = storageOf(name, spec);
  const size = sizeOf(shape as number[]);
  const end = offset + size * bytesPerValue;
  if (end > bytes.length) {
    throw new ModelFormatError(`Weight "${name}" ends at byte ${end}, but there are only ${bytes.length}.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = Float64Array.from({ length: size }, (_, index) =>
    read(view, offset + index * bytesPerValue),
  );
  if (!values.every(Number.isFinite)) {
    throw new ModelFormatError(`Weight "${name}" has a value that is not a finite number.`);
  }
  return { tensor: { shape: shape as number[], values }, end };
}

function storageOf(name: string, spec: JsonObject): Stored {
  const dtype = asString(spec.dtype, `Weight "${name}": dtype`);
  if (dtype !== 'float32') {
    throw new ModelFormatError(`Weight "${name}" has the type "${dtype}", expected "float32".`);
  }
  if (spec.quantization === undefined) return FLOAT32;
  const quantization = asObject(spec.quantization, `Weight "${name}": quantization`);
  const stored = asString(quantization.dtype, `Weight "${name}": dtype of its quantization`);
  if (stored === 'float16') {
    return { bytesPerValue: 2, read: (view, at) => halfToFloat(view.getUint16(at, true)) };
  }
  const { scale, min } = quantization;
  if (typeof scale !== 'number' || typeof min !== 'number') {
    throw new ModelFormatError(`Weight "${name}": its quantization needs a scale and a min.`);
  }
  if (stored === 'uint8') return { bytesPerValue: 1, read: (view, at) => view.getUint8(at) * scale + min };
  if (stored === 'uint16') {
    return { bytesPerValue: 2, read: (view, at) => view.getUint16(at, true) * scale + min };
  }
  throw new ModelFormatError(
    `Weight "${name}" is quantised to "${stored}", expected uint8, uint16 or float16.`,
  );
}
