/**
 * More requests than the workers can answer: what they answer then, how long that takes, and what becomes of the rest.
 * Requests come at random moments from people who do not wait for each other.
 */
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { compileModelFile, MNIST_INPUT_RANGE } from '@trivet/node';
import { type ProtocolName, TrivetError } from '@trivet/shared-types';
import { type RunningRequests, startRequests } from '../load/start-requests.js';
import { refusedTotal, since, type Tally } from '../load/tally.js';
import { MODEL_NAME, type ServingCluster, startServing } from './cluster.js';
import { type Summary, summarise } from './statistics.js';
import { type ProcessMetrics, readProcessMetrics } from './worker-metrics.js';

export interface OverloadOptions {
  readonly model: string;
  readonly protocol: ProtocolName;
  readonly seconds: number;
  /** Of the clients. */
  readonly throttling: boolean;
  readonly signal: AbortSignal;
  readonly onStage: (what: string) => void;
}

/** What was asked for during one stretch of time, and what became of it. */
export interface OverloadStage {
  /** Of the peak. */
  readonly factor: number;
  readonly timeoutMs: number;
  /** Requests a second that began; what was due and not begun, for the clients' process did not keep up, is in `tally`. */
  readonly offered: number;
  /** Goodput: right answers within their deadline, a second. */
  readonly answered: number;
  /** Milliseconds from when a request was due to its right answer; null when there was none. */
  readonly latency: Summary | null;
  readonly tally: Tally;
  /** Workers' CPU time of all that was asked for, milliseconds a second. */
  readonly workerCpuMs: readonly [number, number, number];
  readonly clientCpuMs: number;
  /** Largest that was seen. */
  readonly residentBytes: readonly [number, number, number];
}

export interface OverloadReport {
  readonly date: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly loadAverage: number };
  readonly protocol: ProtocolName;
  readonly throttling: boolean;
  /** Answers a second while so many requests are kept open. */
  readonly closed: readonly { readonly lanes: number; readonly answered: number }[];
  /** The largest of them. */
  readonly peak: number;
  readonly stages: readonly OverloadStage[];
}

const SEED = 1;
const CONNECTIONS = 48;
const LANES = [8, 32, 128] as const;
const WARM_UP_MS = 6000;
const STAGES = [
  { factor: 0.5, timeoutMs: 30_000 },
  { factor: 1, timeoutMs: 30_000 },
  { factor: 2, timeoutMs: 30_000 },
  { factor: 2, timeoutMs: 1000 },
  { factor: 4, timeoutMs: 30_000 },
] as const;
/** What is waiting when a stretch begins is not what it is about. */
const SETTLE_MS = 3000;
const READ_EVERY_MS = 500;
/** A worker that is asked for too much is asked for its metrics as well. */
const METRICS_MS = 60_000;

/** @throws TrivetError when the workers do not start or one ends; INTERNAL when an answer is wrong */
export async function overload(options: OverloadOptions): Promise<OverloadReport> {
  const { model, protocol, seconds, throttling, signal, onStage } = options;
  const [loadAverage] = loadavg() as [number];
  onStage('starting three workers');
  const { compiled } = await compileModelFile(model, MNIST_INPUT_RANGE);
  let crashed: TrivetError | undefined;
  const serving = await startServing({
    compiled,
    rttMs: 0,
    signal,
    onCrash: ({ name, lastWords }) => {
      crashed = new TrivetError('UNAVAILABLE', `Worker "${name}" ended: ${lastWords}`, name);
    },
  });
  let requests: RunningRequests | undefined;
  try {
    await serving.serve(protocol);
    requests = await startRequests({
      cluster: serving.cluster,
      model: MODEL_NAME,
      files: [model],
      images: 300,
      connections: CONNECTIONS,
      timeoutMs: 30_000,
      largeEvery: 1_000_000,
      largeDigits: 1,
      cancelEvery: 0,
      throttling,
      seed: SEED,
    });
    onStage('warming up');
    await requests.closed(32, WARM_UP_MS);
    const closed: { lanes: number; answered: number }[] = [];
    for (const lanes of LANES) {
      onStage(`${lanes} requests open at all times`);
      const { requestsPerSecond } = await requests.closed(lanes, seconds * 1000);
      closed.push({ lanes, answered: requestsPerSecond });
      onStage(`${requestsPerSecond.toFixed(0)} answers/s`);
    }
    const peak = Math.max(...closed.map(({ answered }) => answered));
    const stages: OverloadStage[] = [];
    for (const { factor, timeoutMs } of STAGES) {
      onStage(`${factor} times the peak, ${timeoutMs / 1000} s to answer`);
      stages.push(await measure(serving, requests, { factor, timeoutMs, peak }, options));
      const { offered, answered, latency } = stages.at(-1)!;
      const p99 = latency === null ? '—' : latency.p99.toFixed(0);
      onStage(`${offered.toFixed(0)} offered/s, ${answered.toFixed(0)} answers/s, p99 ${p99} ms`);
      if (crashed !== undefined) throw crashed;
    }
    const cpu = cpus()[0]?.model ?? 'unknown';
    return {
      date: new Date().toISOString(),
      machine: { cpu, cores: cpus().length, loadAverage },
      protocol,
      throttling,
      closed,
      peak,
      stages,
    };
  } catch (error) {
    throw signal.aborted ? new TrivetError('CANCELLED', 'Interrupted.') : (crashed ?? error);
  } finally {
    await requests?.stop();
    await serving.stop();
  }
}

