/** Model importers, for browser and Node: bytes in, a layer graph out. */
export { detectFormat, type ModelFormat } from './detect.js';
export { ModelFormatError } from './errors.js';
export { importKerasArchive } from './keras-archive.js';
export { importKerasHdf5 } from './keras-hdf5.js';
export { importOnnx } from './onnx-model.js';
export { type ImportedModel, type ImportOptions, importModel, type ModelSource } from './open.js';
export { importSavedModel, type SavedModelFiles, type SavedModelOptions } from './saved-model.js';
export type { Signature, SignatureTensor, SignatureType } from './signature.js';
export { importTfjsLayers, tfjsWeightPaths } from './tfjs-layers.js';
