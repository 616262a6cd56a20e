/** A trained model and what its owner does with it: `share`, `serve` and `stop` of the Syft Keras tutorial. */
import { basename } from 'node:path';
import type { KeyRing } from '@trivet/at-rest';
import { argmaxRows, ModelOwner, type SharedModel } from '@trivet/client';
import { classCount, evaluateGraph, type Reveal, sizeOf, softmax } from '@trivet/mpc-core';
import { type AccessMode, type Manifest, type ProtocolName, TrivetError } from '@trivet/shared-types';
import { interruptible } from '../interrupt.js';
import {
  looksLikeMnist,
  MNIST_CLASSES,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  PLAIN_INPUT_RANGE,
} from '../mnist-inputs.js';
import { type CompiledModelFile, compileModel, openModelFile } from '../model-file.js';
import type { Cluster } from './cluster.js';

export interface ModelLoadOptions {
  /** What every input lies in; 0 to 1 for pictures of 28 x 28, -256 to 256 for other models unless told. */
  readonly inputRange?: Manifest['inputRange'];
  /** Of a model that `trivet encrypt` has encrypted; the plaintext stays in memory. */
  readonly keys?: KeyRing;
  /** What clients receive: all values, the class of the largest alone (`label`), or the K largest classes (`top-3`). */
  readonly reveal?: Reveal;
  /** Precision of its numbers, 2 to the minus so much; 16 unless told. Fewer leave more room for large values. */
  readonly fractionalBits?: number;
}

export interface ShareModelOptions {
  /** The file's name without its ending unless told. */
  readonly name?: string;
  /** Which protocols may run it, the default first; all unless told. */
  readonly protocols?: readonly ProtocolName[];
  readonly signal?: AbortSignal;
}

export interface ServeModelOptions {
  /** Stop after so many predictions; until Ctrl-C, or the signal, when not given. */
  readonly numRequests?: number;
  /** Who may ask; when not given, this machine if all three workers are on it, and else who has a token. */
  readonly access?: AccessMode;
  readonly signal?: AbortSignal;
  /** Told each prediction; prints unless told. */
  readonly log?: (line: string) => void;
}

const EVALUATION_CHUNK = 50;
/** As in Keras, whose backend.epsilon() it is: the loss of one sample stays finite. */
const SMALLEST_PROBABILITY = 1e-7;

export class Model {
  readonly #path: string;
  readonly #file: CompiledModelFile;
  readonly #inputRange: Manifest['inputRange'];
  #shared: { readonly model: SharedModel; readonly cluster: Cluster } | null = null;

  private constructor(path: string, file: CompiledModelFile, inputRange: Manifest['inputRange']) {
    this.#path = path;
    this.#file = file;
    this.#inputRange = inputRange;
  }

  /**
   * Reads a model that was trained elsewhere, in any format that `trivet share` takes, and compiles it.
   * @throws TrivetError INVALID_ARGUMENT naming the file, with all layers that cannot be evaluated, or that could overflow
   */
  static async load(path: string, options: ModelLoadOptions = {}): Promise<Model> {
    const imported = await openModelFile(path, { keys: options.keys ?? null });
    const usual = looksLikeMnist(imported.graph.inputShape) ? MNIST_INPUT_RANGE : PLAIN_INPUT_RANGE;
    const inputRange = options.inputRange ?? usual;
    const { reveal, fractionalBits } = options;
    const compiled = await compileModel(path, imported, inputRange, {
      ...(reveal === undefined ? {} : { reveal }),
      ...(fractionalBits === undefined ? {} : { fractionalBits }),
    });
    return new Model(path, compiled, inputRange);
  }

  /** Of one sample, without the batch. */
  get inputShape(): readonly number[] {
    return this.#file.compiled.plan.inputShape;
  }

  get outputShape(): readonly number[] {
    return this.#file.compiled.plan.outputShape;
  }

