/** Where a layer's weights come from: an HDF5 file or the shards of a tfjs model. */
import type { FloatTensor } from '@trivet/mpc-core';
import type { LayerConfig } from './config.js';
import { ModelFormatError } from './errors.js';

export interface WeightSource {
  /** The weight of a layer by its Keras name (`kernel`, `bias`, `gamma`, ...), or undefined. */
  find(layer: string, weight: string): FloatTensor | undefined;
}

/**
 * A weight that must be there, with the shape that its layer's options give; -1 stands for any extent.
 *
 * @throws ModelFormatError
 */
export function requireWeight(
  source: WeightSource,
  config: LayerConfig,
  weight: string,
  shape: readonly number[],
): FloatTensor {
  const where = `Layer "${config.layerName}" (${config.className})`;
  const tensor = source.find(config.layerName, weight);
  if (tensor === undefined) throw new ModelFormatError(`${where}: its weight "${weight}" is missing.`);
  const fits =
    tensor.shape.length === shape.length &&
    shape.every((extent, axis) => extent === -1 || extent === tensor.shape[axis]);
  if (!fits) {
    const expected = shape.map((extent) => (extent === -1 ? '?' : extent)).join(', ');
    throw new ModelFormatError(
      `${where}: its weight "${weight}" has the shape [${tensor.shape.join(', ')}], expected [${expected}].`,
    );
  }
  return tensor;
}
