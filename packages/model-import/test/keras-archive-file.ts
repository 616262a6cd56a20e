/** Keras 3 archives of tfjs models. */
import { kerasWeights } from './keras-archive-writer.js';
import { type layers, saveFiles } from './tfjs-models.js';

export { zip } from './keras-archive-writer.js';

export async function archive(model: layers.LayersModel): Promise<{ config: object; weights: Uint8Array }> {
  const files = await saveFiles(model);
  const config = files.json.modelTopology as { class_name: string; config: object };
  const weights = await kerasWeights(
    model.layers.map((layer) => ({
      className: layer.getClassName(),
      weights: layer
        .getWeights()
        .map((weight) => ({ shape: weight.shape, values: weight.dataSync() as Float32Array })),
    })),
  );
  return { config, weights };
}
