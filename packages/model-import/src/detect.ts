/** Tells what kind of model a file holds, from its first bytes or its JSON. */
import { HDF5_SIGNATURE } from './keras-hdf5.js';
import { isOnnx } from './onnx-model.js';
import { isSavedModel } from './saved-model.js';

/**
 * - `keras-hdf5`: HDF5, for `importKerasHdf5`
 * - `tfjs-layers`: the model.json of a layers model, for `importTfjsLayers`
 * - `tfjs-graph`: the model.json of a graph model, which is not supported
 * - `keras-zip`: Keras' `.keras` archive, for `importKerasArchive`
 * - `onnx`: an ONNX model, for `importOnnx`
 * - `saved-model`: saved_model.pb of a TensorFlow SavedModel, for `importSavedModel`
 */
export type ModelFormat =
  | 'keras-hdf5'
  | 'tfjs-layers'
  | 'tfjs-graph'
  | 'keras-zip'
  | 'saved-model'
  | 'onnx'
  | 'unknown';

const ZIP_SIGNATURE = Uint8Array.of(0x50, 0x4b, 0x03, 0x04);

export function detectFormat(bytes: ArrayBuffer | Uint8Array): ModelFormat {
  const data = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  const startsWith = (signature: Uint8Array) => signature.every((byte, index) => data[index] === byte);
  if (startsWith(HDF5_SIGNATURE)) return 'keras-hdf5';
  if (startsWith(ZIP_SIGNATURE)) return 'keras-zip';
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch {
    if (isOnnx(data)) return 'onnx';
    return isSavedModel(data) ? 'saved-model' : 'unknown';
  }
  if (typeof json !== 'object' || json === null || !('modelTopology' in json)) return 'unknown';
  return 'format' in json && json.format === 'graph-model' ? 'tfjs-graph' : 'tfjs-layers';
}
