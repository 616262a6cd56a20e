/** Writes a tfjs layers model as files: model.json and one weight shard, as tfjs's own file handlers do. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { Sequential } from '@tensorflow/tfjs-layers';

export const MODEL_FILE = 'model.json';
export const WEIGHTS_FILE = 'group1-shard1of1.bin';

/** What the model file says about its training, under `userDefinedMetadata`. */
export interface TrainingRecord {
  readonly dataset: string;
  readonly epochs: number;
  readonly seed: number;
  readonly testAccuracy: number;
  readonly preprocessing: string;
}

/** @returns the size of both files in bytes */
export async function saveModel(model: Sequential, folder: string, record: TrainingRecord): Promise<number> {
  let bytes = 0;
  await mkdir(folder, { recursive: true });
  const write = async (name: string, content: Uint8Array) => {
    const path = join(folder, name);
    await writeFile(`${path}.new`, content);
    await rename(`${path}.new`, path);
    bytes += content.length;
  };
  model.setUserDefinedMetadata({ ...record });
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      const manifest = {
        modelTopology: artifacts.modelTopology,
        format: artifacts.format,
        generatedBy: artifacts.generatedBy,
        convertedBy: artifacts.convertedBy,
        userDefinedMetadata: artifacts.userDefinedMetadata,
        weightsManifest: [{ paths: [WEIGHTS_FILE], weights: artifacts.weightSpecs }],
      };
      const weights = tf.io.CompositeArrayBuffer.join(artifacts.weightData);
      await write(WEIGHTS_FILE, new Uint8Array(weights));
      await write(MODEL_FILE, new TextEncoder().encode(`${JSON.stringify(manifest)}\n`));
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
  return bytes;
}
