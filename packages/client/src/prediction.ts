/** What a prediction gives its caller. */
import {
  applyOutputActivation,
  type Plan,
  type Reveal,
  revealOf,
  sizeOf,
  topClassesOf,
} from '@trivet/mpc-core';
import {
  type PredictStatistics,
  type PredictStepStatistics,
  type ProtocolName,
  TrivetError,
} from '@trivet/shared-types';
import type { SharedModel } from './models.js';
import type { Triple } from './worker-links.js';

/** What one worker reports about its part; sums over the requests that a prediction was split into. */
export interface WorkerReport {
  readonly name: string;
  /** Online rounds: messages that had to wait for a message. */
  readonly rounds: number;
  /** Bytes between workers, of the whole batches that the requests ran in. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Part of `bytesSent` that depends on no input. */
  readonly bytesDealt: number;
  readonly computeMs: number;
  readonly queueMs: number;
  /** Samples in the largest batch. */
  readonly batchSize: number;
  /** One entry per plan step, in order, or empty when the worker does not say. */
  readonly steps: readonly PredictStepStatistics[];
}

export interface PredictionTimings {
  /** Encoding and sharing, on this machine. */
  readonly shareMs: number;
  /** From the first byte sent to the last reply. */
  readonly networkMs: number;
  readonly reconstructMs: number;
  readonly totalMs: number;
}

/** Exactly what was exchanged with each worker, for showing that it is noise. */
export interface Transcript {
  readonly sent: Triple<Uint8Array>;
  readonly received: Triple<Uint8Array>;
  /** The two shares that each worker holds, seeds expanded: 8 bytes per number, little-endian. */
  readonly expandedShares: Triple<readonly [first: Uint8Array, second: Uint8Array]>;
}

export interface Prediction {
  /** Of the (first) request, 16 bytes in hex. */
  readonly requestId: string;
  readonly model: string;
  readonly version: number;
  /** What ran the (first) request. */
  readonly protocol: ProtocolName;
  readonly count: number;
  /** What the model's owner lets clients receive: then that is all that the workers' replies add up to. */
  readonly reveal: Reveal;
  /** count * outputSize, row-major; null when the model reveals classes only. */
  readonly logits: Float64Array | null;
  /** What the softmax, sigmoid or tanh that the model ends in makes of the logits; null when it ends in none. */
  readonly probabilities: Float64Array | null;
  /** Index of the largest logit of each sample, the first of equals. */
  readonly classes: Int32Array;
  /** count * K, row-major: the K classes that the model reveals, those of the largest logits first; null for logits. */
  readonly topClasses: Int32Array | null;
  readonly timings: PredictionTimings;
  /** Which implementation shared the input. */
  readonly compute: { readonly kind: 'webgpu' | 'wasm' | 'typescript'; readonly label: string };
  readonly workers: Triple<WorkerReport>;
  /** Bytes sent to and received from each worker. */
  readonly sentBytes: Triple<number>;
  readonly receivedBytes: Triple<number>;
  readonly transcript?: Transcript;
}

/** Softmax of each row, stable for large logits. */
export function softmaxRows(logits: Float64Array, columns: number): Float64Array {
  const result = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += columns) {
    const row = logits.subarray(start, start + columns);
    const largest = row.reduce((left, right) => Math.max(left, right), Number.NEGATIVE_INFINITY);
    const exponentials = row.map((logit) => Math.exp(logit - largest));
    const sum = exponentials.reduce((left, right) => left + right, 0);
    for (let column = 0; column < columns; column++) result[start + column] = exponentials[column]! / sum;
  }
  return result;
}

/** What a model tells of its samples. */
export type Answer = Pick<Prediction, 'reveal' | 'logits' | 'probabilities' | 'classes' | 'topClasses'>;

/**
 * @param outputs what the three replies add up to, all samples one after the other
 * @throws TrivetError INTERNAL when they should be classes, and are not
 */
