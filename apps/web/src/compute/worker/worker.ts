/// <reference lib="webworker" />
/** The compute worker: preprocessing, sharing, the connections to the three workers, and the pictures of what was sent. */
import {
  PredictionClient,
  type SharedModel,
  softmaxRows,
  type WorkerView,
  watchWorkers,
} from '@trivet/client';
import { createCpuSharer, createKernels, type Kernels } from '@trivet/mpc-core';
import { manifestSchema, parseJson, TrivetError } from '@trivet/shared-types';
import { toModelInput } from '../preprocess/mnist.js';
import { AdaptiveSharer } from '../sharing/adaptive-sharer.js';
import { openGpuDevice } from '../sharing/webgpu-device.js';
import { WebGpuSharer } from '../sharing/webgpu-sharer.js';
import { viewOfMessage } from './message-view.js';
import type {
  CallName,
  Calls,
  ConnectOptions,
  FromWorker,
  ModelSummary,
  PredictionView,
  ToWorker,
} from './messages.js';
import { prepare } from './prepare.js';
import { selfTest } from './self-test.js';

const kernels: Promise<Kernels> = createKernels();
const running = new Map<number, AbortController>();

interface Session {
  readonly options: ConnectOptions;
  readonly kernels: Kernels;
  readonly sharer: AdaptiveSharer;
}

let session: Session | null = null;
let watch: { close(): void } | null = null;
let client: Promise<PredictionClient> | null = null;
/** The models as the client has verified them; asked for anew when the workers report others. */
let offered: readonly SharedModel[] | null = null;
let reported = '';

const loadGpu = async () => WebGpuSharer.create(await openGpuDevice());

async function connect(options: ConnectOptions): Promise<null> {
  if (session !== null) throw new TrivetError('FAILED_PRECONDITION', 'This page is connected already.');
  const shareKernels = await kernels;
  const sharer = new AdaptiveSharer({
    cpu: createCpuSharer(shareKernels),
    loadGpu,
    preference: options.preference,
    calibrations: options.calibrations,
    onChange: (sharing) => post({ type: 'sharing', sharing }),
  });
  session = { options, kernels: shareKernels, sharer };
  post({ type: 'sharing', sharing: sharer.state });
  watch = watchWorkers(addressOf(options), (workers) => {
    report(workers);
    // The first prediction should not have to wait for connections.
    if (workers.every((worker) => worker.reachable)) void openClient().catch(() => undefined);
  });
  return null;
}

/**
 * The client, made when all three workers are first there. From then on its own connections, which come back by
 * themselves, are the ones whose state is reported: what the page shows as ready can predict.
 */
function openClient(): Promise<PredictionClient> {
  if (session === null) throw new TrivetError('FAILED_PRECONDITION', 'This page is not connected yet.');
  client ??= connectClient(session);
  return client;
}

async function connectClient({ options, sharer, kernels }: Session): Promise<PredictionClient> {
  try {
    const ownerKey = options.ownerKey === null ? {} : { ownerKey: options.ownerKey };
    const connected = await PredictionClient.connect({
      ...addressOf(options),
      ...ownerKey,
      sharer,
      kernels,
    });
    watch?.close();
    connected.onStatus(report);
    return connected;
  } catch (error) {
    client = null;
    throw error;
  }
}

function addressOf({ workers, clusterId }: ConnectOptions) {
  return clusterId === null ? { workers } : { workers, clusterId };
}

function report(workers: readonly WorkerView[]): void {
  const models = summariesOf(workers);
  const names = models.map(({ name, version }) => `${name}@${version}`).join();
  if (names !== reported) offered = null;
  reported = names;
  post({ type: 'workers', workers, models });
}

/** What the workers that can be reached say of their models; a prediction checks it all again, signatures included. */
function summariesOf(workers: readonly WorkerView[]): ModelSummary[] {
  const reporter = workers.find((worker) => worker.reachable && worker.status !== null);
  const byName = new Map<string, ModelSummary & { readonly current: boolean }>();
  for (const model of reporter?.status?.models ?? []) {
    const manifest = parseJson(manifestSchema, model.manifest.text, 'The manifest');
    const other = byName.get(manifest.name);
    if (other !== undefined && (other.current || (!model.current && other.version > manifest.version)))
      continue;
    byName.set(manifest.name, {
      name: manifest.name,
      version: manifest.version,
      state: model.state,
      takesDigits: manifest.preprocessing?.kind === 'mnist',
      served: model.served,
      requestLimit: model.requestLimit,
      protocol: model.protocol,
      protocols: manifest.protocols,
      current: model.current,
    });
  }
  return [...byName.values()].map(({ current: _, ...summary }) => summary);
}

async function predict(
  { model, pixels, timeoutMs, protocol }: Calls['predict']['takes'],
  signal: AbortSignal,
): Promise<PredictionView> {
  const connected = await openClient();
  offered ??= await connected.models({ signal });
  const versions = offered.filter(({ name }) => name === model).sort((a, b) => b.version - a.version);
  const chosen = versions.find(({ current }) => current) ?? versions[0];
  if (chosen === undefined) throw new TrivetError('NOT_FOUND', `The workers hold no model "${model}".`);
  const divideBy = chosen.manifest.preprocessing?.divideBy;
  if (divideBy === undefined) {
    throw new TrivetError('FAILED_PRECONDITION', `The model "${model}" does not take pictures of digits.`);
  }
  const inputs = toModelInput(pixels, divideBy);
  const { transcript, ...prediction } = await connected.predict(model, inputs, {
    signal,
    timeoutMs,
    protocol: protocol ?? null,
    keepTranscript: true,
  });
  if (transcript === undefined) throw new TrivetError('INTERNAL', 'The prediction kept no transcript.');
  const shareKernels = await kernels;
  const view = (index: 0 | 1 | 2) =>
    viewOfMessage(
      shareKernels,
      prediction.workers[index].name,
      transcript.sent[index],
      prediction.count,
      inputs.length,
    );
  const probabilities = prediction.probabilities ?? softmaxRows(prediction.logits, chosen.outputSize);
  return { ...prediction, probabilities, views: [view(0), view(1), view(2)] };
}

const handlers: {
  [Name in CallName]: (
    takes: Calls[Name]['takes'],
    signal: AbortSignal,
  ) => Promise<Calls[Name]['gives']> | Calls[Name]['gives'];
} = {
  connect,
  prepare,
  predict,
  selfTest: async () => selfTest(await kernels, loadGpu),
};

async function answer(message: Extract<ToWorker, { takes: unknown }>): Promise<void> {
  const { type, id, takes } = message;
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const handler = handlers[type] as (takes: unknown, signal: AbortSignal) => unknown;
    post({ type: 'result', id, value: (await handler(takes, controller.signal)) as never });
  } catch (error) {
    const coded =
      error instanceof TrivetError
        ? error
        : new TrivetError('INTERNAL', error instanceof Error ? error.message : 'Something unknown failed.');
    post({ type: 'failure', id, error: coded.toBody() });
  } finally {
    running.delete(id);
  }
}

function post(message: FromWorker): void {
  self.postMessage(message);
}

self.addEventListener('message', (event) => {
  const message = (event as MessageEvent<ToWorker>).data;
  if (message.type === 'cancel') running.get(message.id)?.abort();
  else if (message.type === 'preference') session?.sharer.setPreference(message.preference);
  else void answer(message);
});
