/** Asks about one digit in the clear and under each protocol, several times each. */
import { type ErrorBody, type ProtocolName, TrivetError } from '@trivet/shared-types';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useEngine } from '../../app/engine-context.js';
import type { Engine } from '../../compute/engine.js';
import type { ModelSummary, PredictionView } from '../../compute/worker/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import type { Check, Comparison, ProtocolResult } from '../../stores/compare-slice.js';
import { medianOf, predictMs } from './latency-model.js';

/** Counted runs of each protocol; one more before them warms up. */
export const RUNS = 6;
const TIMEOUT_MS = 30_000;
/** About half a minute of reports. */
const RECENT_MOMENTS = 30;

export interface ComparisonActions {
  /** What is being measured; null when nothing is. */
  readonly running: string | null;
  run(model: ModelSummary, pixels: Uint8Array): void;
  /** What was measured until then stays. */
  cancel(): void;
}

export function useComparison(): ComparisonActions {
  const engine = useEngine();
  const [running, setRunning] = useState<string | null>(null);
  const current = useRef(new AbortController());
  const cancel = useCallback(() => {
    current.current.abort();
    setRunning(null);
  }, []);
  useEffect(() => () => current.current.abort(), []);

  const run = useCallback(
    (model: ModelSummary, pixels: Uint8Array) => {
      if (engine === null) return;
      current.current.abort();
      current.current = new AbortController();
      const { signal } = current.current;
      void compare(engine, model, pixels, signal, setRunning).finally(() => {
        if (!signal.aborted) setRunning(null);
      });
    },
    [engine],
  );
  return { running, run, cancel };
}

async function compare(
  engine: Engine,
  model: ModelSummary,
  pixels: Uint8Array,
  signal: AbortSignal,
  onBegin: (words: string) => void,
): Promise<void> {
  const { comparison: last, setComparison } = useAppStore.getState();
  const before = last?.model === model.name && last.version === model.version ? last : null;
  const { name, version } = model;
  let sofar: Comparison = {
    model: name,
    version,
    plaintext: null,
    results: [],
    roundTripMs: roundTripNow(),
  };
  const add = (more: Partial<Comparison>) => {
    if (signal.aborted) return;
    sofar = { ...sofar, ...more };
    setComparison(sofar);
  };
  add({});
  onBegin('in the clear');
  add({ plaintext: await engine.plaintext({ model: name, pixels }).catch(bodyOf) });
  for (const protocol of model.protocols) {
    if (signal.aborted) return;
    onBegin(protocol);
    const ask = () => engine.predict({ model: name, pixels, protocol, timeoutMs: TIMEOUT_MS }, signal);
    const result = await measure(ask, protocol, sofar.roundTripMs, before).catch((error: unknown) => ({
      protocol,
      failure: bodyOf(error),
    }));
    add({ results: [...sofar.results, result] });
  }
}

async function measure(
  ask: () => Promise<PredictionView>,
  protocol: ProtocolName,
  roundTripMs: number,
  before: Comparison | null,
): Promise<ProtocolResult> {
  // Warms up: what a protocol deals ahead, and what is compiled on first use.
  await ask();
  const runs: PredictionView[] = [];
  for (let count = 0; count < RUNS; count++) runs.push(await ask());
  const last = runs.at(-1)!;
  const queued = runs.map(queueMsOf);
  const ready = runs.map((run, index) => run.timings.totalMs - queued[index]!);
  const rounds = Math.max(...last.workers.map((worker) => worker.rounds));
  return {
    protocol,
    answer: last.classes[0]!,
    logits: last.logits === null ? null : [...last.logits],
    totalMs: medianOf(runs.map((run) => run.timings.totalMs)),
    queueMs: medianOf(queued),
    readyMs: medianOf(ready),
    rounds,
    workerBytes: sum(last.workers.map((worker) => worker.bytesSent)),
    clientBytes: sum(last.sentBytes) + sum(last.receivedBytes),
    check: checkOf(ready, { protocol, rounds, roundTripMs }, before),
  };
}

/**
 * How long a question waited for its batch. The first worker's queue: what the others wait for is its proposal, which is on
 * its way.
 */
function queueMsOf({ workers, timings }: PredictionView): number {
  return Math.min(workers[0].queueMs, timings.totalMs);
}

/**
 * The prediction for these runs, and what they took. Where the protocol was compared before, perhaps when the line was
 * another one, that says what to expect of all of them; else the first half says it of the second.
 */
function checkOf(
  times: readonly number[],
  now: { readonly protocol: ProtocolName; readonly rounds: number; readonly roundTripMs: number },
  before: Comparison | null,
): Check {
  const { protocol, rounds, roundTripMs } = now;
  const then = before?.results.find((result) => result.protocol === protocol);
  if (before !== null && then !== undefined && 'readyMs' in then) {
    const measured = { readyMs: then.readyMs, rounds: then.rounds, roundTripMs: before.roundTripMs };
    return {
      predictedMs: predictMs(measured, roundTripMs),
      measuredMs: medianOf(times),
      fromRoundTripMs: before.roundTripMs,
    };
  }
  const half = times.length / 2;
  const measured = { readyMs: medianOf(times.slice(0, half)), rounds, roundTripMs };
  return {
    predictedMs: predictMs(measured, roundTripMs),
    measuredMs: medianOf(times.slice(half)),
    fromRoundTripMs: null,
  };
}

/**
 * The round trip of the slowest line between two workers: rounds wait for it. Of each line the quickest that was
 * reported lately counts: what is above it is waiting for a busy machine, not for the line.
 */
function roundTripNow(): number {
  const quickest = new Map<string, number>();
  for (const { workers } of useAppStore.getState().history.slice(-RECENT_MOMENTS)) {
    for (const [index, { roundTrips }] of workers.entries()) {
      for (const [peer, milliseconds] of Object.entries(roundTrips)) {
        const line = `${index} ${peer}`;
        quickest.set(line, Math.min(milliseconds, quickest.get(line) ?? milliseconds));
      }
    }
  }
  return Math.max(0, ...quickest.values());
}

function bodyOf(error: unknown): ErrorBody {
  return (
    error instanceof TrivetError ? error : new TrivetError('INTERNAL', (error as Error).message)
  ).toBody();
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