  /**
   * How good the model is in the clear, on this machine, nothing shared: as `evaluate` of Keras.
   * @param inputs consecutive samples, preprocessed; labels the class of each
   * @returns the categorical cross-entropy of the softmax of its logits, the mean over the samples in nats; and the share of
   *   samples that it gets right
   */
  evaluate(
    inputs: Float32Array,
    labels: ArrayLike<number>,
  ): { readonly loss: number; readonly accuracy: number } {
    const inputSize = sizeOf(this.inputShape);
    const classes = classCount(this.#file.compiled.plan);
    if (labels.length === 0 || inputs.length !== labels.length * inputSize) {
      throw new TrivetError(
        'INVALID_ARGUMENT',
        `The model takes ${inputSize} numbers for each of ${labels.length} labels.`,
      );
    }
    let correct = 0;
    let loss = 0;
    for (let from = 0; from < labels.length; from += EVALUATION_CHUNK) {
      const to = Math.min(from + EVALUATION_CHUNK, labels.length);
      const chunk = inputs.subarray(from * inputSize, to * inputSize);
      const logits = evaluateGraph(this.#file.graph, chunk, to - from);
      const probabilities = softmax(logits, classes);
      argmaxRows(logits, classes).forEach((found, index) => {
        const label = labels[from + index]!;
        if (found === label) correct += 1;
        loss -= Math.log(Math.max(probabilities[index * classes + label] ?? 0, SMALLEST_PROBABILITY));
      });
    }
    return { loss: loss / labels.length, accuracy: correct / labels.length };
  }

  /**
   * Splits the weights into three and gives each worker its share. Sharing again makes another version.
   * @throws TrivetError FAILED_PRECONDITION before `cluster.start()`; as `ModelOwner.share`
   */
  async share(cluster: Cluster, options: ShareModelOptions = {}): Promise<SharedModel> {
    const { name = nameOf(this.#path), protocols, signal } = options;
    const isMnist = looksLikeMnist(this.inputShape);
    const { compiled, signature } = this.#file;
    const isDigits = isMnist && classCount(compiled.plan) === MNIST_CLASSES.length;
    const model = await withOwner(cluster, signal, (owner) =>
      owner.share(
        {
          name,
          compiled,
          signature,
          preprocessing: isMnist ? MNIST_PREPROCESSING : null,
          inputRange: this.#inputRange,
          labels: isDigits ? [...MNIST_CLASSES] : null,
          ...(protocols === undefined ? {} : { protocols }),
        },
        signal === undefined ? {} : { signal },
      ),
    );
    this.#shared = { model, cluster };
    return model;
  }

  /**
   * Has predictions answered until `numRequests` of them have been, or until interrupted.
   * @returns how many were answered
   * @throws TrivetError FAILED_PRECONDITION before `share`
   */
  async serve(options: ServeModelOptions = {}): Promise<number> {
    const { access, numRequests, log = console.log } = options;
    const { model, cluster } = this.#sharedModel();
    return interruptible((interrupted) => {
      const signal = AbortSignal.any([
        interrupted,
        ...(options.signal === undefined ? [] : [options.signal]),
      ]);
      return withOwner(cluster, signal, (owner) =>
        owner.serve(model.name, {
          requestLimit: numRequests ?? null,
          access,
          signal,
          onStarted: () => {
            const until =
              numRequests === undefined ? 'press Ctrl-C to stop' : `for ${numRequests} predictions`;
            console.error(`Serving model "${model.name}": ${until}.`);
          },
          onServed: (number) => log(`Served encrypted prediction ${number} to client.`),
        }),
      );
    });
  }

  /** Ends serving; the model stays shared. Nothing happens when it is not served. */
  async stop(): Promise<void> {
    const { model, cluster } = this.#sharedModel();
    await withOwner(cluster, undefined, (owner) => owner.stop(model.name));
  }

  #sharedModel() {
    if (this.#shared !== null) return this.#shared;
    throw new TrivetError('FAILED_PRECONDITION', 'Share the model first: await model.share(cluster).');
  }
}

/** A model name out of a file's. */
function nameOf(path: string): string {
  const name = basename(path)
    .replace(/\.(h5|hdf5|keras|json|onnx)$/i, '')
    .replace(/[^A-Za-z0-9_.-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64);
  return name === '' ? 'model' : name;
}

/** Connects as the owner, for as long as the work takes. */
async function withOwner<T>(
  cluster: Cluster,
  signal: AbortSignal | undefined,
  work: (owner: ModelOwner) => Promise<T>,
): Promise<T> {
  const { file, ownerSecretKey } = cluster.owned();
  const { workers, clusterId } = file;
  const owner = await ModelOwner.connect({
    workers,
    clusterId,
    ownerSecretKey,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    return await work(owner);
  } finally {
    owner.close();
  }
}