async function measure(
  serving: ServingCluster,
  requests: RunningRequests,
  { factor, timeoutMs, peak }: { factor: number; timeoutMs: number; peak: number },
  { seconds, signal }: OverloadOptions,
): Promise<OverloadStage> {
  const read = () => Promise.all(serving.metricsUrls.map((url) => readProcessMetrics(url, METRICS_MS)));
  await requests.setRate(factor * peak, timeoutMs);
  await sleep(SETTLE_MS, undefined, { signal });
  const [before, cpuBefore] = [await requests.look(), await read()];
  const start = performance.now();
  const largest: [number, number, number] = [0, 0, 0];
  let cpuAfter: ProcessMetrics[] = cpuBefore;
  while (performance.now() - start < seconds * 1000) {
    await sleep(READ_EVERY_MS, undefined, { signal });
    cpuAfter = await read();
    cpuAfter.forEach(({ residentBytes }, worker) => {
      largest[worker] = Math.max(largest[worker]!, residentBytes);
    });
  }
  const after = await requests.look();
  const elapsed = (performance.now() - start) / 1000;
  await requests.setRate(0);
  while ((await requests.look()).open > 0) await sleep(100, undefined, { signal });
  const tally = since(before.tally, after.tally);
  if (tally.wrong > 0) throw new TrivetError('INTERNAL', `${tally.wrong} answers were wrong.`);
  const cpu = (worker: number) =>
    (1000 * (cpuAfter[worker]!.cpuSeconds - cpuBefore[worker]!.cpuSeconds)) / elapsed;
  return {
    factor,
    timeoutMs,
    offered: tally.requests / elapsed,
    answered: (tally.right - tally.late) / elapsed,
    latency: after.times.length === 0 ? null : summarise(after.times),
    tally,
    workerCpuMs: [cpu(0), cpu(1), cpu(2)],
    clientCpuMs: (1000 * (after.cpuSeconds - before.cpuSeconds)) / elapsed,
    residentBytes: largest,
  };
}

/** For people. */
export function formatOverload(report: OverloadReport): string {
  const { machine, closed, peak, stages, protocol, throttling } = report;
  const how = throttling ? '' : ', clients that do not throttle themselves';
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, load average before ${machine.loadAverage.toFixed(2)}; ${protocol}, requests of one digit${how}`,
    ...closed.map(({ lanes, answered }) => `  ${lanes} open at all times: ${answered.toFixed(0)} answers/s`),
    `  peak ${peak.toFixed(0)} answers/s`,
    '',
    '  load   deadline   offered/s   goodput/s   of peak   p50 ms   p95 ms   p99 ms   max ms   refused by clients, by workers',
  ];
  for (const stage of stages) {
    const { factor, timeoutMs, offered, answered, latency, tally, residentBytes, workerCpuMs, clientCpuMs } =
      stage;
    const ms = (value: number | undefined) => (value === undefined ? '—' : value.toFixed(0)).padStart(9);
    const refused = refusedTotal(tally);
    const codes = Object.entries(tally.refused).map(([code, count]) => `${code} ${count}`);
    const memory = residentBytes.map((bytes) => `${Math.round(bytes / 1e6)} MB`).join(', ');
    const cpu = `${workerCpuMs.map((used) => used.toFixed(0)).join(', ')}, clients ${clientCpuMs.toFixed(0)}`;
    lines.push(
      [
        `${factor} ×`.padStart(6),
        `${timeoutMs / 1000} s`.padStart(11),
        offered.toFixed(0).padStart(12),
        answered.toFixed(0).padStart(12),
        `${((100 * answered) / peak).toFixed(0)} %`.padStart(10),
        ms(latency?.p50),
        ms(latency?.p95),
        ms(latency?.p99),
        ms(latency?.max),
        `   ${tally.refusedHere}, ${refused - tally.refusedHere} of ${tally.requests}`,
      ].join(''),
      `          ${codes.join(', ') || 'none refused'}; ${tally.late} answers late, ${tally.dropped} requests not begun`,
      `          memory ${memory}; CPU ms/s of workers ${cpu}`,
    );
  }
  return lines.join('\n');
}
