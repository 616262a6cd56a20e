/** A whole bench run: plaintext, three real workers, plaintext again. */
import { setMaxListeners } from 'node:events';
import { cpus, loadavg } from 'node:os';
import { type Prediction, PredictionClient } from '@trivet/client';
import { IMAGE_SIZE, loadMnist } from '@trivet/mnist';
import {
  type LayerGraph,
  type Plan,
  type PlanCost,
  type Protocol,
  predictCost,
  type Reveal,
} from '@trivet/mpc-core';
import {
  compileModelFile,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  TEST_IMAGES,
  toModelInputs,
} from '@trivet/node';
import { type ProtocolName, TrivetError } from '@trivet/shared-types';
import { createProtocols } from '@trivet/workers';
import { dealsAhead } from '../deals-ahead.js';
import { MODEL_NAME, type ServingCluster, startServing } from './cluster.js';
import { DealtAhead } from './dealt-ahead.js';
import { estimateAll } from './estimates.js';
import { LoadProcess } from './load/start-load.js';
import { PlaintextModel } from './plaintext.js';
import { type Budget, repeat } from './repeat.js';
import type {
  AllDigitsReport,
  BatchReport,
  BenchReport,
  EstimateReport,
  LoadReport,
  PerWorker,
  ProtocolReport,
  SoakReport,
} from './report.js';
import type { BenchSettings } from './settings.js';
import { summarise } from './statistics.js';
import { StepRecorder } from './steps.js';
import { type ProcessMetrics, readProcessMetrics } from './worker-metrics.js';

export interface BenchOptions {
  readonly model: string;
  /** One after the other, each with what `settings` and, after the first, `furtherSettings` say. */
  readonly protocols: readonly ProtocolName[];
  readonly rttMs: number;
  /** What the workers answer with. */
  readonly reveal: Reveal;
  readonly quick: boolean;
  /** Whether each evaluator has a core to itself, where cores are few. */
  readonly evaluatorsApart: boolean;
  readonly settings: BenchSettings;
  readonly furtherSettings: BenchSettings;
  readonly signal: AbortSignal;
  readonly onStage: (what: string) => void;
}

const PLAINTEXT_BATCH = 100;
const SOAK_REQUEST = 100;
const ALL_DIGITS_TIMEOUT_MS = 600_000;

/** @throws TrivetError when a worker fails, or counts other rounds or bytes than the protocol declares */
export async function bench(options: BenchOptions): Promise<BenchReport> {
  const { settings, signal, onStage, rttMs } = options;
  const [loadAverage] = loadavg() as [number];
  const { graph, compiled } = await compileModelFile(options.model, MNIST_INPUT_RANGE, options.reveal);
  const digits = await loadDigits();
  onStage('plaintext');
  const plaintext = await startPlaintext(graph, digits, settings);
  await plaintext.measure();

  const crash = new AbortController();
  let crashed: TrivetError | undefined;
  onStage('starting three workers');
  const serving = await startServing({
    compiled,
    rttMs,
    signal,
    evaluatorsApart: options.evaluatorsApart,
    onCrash: ({ name, lastWords }) => {
      crashed = new TrivetError('UNAVAILABLE', `Worker "${name}" ended: ${lastWords}`, name);
      crash.abort();
    },
  });
  const protocols: { -readonly [Name in keyof BenchReport['protocols']]: BenchReport['protocols'][Name] } =
    {};
  let estimates: EstimateReport | null = null;
  const both = AbortSignal.any([signal, crash.signal]);
  // Each of the requests that are open at once listens.
  setMaxListeners(0, both);
  const load = new LoadProcess(both);
  try {
    for (const [index, name] of options.protocols.entries()) {
      await serving.serve(name);
      const run: ProtocolRun = {
        protocol: knownProtocol(name),
        settings: index === 0 ? settings : options.furtherSettings,
        signal: both,
        load,
        onStage: (what) => onStage(`${name}: ${what}`),
      };
      protocols[name] = await measureProtocol(run, serving, compiled.plan, digits, plaintext);
    }
    if (settings.estimates) {
      onStage('what the cost model predicts');
      estimates = await predictAll(serving, compiled.plan, protocols, rttMs, load, both);
    }
  } catch (error) {
    throw crashed ?? error;
  } finally {
    await load.close();
    await serving.stop();
  }
  onStage('plaintext again');
  await plaintext.measure();
  return {
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      node: process.version,
      loadAverage,
      evaluatorsApart: options.evaluatorsApart,
    },
    model: options.model,
    quick: options.quick,
    rttMs,
    reveal: options.reveal,
    relayRoundTripMs: serving.relayRoundTripMs,
    plaintext: plaintext.report(),
    protocols,
    estimates,
  };
}

