/** The project's own model in Keras' formats, and the tutorial's as Keras wrote it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type KerasLayer, kerasWeights, zip } from '../../packages/model-import/test/keras-archive-writer.js';

/** `short-conv-mnist.h5` of the tutorial. */
export const KERAS_HDF5_FILE = fileURLToPath(
  new URL('../../../shared/models/short-conv-mnist.h5', import.meta.url),
);

const FOLDER = new URL('../../models/mnist/', import.meta.url);

interface TfjsModel {
  readonly modelTopology: {
    readonly class_name: string;
    readonly config: {
      readonly layers: readonly { readonly class_name: string; readonly config: { readonly name: string } }[];
    };
  };
  readonly weightsManifest: readonly [
    { readonly weights: readonly { readonly name: string; readonly shape: readonly number[] }[] },
  ];
}

/** The bundled model as a Keras 3 archive, `.keras`: the same layers, and the same weights bit for bit. */
export async function kerasArchive(): Promise<Buffer> {
  const model = JSON.parse(await readFile(new URL('model.json', FOLDER), 'utf8')) as TfjsModel;
  const bytes = new Uint8Array(await readFile(new URL('group1-shard1of1.bin', FOLDER)));
  const byLayer = new Map<string, KerasLayer['weights'][number][]>();
  let at = 0;
  for (const { name, shape } of model.weightsManifest[0].weights) {
    const end = at + 4 * shape.reduce((product, side) => product * side, 1);
    const layer = name.split('/')[0]!;
    const values = new Float32Array(bytes.slice(at, end).buffer);
    byLayer.set(layer, [...(byLayer.get(layer) ?? []), { shape, values }]);
    at = end;
  }
  const { class_name, config } = model.modelTopology;
  const weights = await kerasWeights(
    config.layers.map((layer) => ({
      className: layer.class_name,
      weights: byLayer.get(layer.config.name) ?? [],
    })),
  );
  return Buffer.from(zip({ config: { class_name, config }, weights }));
}