export function answerOf(plan: Plan, outputs: Float64Array): Answer {
  const step = topClassesOf(plan);
  const reveal = revealOf(plan);
  if (step === null) {
    const classes = argmaxRows(outputs, sizeOf(plan.outputShape));
    return { reveal, logits: outputs, probabilities: activated(plan, outputs), classes, topClasses: null };
  }
  const { classes: count, top } = step;
  const isClass = (value: number) => Number.isInteger(value) && value >= 0 && value < count;
  const samples = Array.from({ length: outputs.length / top }, (_, i) =>
    outputs.subarray(i * top, (i + 1) * top),
  );
  if (!samples.every((row) => row.every(isClass) && new Set(row).size === top)) {
    throw new TrivetError('INTERNAL', "The three workers' replies do not add up to classes of the model.");
  }
  const topClasses = Int32Array.from(outputs);
  const classes = Int32Array.from(samples, ([first]) => first!);
  return { reveal, logits: null, probabilities: null, classes, topClasses };
}

/** The activation that the plan leaves to the client, applied; null when there is none. */
export function activated(plan: Plan, logits: Float64Array): Float64Array | null {
  return plan.outputActivation === 'linear' ? null : applyOutputActivation(plan, logits);
}

/** Index of the largest value of each row, the first of equals. */
export function argmaxRows(logits: Float64Array, columns: number): Int32Array {
  return Int32Array.from({ length: logits.length / columns }, (_, row) => {
    let best = 0;
    for (let column = 1; column < columns; column++) {
      if (logits[row * columns + column]! > logits[row * columns + best]!) best = column;
    }
    return best;
  });
}

/** One worker's statistics as a report. */
export function workerReport(name: string, statistics: PredictStatistics): WorkerReport {
  const { computeMicros, queueMicros, ...rest } = statistics;
  return { name, ...rest, computeMs: computeMicros / 1000, queueMs: queueMicros / 1000 };
}

/** Joins the predictions of consecutive requests for one model. `totalMs` is the caller's. */
export function joinPredictions(
  parts: readonly Prediction[],
  model: SharedModel,
  totalMs: number,
): Prediction {
  const [first] = parts as [Prediction, ...Prediction[]];
  const sum = (pick: (part: Prediction) => number) => parts.reduce((total, part) => total + pick(part), 0);
  const worker = (index: 0 | 1 | 2) => joinReports(parts.map((part) => part.workers[index]));
  const outputs = parts.flatMap(({ logits, topClasses }) => [...(logits ?? topClasses ?? [])]);
  return {
    requestId: first.requestId,
    model: first.model,
    version: first.version,
    protocol: first.protocol,
    count: sum((part) => part.count),
    ...answerOf(model.manifest.plan, Float64Array.from(outputs)),
    timings: {
      shareMs: sum((part) => part.timings.shareMs),
      networkMs: sum((part) => part.timings.networkMs),
      reconstructMs: sum((part) => part.timings.reconstructMs),
      totalMs,
    },
    compute: first.compute,
    workers: [worker(0), worker(1), worker(2)],
    sentBytes: [
      sum((part) => part.sentBytes[0]),
      sum((part) => part.sentBytes[1]),
      sum((part) => part.sentBytes[2]),
    ],
    receivedBytes: [
      sum((part) => part.receivedBytes[0]),
      sum((part) => part.receivedBytes[1]),
      sum((part) => part.receivedBytes[2]),
    ],
    ...(first.transcript === undefined ? {} : { transcript: first.transcript }),
  };
}

function joinReports(reports: readonly WorkerReport[]): WorkerReport {
  return reports.reduce((left, right) => ({
    name: left.name,
    rounds: left.rounds + right.rounds,
    bytesSent: left.bytesSent + right.bytesSent,
    bytesReceived: left.bytesReceived + right.bytesReceived,
    bytesDealt: left.bytesDealt + right.bytesDealt,
    computeMs: left.computeMs + right.computeMs,
    queueMs: left.queueMs + right.queueMs,
    batchSize: Math.max(left.batchSize, right.batchSize),
    steps: left.steps.map((step, index) => {
      const other = right.steps[index] ?? { rounds: 0, bytesSent: 0, bytesReceived: 0, micros: 0 };
      return {
        rounds: step.rounds + other.rounds,
        bytesSent: step.bytesSent + other.bytesSent,
        bytesReceived: step.bytesReceived + other.bytesReceived,
        micros: step.micros + other.micros,
      };
    }),
  }));
}