interface Digits {
  /** All MNIST test digits, and their classes. */
  readonly all: Float32Array;
  readonly labels: Uint8Array;
  /** The next so many, in order and around again. */
  next(count: number): Float32Array;
}

async function loadDigits(): Promise<Digits> {
  const mnist = await loadMnist('test');
  const indices = Array.from({ length: TEST_IMAGES }, (_, index) => index);
  const inputs = toModelInputs(mnist, indices, MNIST_PREPROCESSING.divideBy);
  let at = 0;
  return {
    all: inputs,
    labels: mnist.labels,
    next(count) {
      if (at + count > TEST_IMAGES) at = 0;
      at += count;
      return inputs.subarray((at - count) * IMAGE_SIZE, at * IMAGE_SIZE);
    },
  };
}

async function startPlaintext(graph: LayerGraph, digits: Digits, settings: BenchSettings) {
  const model = await PlaintextModel.create(graph);
  const single: number[] = [];
  const batch: number[] = [];
  const predict = (count: number) => () => {
    const inputs = digits.next(count);
    const start = performance.now();
    model.predict(inputs);
    return performance.now() - start;
  };
  return {
    model,
    async measure() {
      single.push(...(await repeat(predict(1), settings.plaintextSingle)));
      batch.push(...(await repeat(predict(PLAINTEXT_BATCH), settings.plaintextBatch)));
    },
    report: () => ({ single: summarise(single), batch100: summarise(batch) }),
  };
}

interface ProtocolRun extends Pick<BenchOptions, 'settings' | 'signal' | 'onStage'> {
  readonly protocol: Protocol;
  readonly load: LoadProcess;
}

async function predictAll(
  serving: ServingCluster,
  plan: Plan,
  measured: BenchReport['protocols'],
  roundTripMs: number,
  load: LoadProcess,
  signal: AbortSignal,
): Promise<EstimateReport> {
  const { workers, clusterId, ownerKey } = serving.cluster;
  const client = await PredictionClient.connect({ workers, clusterId, ownerKey, signal });
  const names = Object.keys(measured) as ProtocolName[];
  const table = new Map(names.map((name) => [name, knownProtocol(name)] as const));
  try {
    const network = { roundTripMs, cores: cpus().length };
    return await estimateAll(serving, client, plan, table, measured, network, load, signal);
  } finally {
    client.close();
  }
}

function knownProtocol(name: ProtocolName): Protocol {
  const protocol = createProtocols()[name]?.[0];
  if (protocol === undefined) throw new TrivetError('INVALID_ARGUMENT', `No worker knows ${name}.`);
  return protocol;
}

