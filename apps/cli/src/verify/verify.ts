/**
 * Classifies MNIST test images twice: privately, by three real worker processes, and in plaintext, by float64
 * arithmetic on the model's layers as they were trained, which shares no code with the fixed-point path.
 */
import { ModelOwner, PredictionClient } from '@trivet/client';
import { loadMnist } from '@trivet/mnist';
import { classCount, evaluateGraph, type LayerGraph, type Reveal, sizeOf } from '@trivet/mpc-core';
import {
  compileModelFile,
  MNIST_CLASSES,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  startLocalCluster,
  TEST_IMAGES,
  toModelInputs,
} from '@trivet/node';
import { type ProtocolName, TrivetError } from '@trivet/shared-types';
import { compareClasses, compareLogits, type VerifyReport } from './report.js';

export interface VerifyOptions {
  readonly model: string;
  /** The first so many test images. */
  readonly count: number;
  readonly protocol: ProtocolName;
  readonly reveal: Reveal;
  /** Images per request. */
  readonly batch: number;
  readonly signal: AbortSignal;
  readonly onProgress: (stage: 'private' | 'plaintext', done: number, total: number) => void;
}

const MODEL_NAME = 'verify';
const TIMEOUT_MS = 3_600_000;
const PLAINTEXT_CHUNK = 50;

export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { graph, compiled } = await compileModelFile(options.model, MNIST_INPUT_RANGE, options.reveal);
  const classes = classCount(compiled.plan);
  const mnist = await loadMnist('test');
  const count = Math.min(options.count, TEST_IMAGES);
  const indices = Array.from({ length: count }, (_, index) => index);
  const inputs = toModelInputs(mnist, indices, MNIST_PREPROCESSING.divideBy);
  if (sizeOf(graph.inputShape) * count !== inputs.length) {
    throw new TrivetError('INVALID_ARGUMENT', `${options.model} does not take images of 28 x 28 pixels.`);
  }
  const crash = new AbortController();
  const signal = AbortSignal.any([options.signal, crash.signal]);
  let crashed: TrivetError | undefined;
  const cluster = await startLocalCluster({
    signal,
    onCrash: ({ name, code, signal: killedBy, lastWords }) => {
      crashed = new TrivetError(
        'UNAVAILABLE',
        `Worker "${name}" ended (${killedBy ?? code}): ${lastWords}`,
        name,
      );
      crash.abort();
    },
  });
  try {
    const { workers, clusterId, ownerKey } = cluster.cluster;
    const owner = await ModelOwner.connect({
      workers,
      clusterId,
      ownerSecretKey: cluster.ownerSecretKey,
      signal,
    });
    try {
      await owner.share(
        {
          name: MODEL_NAME,
          compiled,
          preprocessing: MNIST_PREPROCESSING,
          inputRange: MNIST_INPUT_RANGE,
          labels: classes === MNIST_CLASSES.length ? [...MNIST_CLASSES] : null,
        },
        { signal },
      );
      await owner.startServing(MODEL_NAME, { protocol: options.protocol, signal });
    } finally {
      owner.close();
    }
    const client = await PredictionClient.connect({ workers, clusterId, ownerKey, signal });
    try {
      const { logits, classes: found } = await client.predict(MODEL_NAME, inputs, {
        signal,
        timeoutMs: TIMEOUT_MS,
        requestSize: options.batch,
        onProgress: (done, total) => options.onProgress('private', done, total),
      });
      const plain = evaluateInChunks(graph, inputs, count, classes, options);
      const labels = mnist.labels.subarray(0, count);
      return logits === null
        ? compareClasses(found, plain, labels, classes)
        : compareLogits(logits, plain, labels, classes);
    } finally {
      client.close();
    }
  } catch (error) {
    throw options.signal.aborted ? error : (crashed ?? error);
  } finally {
    await cluster.stop();
  }
}

function evaluateInChunks(
  graph: LayerGraph,
  inputs: Float32Array,
  count: number,
  classes: number,
  { onProgress, signal }: VerifyOptions,
): Float64Array {
  const inputSize = inputs.length / count;
  const logits = new Float64Array(count * classes);
  for (let from = 0; from < count; from += PLAINTEXT_CHUNK) {
    if (signal.aborted) throw new TrivetError('CANCELLED', 'Interrupted.');
    const to = Math.min(from + PLAINTEXT_CHUNK, count);
    const chunk = inputs.subarray(from * inputSize, to * inputSize);
    logits.set(evaluateGraph(graph, chunk, to - from), from * classes);
    onProgress('plaintext', to, count);
  }
  return logits;
}
