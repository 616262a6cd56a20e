/**
 * Importer of Keras 3's `.keras` archives: a zip file with `config.json`, the architecture, and `model.weights.h5`, where each
 * layer has a group `layers/NAME/vars` with its variables 0, 1, … in the order in which the layer made them. NAME is the
 * layer's class in snake case, numbered. Source: keras/src/saving/saving_lib.py.
 */
import type { LayerGraph } from '@trivet/mpc-core';
import { unzipSync } from 'fflate';
import { Group } from 'jsfive';
import { asArray, asObject, type JsonObject, parseJson } from './config.js';
import { ModelFormatError } from './errors.js';
import { readHdf5, tensor } from './keras-hdf5.js';
import { translateModel } from './keras-model.js';
import type { WeightSource } from './weights.js';

const CONFIG = 'config.json';
const WEIGHTS = 'model.weights.h5';
const MAX_CONFIG_BYTES = 64 * 2 ** 20;
const MAX_WEIGHTS_BYTES = 2 ** 30;
/** Deflate shrinks trained weights by a tenth, and JSON to a twentieth. */
const MAX_RATIO = 100;

/** @throws ModelFormatError when the archive is damaged, holds no model, or unpacks to absurdly much */
export function importKerasArchive(bytes: Uint8Array): LayerGraph {
  const files = unzip(bytes);
  const config = asObject(parseJson(new TextDecoder().decode(files.config), CONFIG), CONFIG);
  return readHdf5(files.weights, (root) => translateModel(config, weightSource(root, config)));
}

/** Nothing but the two files is unpacked, so that no other name in the archive matters. */
function unzip(bytes: Uint8Array): { readonly config: Uint8Array; readonly weights: Uint8Array } {
  const limits = new Map([
    [CONFIG, MAX_CONFIG_BYTES],
    [WEIGHTS, MAX_WEIGHTS_BYTES],
  ]);
  const seen = new Set<string>();
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        const limit = limits.get(name);
        if (limit === undefined) return false;
        if (seen.has(name)) throw new ModelFormatError(`The archive holds ${name} twice.`);
        seen.add(name);
        if (originalSize > limit || originalSize > MAX_RATIO * (size + 1024) || size > bytes.length) {
          throw new ModelFormatError(`${name} would unpack to ${originalSize} bytes, which is too much.`);
        }
        return true;
      },
    });
  } catch (error) {
    if (error instanceof ModelFormatError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelFormatError(`The .keras archive is damaged: ${reason}.`, { cause: error });
  }
  const [config, weights] = [files[CONFIG], files[WEIGHTS]];
  if (config === undefined || weights === undefined) {
    throw new ModelFormatError(
      `The archive lacks ${config === undefined ? CONFIG : WEIGHTS}: it is no Keras model.`,
    );
  }
  return { config, weights };
}

/** The variables of a layer in their order. */
function variablesOf(className: string, config: JsonObject): readonly string[] {
  if (className === 'SeparableConv2D') return ['depthwise_kernel', 'pointwise_kernel', 'bias'];
  if (className !== 'BatchNormalization') return ['kernel', 'bias'];
  return [
    ...(config.scale === false ? [] : ['gamma']),
    ...(config.center === false ? [] : ['beta']),
    'moving_mean',
    'moving_variance',
  ];
}

/** "BatchNormalization" -> "batch_normalization", "Conv2D" -> "conv2d". */
function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

interface StoredLayer {
  readonly group: string;
  readonly variables: readonly string[];
}

function weightSource(root: Group, model: JsonObject): WeightSource {
  const layers = storedLayers(model);
  const container = root.keys.includes('layers') ? 'layers' : '_layer_checkpoint_dependencies';
  const all = groupIn(root, container);
  return {
    find(layer, weight) {
      const stored = layers.get(layer);
      const index = stored?.variables.indexOf(weight) ?? -1;
      if (stored === undefined || index === -1) return undefined;
      const variables = groupIn(groupIn(all, stored.group), 'vars');
      if (variables === null || !variables.keys.includes(String(index))) return undefined;
      return tensor(variables.get(String(index)), `${layer}/${weight}`);
    },
  };
}

function groupIn(parent: Group | null, name: string): Group | null {
  if (parent === null || !parent.keys.includes(name)) return null;
  const child = parent.get(name);
  return child instanceof Group ? child : null;
}

/** By the name of the layer. Groups are numbered within each class, in the order of the config. */
function storedLayers(model: JsonObject): ReadonlyMap<string, StoredLayer> {
  const config = asObject(model.config, 'config of the model');
  const counts = new Map<string, number>();
  return new Map(
    asArray(config.layers, 'layers of the model').map((value, position) => {
      const entry = asObject(value, `Layer ${position}`);
      const className = String(entry.class_name);
      const values = asObject(entry.config, `Layer ${position}: config`);
      const base = snakeCase(className);
      const number = counts.get(base) ?? 0;
      counts.set(base, number + 1);
      const group = number === 0 ? base : `${base}_${number}`;
      return [String(entry.name ?? values.name), { group, variables: variablesOf(className, values) }];
    }),
  );
}