async function measureProtocol(
  run: ProtocolRun,
  serving: ServingCluster,
  plan: Plan,
  digits: Digits,
  { model: plaintext }: { readonly model: PlaintextModel },
): Promise<ProtocolReport> {
  const { settings, signal, onStage } = run;
  const { cluster, metricsUrls } = serving;
  const { workers, clusterId, ownerKey } = cluster;
  const metrics = () =>
    Promise.all(metricsUrls.map((url) => readProcessMetrics(url))) as Promise<
      PerWorker<ProcessMetrics> & ProcessMetrics[]
    >;
  const resident = async () => perWorker(await metrics(), ({ residentBytes }) => residentBytes);
  const start = await resident();
  const client = await PredictionClient.connect({ workers, clusterId, ownerKey, signal });
  try {
    const pooled = dealsAhead(run.protocol.name) ? new DealtAhead(metricsUrls[0]) : null;
    const predict = (count: number, onPrediction: (prediction: Prediction) => void = () => {}) => {
      return async () => {
        await pooled?.ready(count, signal);
        const inputs = digits.next(count);
        const prediction = await client.predict(MODEL_NAME, inputs, { signal, requestSize: count });
        onPrediction(prediction);
        return prediction.timings.totalMs;
      };
    };
    const batch = async (count: number, budget: Budget, onPrediction?: (prediction: Prediction) => void) => {
      let before = await metrics();
      let clientCpu = process.cpuUsage();
      const times = await repeat(predict(count, onPrediction), budget, async () => {
        before = await metrics();
        clientCpu = process.cpuUsage();
      });
      clientCpu = process.cpuUsage(clientCpu);
      const after = await metrics();
      const total = count * times.length;
      const report: BatchReport = {
        digits: count,
        request: summarise(times),
        workerCpuMsPerDigit: difference(before, after, ({ cpuSeconds }) => (1000 * cpuSeconds) / total),
        clientCpuMsPerDigit: (clientCpu.user + clientCpu.system) / 1000 / total,
      };
      const meshBytes = difference(before, after, ({ meshSentBytes }) => meshSentBytes / total);
      return { report, meshBytes };
    };

    onStage('warming up');
    await warmUp(serving, settings.warmUpMs, run.load, async () => {
      await client.predict(MODEL_NAME, digits.next(1), { signal, requestSize: 1 });
    });
    onStage('one digit at a time');
    await checkAnswer(client, plaintext, digits.next(1));
    const recorder = new StepRecorder(plan);
    const { report: single, meshBytes } = await batch(1, settings.single, (prediction) =>
      recorder.add(prediction),
    );
    const declared = predictCost(plan, run.protocol, 1, pooled !== null);
    assertDeclared(recorder, declared);
    const batches: BatchReport[] = [{ ...single }];
    for (const { digits: count, budget } of settings.batches) {
      onStage(`${count} digits in one request`);
      batches.push((await batch(count, budget)).report);
    }
    const loads: LoadReport[] = [];
    for (const load of settings.loads) {
      onStage(`${load.clients} clients, ${load.requestSize} digits a request`);
      loads.push(await measureLoad(serving, load, run.load, metrics));
    }
    let allDigits: AllDigitsReport | null = null;
    if (settings.allDigits !== null) {
      onStage(`${settings.allDigits.digits} test digits`);
      allDigits = await classifyFirst(client, digits, settings.allDigits, signal);
    }
    const soak =
      settings.soak.length === 0
        ? null
        : await measureSoak(settings.soak, predict(SOAK_REQUEST), resident, onStage);
    return {
      single,
      parts: recorder.parts(),
      batches,
      loads,
      allDigits,
      rounds: recorder.rounds(),
      steps: recorder.steps(),
      bytesSent: recorder.perWorker((worker) => worker.bytesSent),
      bytesDealt: recorder.perWorker((worker) => worker.bytesDealt),
      bytesDealtTo: declared.bytesDealtTo,
      dealtAhead: pooled !== null,
      meshBytesPerDigit: meshBytes,
      uploadBytes: recorder.last.sentBytes,
      downloadBytes: recorder.last.receivedBytes,
      residentBytes: { start, end: await resident() },
      soak,
    };
  } finally {
    client.close();
  }
}

/** Requests that the bench's own client has open meanwhile: enough for some hundreds in all, also where each takes long. */
const OWN_REQUESTS = 16;

/** Eight clients of the load's process, and the client that is timed afterwards: its code is to be compiled too. */
async function warmUp(
  { cluster }: ServingCluster,
  measureMs: number,
  load: LoadProcess,
  predict: () => Promise<void>,
): Promise<void> {
  let loaded = false;
  const own = async () => {
    while (!loaded) await predict();
  };
  const others = load
    .run({ cluster, model: MODEL_NAME, clients: 8, requestSize: 1, warmUpMs: 0, measureMs })
    .finally(() => {
      loaded = true;
    });
  await Promise.all([others, ...Array.from({ length: OWN_REQUESTS }, own)]);
}

