/**
 * The project's own model in the clear, by TensorFlow.js: what a prediction would be without any secrecy. Its weights
 * are public, so the page may have them; whether the workers serve this very model is told by its plan.
 */
import type { SharedModel } from '@trivet/client';
import { importTfjsLayers } from '@trivet/model-import';
import { compile, InvalidModelError, type LayerGraph, ModelRangeError } from '@trivet/mpc-core';
import { canonicalJson, TrivetError } from '@trivet/shared-types';
import { toModelInput } from '../preprocess/mnist.js';
import type { Calls, PlaintextView } from '../worker/messages.js';
import type { Session } from '../worker/session.js';

const FOLDER = '/models/mnist';
const WEIGHTS = 'group1-shard1of1.bin';
const RUNS = 5;

interface PublicModel {
  readonly graph: LayerGraph;
  readonly predict: (inputs: Float32Array) => Promise<number[]>;
  readonly label: string;
}

let loaded: Promise<PublicModel> | null = null;

/** @throws TrivetError FAILED_PRECONDITION when another model is served; UNAVAILABLE when it cannot be loaded */
export async function plaintext(
  session: Session,
  { model: name, pixels }: Calls['plaintext']['takes'],
  signal: AbortSignal,
): Promise<PlaintextView> {
  const { model, divideBy } = await session.digitModel(name, signal);
  loaded ??= load();
  const known = await loaded.catch((error: unknown) => {
    loaded = null;
    throw error;
  });
  if (!isPlanOf(known.graph, model)) {
    throw new TrivetError(
      'FAILED_PRECONDITION',
      `The model "${name}" is its owner’s secret: this page has only the public one in the clear.`,
    );
  }
  const inputs = toModelInput(pixels, divideBy);
  let logits = await known.predict(inputs);
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    logits = await known.predict(inputs);
    times.push(performance.now() - start);
  }
  return { logits, milliseconds: times.sort((a, b) => a - b)[Math.floor(RUNS / 2)]!, label: known.label };
}

/** Whether its owner could have compiled the model from this graph. */
function isPlanOf(graph: LayerGraph, { manifest, reveal }: SharedModel): boolean {
  try {
    const { plan } = compile(graph, { inputRange: manifest.inputRange, reveal });
    return canonicalJson(manifest.plan) === canonicalJson(structuredClone(plan));
  } catch (error) {
    // It does not tell so many classes apart, or is not made for such inputs.
    if (error instanceof InvalidModelError || error instanceof ModelRangeError) return false;
    throw error;
  }
}

async function load(): Promise<PublicModel> {
  const [json, weights] = await Promise.all([fetchPart('model.json'), fetchPart(WEIGHTS)]);
  const description = JSON.parse(new TextDecoder().decode(json));
  const graph = importTfjsLayers(structuredClone(description), new Uint8Array(weights));
  const [tf, layers] = await Promise.all([
    import('@tensorflow/tfjs-core'),
    import('@tensorflow/tfjs-layers'),
    import('@tensorflow/tfjs-backend-cpu'),
  ]);
  // TensorFlow.js knows pages and Node.js; in a worker it has to be told what it may use.
  if (tf.env().platform === undefined) {
    tf.env().setPlatform('worker', {
      fetch: (path, init) => fetch(path, init),
      now: () => performance.now(),
      encode: (text) => new TextEncoder().encode(text),
      decode: (bytes, encoding) => new TextDecoder(encoding).decode(bytes),
      isTypedArray: (value): value is Float32Array | Int32Array | Uint8Array | Uint8ClampedArray =>
        ArrayBuffer.isView(value) && !(value instanceof DataView),
    });
  }
  await tf.setBackend('cpu');
  // Logits are compared, not probabilities.
  const last = description.modelTopology.config.layers.at(-1).config;
  if (last.activation === 'softmax') last.activation = 'linear';
  const model = await layers.loadLayersModel(
    tf.io.fromMemory({
      modelTopology: description.modelTopology,
      weightSpecs: description.weightsManifest.flatMap((group: { weights: unknown[] }) => group.weights),
      weightData: weights,
    }),
  );
  return {
    graph,
    label: `TensorFlow.js ${tf.version_core}, in the clear`,
    predict: async (inputs) => {
      const input = tf.tensor(inputs, [1, ...graph.inputShape]);
      const output = model.predict(input);
      if (Array.isArray(output)) throw new TrivetError('INTERNAL', 'The public model has several outputs.');
      try {
        return [...(await output.data())];
      } finally {
        tf.dispose([input, output]);
      }
    },
  };
}

async function fetchPart(file: string): Promise<ArrayBuffer> {
  const response = await fetch(`${FOLDER}/${file}`).catch(() => null);
  if (response === null || !response.ok) {
    throw new TrivetError('UNAVAILABLE', 'The public model could not be loaded from this page’s server.');
  }
  return response.arrayBuffer();
}
