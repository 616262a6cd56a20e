/**
 * Clients under load, in a process of their own: each has its own connections and keeps exactly one request open. Does
 * what it is sent, one load after the other, and ends with its parent.
 */
import { PredictionClient } from '@trivet/client';
import { IMAGE_SIZE, loadMnist } from '@trivet/mnist';
import { MNIST_PREPROCESSING, TEST_IMAGES, toModelInputs } from '@trivet/node';
import type { Cluster } from '@trivet/shared-types';
import { tuneV8 } from '@trivet/workers/tune-v8';
import { type Summary, summarise } from '../statistics.js';

export interface LoadOrder {
  readonly cluster: Cluster;
  readonly model: string;
  readonly clients: number;
  /** Digits in each request. */
  readonly requestSize: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface LoadResult {
  /** Whose replies came within the measurement. */
  readonly digits: number;
  readonly seconds: number;
  /** Milliseconds of a request, as its client sees it. */
  readonly request: Summary;
  /** Of this process. */
  readonly cpuSeconds: number;
  /** Digits whose class is their MNIST label. */
  readonly correct: number;
  /** Digits in the batch that a request ran in, the mean over requests. */
  readonly meanBatch: number;
}

/** `measuring` at the start of the measurement, `done` at its end. */
export type LoadMessage =
  | { readonly kind: 'measuring' }
  | { readonly kind: 'done'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly message: string };

/** A measurement has at least this many replies, however slow they are. */
const LEAST_REPLIES = 6;
/** How long replies may keep a measurement waiting. */
const LATEST_MS = 60_000;

tuneV8();
process.once('disconnect', () => process.exit(0));
let before = Promise.resolve();
process.on('message', (order: LoadOrder) => {
  before = before
    .then(() => load(order))
    .catch((error: unknown) => tell({ kind: 'failed', message: String(error) }));
});

let digitsToSend: ReturnType<typeof readDigits> | undefined;

/** Read once, for all loads. */
async function readDigits(): Promise<{ readonly labels: Uint8Array; readonly inputs: Float32Array }> {
  const mnist = await loadMnist('test');
  const all = Array.from({ length: TEST_IMAGES }, (_, index) => index);
  return { labels: mnist.labels, inputs: toModelInputs(mnist, all, MNIST_PREPROCESSING.divideBy) };
}

function tell(message: LoadMessage): void {
  process.send?.(message);
}

async function load(order: LoadOrder): Promise<void> {
  const { cluster, clients: count, requestSize, warmUpMs, measureMs } = order;
  const { workers, clusterId, ownerKey } = cluster;
  digitsToSend ??= readDigits();
  const { labels, inputs } = await digitsToSend;
  const clients = await Promise.all(
    Array.from({ length: count }, () => PredictionClient.connect({ workers, clusterId, ownerKey })),
  );
  const warmUntil = performance.now() + warmUpMs;
  let next = 0;
  let stop = false;
  let digits = 0;
  let correct = 0;
  let batchSizes = 0;
  const times: number[] = [];
  // From a reply to a reply: what is under way at either end counts for nothing on average.
  let measured: { readonly cpu: NodeJS.CpuUsage; readonly start: number; end: number } | null = null;
  const run = async (client: PredictionClient) => {
    while (!stop) {
      if (next + requestSize > TEST_IMAGES) next = 0;
      const from = next;
      next += requestSize;
      const slice = inputs.subarray(from * IMAGE_SIZE, (from + requestSize) * IMAGE_SIZE);
      const sent = performance.now();
      const { classes, workers: reports } = await client.predict(order.model, slice, { requestSize });
      if (stop) return;
      const end = performance.now();
      if (measured === null) {
        if (end < warmUntil) continue;
        measured = { cpu: process.cpuUsage(), start: end, end };
        tell({ kind: 'measuring' });
        continue;
      }
      measured.end = end;
      times.push(end - sent);
      digits += requestSize;
      batchSizes += reports[0].batchSize;
      classes.forEach((found, index) => {
        if (found === labels[from + index]) correct++;
      });
      stop = times.length >= LEAST_REPLIES && end - measured.start >= measureMs;
    }
  };
  const running = Promise.all(clients.map(run));
  await Promise.race([running, pause(warmUpMs + measureMs + LATEST_MS)]);
  stop = true;
  if (measured === null || times.length === 0) throw new Error('No reply came within the measurement.');
  const { start, end, cpu } = measured as { cpu: NodeJS.CpuUsage; start: number; end: number };
  const { user, system } = process.cpuUsage(cpu);
  const cpuSeconds = (user + system) / 1e6;
  const request = summarise(times);
  const meanBatch = batchSizes / times.length;
  const seconds = (end - start) / 1000;
  tell({ kind: 'done', result: { digits, seconds, request, cpuSeconds, correct, meanBatch } });
  await running;
  for (const client of clients) client.close();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