async function measureLoad(
  { cluster }: ServingCluster,
  load: BenchSettings['loads'][number],
  clients: LoadProcess,
  metrics: () => Promise<PerWorker<ProcessMetrics>>,
): Promise<LoadReport> {
  let before: PerWorker<ProcessMetrics> | undefined;
  let after: PerWorker<ProcessMetrics> | undefined;
  const result = await clients.run(
    { cluster, model: MODEL_NAME, ...load },
    async () => {
      before = await metrics();
    },
    async () => {
      after = await metrics();
    },
  );
  return {
    clients: load.clients,
    requestSize: load.requestSize,
    meanBatch: result.meanBatch,
    digits: result.digits,
    digitsPerSecond: result.digits / result.seconds,
    request: result.request,
    workerCpuMsPerDigit: difference(before!, after!, ({ cpuSeconds }) => (1000 * cpuSeconds) / result.digits),
    clientCpuMsPerDigit: (1000 * result.cpuSeconds) / result.digits,
    accuracy: result.correct / result.digits,
  };
}

async function classifyFirst(
  client: PredictionClient,
  { all, labels }: Digits,
  { digits, requestSize }: NonNullable<BenchSettings['allDigits']>,
  signal: AbortSignal,
): Promise<AllDigitsReport> {
  const options = { requestSize, signal, timeoutMs: ALL_DIGITS_TIMEOUT_MS };
  const inputs = all.subarray(0, digits * IMAGE_SIZE);
  const { classes, timings } = await client.predict(MODEL_NAME, inputs, options);
  const correct = classes.filter((found, index) => found === labels[index]).length;
  return { digits, requestSize, seconds: timings.totalMs / 1000, accuracy: correct / digits };
}

async function measureSoak(
  points: readonly number[],
  predict: () => Promise<number>,
  resident: () => Promise<PerWorker<number>>,
  onStage: (what: string) => void,
): Promise<SoakReport> {
  const report: { digits: number; residentBytes: PerWorker<number> }[] = [];
  let done = 0;
  for (const point of points) {
    onStage(`memory, up to ${point} digits`);
    for (; done < point; done += SOAK_REQUEST) await predict();
    report.push({ digits: done, residentBytes: await resident() });
  }
  return { points: report };
}

/** A fast wrong answer is worth nothing: the first private class must be the plaintext one. */
async function checkAnswer(
  client: PredictionClient,
  plaintext: PlaintextModel,
  inputs: Float32Array,
): Promise<void> {
  const { classes } = await client.predict(MODEL_NAME, inputs);
  const plain = plaintext.predict(inputs);
  if (classes[0] !== plain.indexOf(Math.max(...plain))) {
    throw new TrivetError(
      'INTERNAL',
      'The workers and the plaintext model classify the first digit differently.',
    );
  }
}

function assertDeclared(recorder: StepRecorder, declared: PlanCost): void {
  const counted = recorder.steps();
  for (const [index, step] of declared.steps.entries()) {
    const found = counted[index];
    if (found?.rounds === step.rounds && String(found.bytesSent) === String(step.bytesSent)) continue;
    const what = `${step.rounds} rounds and ${step.bytesSent.join(', ')} bytes`;
    const instead = found ? `${found.rounds} and ${found.bytesSent.join(', ')}` : 'nothing';
    throw new TrivetError(
      'INTERNAL',
      `Step "${step.name}" declares ${what} and the workers counted ${instead}.`,
    );
  }
}

function perWorker<T>(values: PerWorker<T>, pick: (value: T) => number): PerWorker<number> {
  return [pick(values[0]), pick(values[1]), pick(values[2])];
}

/** pick is linear. */
function difference<T>(
  before: PerWorker<T>,
  after: PerWorker<T>,
  pick: (value: T) => number,
): PerWorker<number> {
  const [a, b] = [perWorker(before, pick), perWorker(after, pick)];
  return [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
}
