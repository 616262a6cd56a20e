/** Asks about one digit in the clear and under each protocol, several times each. */
import { type ErrorBody, type ProtocolName, TrivetError } from '@trivet/shared-types';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useEngine } from '../../app/engine-context.js';
import type { Engine } from '../../compute/engine.js';
import type { ModelSummary, PlaintextView, PredictionView } from '../../compute/worker/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import { type Measured, medianOf, predictMs, workOf } from './latency-model.js';

/** Half of them make the prediction, the other half check it. */
const RUNS = 6;
const TIMEOUT_MS = 30_000;
/** About half a minute of reports. */
const RECENT_MOMENTS = 30;

export interface ProtocolResult extends Measured {
  readonly protocol: ProtocolName;
  readonly answer: number;
  /** Null where the model reveals classes only. */
  readonly logits: readonly number[] | null;
  readonly totalMs: number;
  readonly workerBytes: number;
  readonly clientBytes: number;
  readonly workMs: number;
  /** For the second half of the runs, from the first half. */
  readonly predictedMs: number;
  readonly checkedMs: number;
}

export interface Comparison {
  readonly plaintext: PlaintextView | ErrorBody | null;
  readonly results: readonly (
    | ProtocolResult
    | { readonly protocol: ProtocolName; readonly failure: ErrorBody }
  )[];
  /** Round trip between two workers while it was measured. */
  readonly roundTripMs: number;
}

export interface ComparisonState {
  readonly comparison: Comparison | null;
  /** What is being measured; null when nothing is. */
  readonly running: string | null;
  run(model: ModelSummary, pixels: Uint8Array): void;
}

export function useComparison(): ComparisonState {
  const engine = useEngine();
  const [comparison, setComparison] = useState<Comparison | null>(null);
  const [running, setRunning] = useState<string | null>(null);
  const current = useRef(new AbortController());
  useEffect(() => () => current.current.abort(), []);

  const run = useCallback(
    (model: ModelSummary, pixels: Uint8Array) => {
      if (engine === null) return;
      current.current.abort();
      const controller = new AbortController();
      current.current = controller;
      const { signal } = controller;
      const show = (words: string | null) => !signal.aborted && setRunning(words);
      const measure = async () => {
        let sofar: Comparison = { plaintext: null, results: [], roundTripMs: roundTripNow() };
        setComparison(sofar);
        show('in the clear');
        const plaintext = await engine.plaintext({ model: model.name, pixels }).catch(bodyOf);
        sofar = { ...sofar, plaintext };
        if (!signal.aborted) setComparison(sofar);
        for (const protocol of model.protocols) {
          if (signal.aborted) return;
          show(protocol);
          const result = await measureProtocol(engine, model, pixels, protocol, signal).catch(
            (error: unknown) => ({
              protocol,
              failure: bodyOf(error),
            }),
          );
          sofar = { ...sofar, results: [...sofar.results, result] };
          if (!signal.aborted) setComparison(sofar);
        }
      };
      void measure().finally(() => show(null));
    },
    [engine],
  );
  return { comparison, running, run };
}

async function measureProtocol(
  engine: Engine,
  model: ModelSummary,
  pixels: Uint8Array,
  protocol: ProtocolName,
  signal: AbortSignal,
): Promise<ProtocolResult> {
  const ask = () => engine.predict({ model: model.name, pixels, protocol, timeoutMs: TIMEOUT_MS }, signal);
  // Warms up: what a protocol deals ahead, and what is compiled on first use.
  await ask();
  const runs: PredictionView[] = [];
  for (let count = 0; count < RUNS; count++) runs.push(await ask());
  const [first, second] = [runs.slice(0, RUNS / 2), runs.slice(RUNS / 2)];
  const fitted = measuredOf(first);
  const roundTripMs = roundTripNow();
  const all = measuredOf(runs);
  const last = runs.at(-1)!;
  return {
    ...all,
    protocol,
    answer: last.classes[0]!,
    logits: last.logits === null ? null : [...last.logits],
    totalMs: medianOf(runs.map((run) => run.timings.totalMs)),
    workerBytes: sum(last.workers.map((worker) => worker.bytesSent)),
    clientBytes: sum(last.sentBytes) + sum(last.receivedBytes),
    workMs: workOf(all, roundTripMs),
    predictedMs: predictMs(fitted, workOf(fitted, roundTripMs), roundTripMs),
    checkedMs: medianOf(second.map((run) => run.timings.totalMs)),
  };
}

function measuredOf(runs: readonly PredictionView[]): Measured {
  return {
    clientMs: medianOf(runs.map(({ timings }) => timings.shareMs + timings.reconstructMs)),
    networkMs: medianOf(runs.map(({ timings }) => timings.networkMs)),
    rounds: Math.max(...runs[0]!.workers.map((worker) => worker.rounds)),
  };
}

/**
 * The quickest round trip between workers that they have reported lately: what is above it is waiting for a busy
 * machine, not for the line.
 */
function roundTripNow(): number {
  const recent = useAppStore.getState().history.slice(-RECENT_MOMENTS);
  const known = recent.flatMap(({ workers }) =>
    workers.flatMap(({ roundTrips }) => Object.values(roundTrips)),
  );
  return known.length === 0 ? 0 : Math.min(...known);
}

function bodyOf(error: unknown): ErrorBody {
  return (
    error instanceof TrivetError ? error : new TrivetError('INTERNAL', (error as Error).message)
  ).toBody();
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
