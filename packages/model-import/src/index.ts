/** Model importers, for browser and Node: bytes in, a layer graph out. */
export { detectFormat, type ModelFormat } from './detect.js';
export { ModelFormatError } from './errors.js';
export { importKerasHdf5 } from './keras-hdf5.js';
export { importTfjsLayers, tfjsWeightPaths } from './tfjs-layers.js';
