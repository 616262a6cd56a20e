/** Classifies many pictures, a request of a hundred after the other, two under way at once. */
import { softmaxRows } from '@trivet/client';
import { TrivetError } from '@trivet/shared-types';
import { toModelInput } from '../preprocess/mnist.js';
import type { Calls } from '../worker/messages.js';
import type { Session } from '../worker/session.js';
import type { BatchAnswers, BatchSummary } from './messages.js';

const IMAGE_SIZE = 784;
/** Large enough for sharing on the GPU and for the workers' kernels, small enough to cancel at once. */
const REQUEST_SIZE = 100;
const REQUESTS_IN_FLIGHT = 2;
const TIMEOUT_MS = 120_000;
/** Tries per request: a worker that is away for a moment does not end a long run. */
const ATTEMPTS = 4;

export async function runBatch(
  session: Session,
  { model: name, pixels }: Calls['runBatch']['takes'],
  tell: (answers: BatchAnswers) => void,
  signal: AbortSignal,
): Promise<BatchSummary> {
  const client = await session.client();
  const { model, divideBy } = await session.digitModel(name, signal);
  const { outputSize, classCount } = model;
  if (classCount !== 10) {
    throw new TrivetError('FAILED_PRECONDITION', `The model "${name}" has ${classCount} classes, not ten.`);
  }
  const total = pixels.length / IMAGE_SIZE;
  const bytes = { sent: 0, received: 0, workers: 0 };
  let computeLabel = '';
  let started = 0;
  // A lane that fails ends the others too.
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const lane = async (): Promise<void> => {
    while (started < total) {
      either.throwIfAborted();
      const from = started;
      const count = Math.min(REQUEST_SIZE, total - from);
      started += count;
      const slice = pixels.subarray(from * IMAGE_SIZE, (from + count) * IMAGE_SIZE);
      const prediction = await client.predict(name, toModelInput(slice, divideBy), {
        signal: either,
        timeoutMs: TIMEOUT_MS,
        retry: { attempts: ATTEMPTS },
      });
      const { classes, logits } = prediction;
      const probabilities =
        prediction.probabilities ?? (logits === null ? null : softmaxRows(logits, outputSize));
      bytes.sent += sum(prediction.sentBytes);
      bytes.received += sum(prediction.receivedBytes);
      bytes.workers += sum(prediction.workers.map((worker) => worker.bytesSent));
      computeLabel = prediction.compute.label;
      tell({
        from,
        count,
        classes: Uint8Array.from(classes),
        confidences: Float32Array.from(classes, (digit, row) =>
          probabilities === null ? Number.NaN : probabilities[row * outputSize + digit]!,
        ),
        logits:
          logits === null ? new Float32Array(count * classCount).fill(Number.NaN) : Float32Array.from(logits),
      });
    }
  };
  const lanes = Array.from({ length: REQUESTS_IN_FLIGHT }, () =>
    lane().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(lanes);
  if (signal.aborted) throw new TrivetError('CANCELLED', 'The run was cancelled.');
  if (failed.signal.aborted) throw failed.signal.reason;
  return {
    model: model.name,
    version: model.version,
    reveal: model.reveal,
    computeLabel,
    sentBytes: bytes.sent,
    receivedBytes: bytes.received,
    workerBytes: bytes.workers,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
