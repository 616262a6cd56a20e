/** What a soak found, and which of its bounds it broke. */
import type { ProtocolName } from '@trivet/shared-types';
import type { FaultKind } from '../faults/faults.js';
import { refusedTotal, type Tally } from '../load/tally.js';
import { MOST_GROWTH, MOST_RECOVERY_MS } from './settings.js';

type PerWorker<T> = readonly [T, T, T] | T[];

export interface InjectedFault {
  readonly kind: FaultKind;
  readonly worker: string;
  readonly atSeconds: number;
  readonly seconds: number;
  /** Whether the owner was changing what is served at the time, and how that ended. */
  readonly change: string | null;
  /** From the end of the fault to the first right answer to a request that began after it; null: none came in time. */
  readonly recoveryMs: number | null;
}

export interface SoakReport {
  readonly protocol: ProtocolName;
  readonly seed: number;
  readonly minutes: number;
  /** Requests a second that were answered with no pause between them, before the first fault. */
  readonly capacity: number;
  readonly load: number;
  readonly tally: Tally;
  readonly faults: readonly InjectedFault[];
  /** Bytes; from the middle of the run when it is too short for five minutes. */
  readonly memory: {
    readonly settledAtSeconds: number;
    readonly settled: PerWorker<number | null>;
    readonly end: PerWorker<number | null>;
    /** Whether the bound on growth was held against it. */
    readonly bounded: boolean;
  };
  /** Workers that ended without having been told to. */
  readonly crashes: readonly string[];
  /** What the workers still hold when nobody asks any more. */
  readonly left: readonly string[];
}

/** A sentence for each bound that is broken. */
export function brokenBounds(report: SoakReport): string[] {
  const { tally, faults, memory, crashes, left } = report;
  const broken: string[] = [];
  if (tally.right === 0) broken.push('No request was answered rightly.');
  if (tally.wrong > 0) broken.push(`${tally.wrong} answers were wrong, or no coded error.`);
  if (tally.hung > 0) broken.push(`${tally.hung} requests hung.`);
  for (const { kind, worker, atSeconds, recoveryMs } of faults) {
    if (recoveryMs !== null && recoveryMs <= MOST_RECOVERY_MS) continue;
    const when = `After "${kind}" of ${worker} at ${Math.round(atSeconds)} s`;
    broken.push(`${when} nothing was answered within ${MOST_RECOVERY_MS / 1000} s.`);
  }
  for (const sentence of crashes) broken.push(sentence);
  for (const sentence of left) broken.push(sentence);
  memory.end.forEach((bytes, worker) => {
    const before = memory.settled[worker];
    if (!memory.bounded || bytes == null || before == null || bytes <= before * (1 + MOST_GROWTH)) return;
    broken.push(`Worker ${worker} grew from ${megabytes(before)} to ${megabytes(bytes)} MB.`);
  });
  return broken;
}

/** The line of JSON at the end. */
export function jsonLine(report: SoakReport): object {
  const { tally, faults, memory, capacity, load, left, crashes, ...rest } = report;
  const injected: Record<string, number> = {};
  for (const { kind } of faults) injected[kind] = (injected[kind] ?? 0) + 1;
  const recoveries = faults.flatMap(({ recoveryMs }) => (recoveryMs === null ? [] : [recoveryMs]));
  const whole = (value: number | null) => (value === null ? null : Math.round(value));
  return {
    ...rest,
    capacity: round(capacity),
    load: round(load),
    requests: tally.requests,
    right: tally.right,
    refused: tally.refused,
    wrong: tally.wrong,
    hung: tally.hung,
    longest_ms: whole(tally.longestMs),
    memory_mb: {
      settled_at_s: whole(memory.settledAtSeconds),
      settled: memory.settled.map((bytes) => bytes && megabytes(bytes)),
      end: memory.end.map((bytes) => bytes && megabytes(bytes)),
    },
    faults: injected,
    changes: faults.filter(({ change }) => change !== null).length,
    recovery_ms: {
      median: whole(recoveries.sort((left, right) => left - right)[recoveries.length >> 1] ?? null),
      longest: whole(recoveries.at(-1) ?? null),
    },
    crashes: crashes.length,
    left: left.length,
    passed: brokenBounds(report).length === 0,
  };
}

/** For people. */
export function formatSoak(report: SoakReport): string {
  const { tally, faults, memory, capacity, load, minutes, seed, protocol } = report;
  const codes = Object.entries(tally.refused).sort(([, left], [, right]) => right - left);
  const lines = [
    `Soak of ${minutes} min, ${protocol}, seed ${seed}`,
    `  capacity ${round(capacity)} requests/s, load ${round(load)} requests/s`,
    `  ${tally.requests} requests: ${tally.right} right, ${refusedTotal(tally)} refused, ${tally.wrong} wrong, ${tally.hung} hung; the longest took ${Math.round(tally.longestMs)} ms`,
    `  refused: ${codes.map(([code, count]) => `${code} ${count}`).join(', ') || 'none'}`,
    `  memory, MB: ${memory.settled.map((bytes, worker) => `${mb(bytes)} → ${mb(memory.end[worker] ?? null)}`).join(', ')} (from ${Math.round(memory.settledAtSeconds)} s to the end)`,
    '  faults:',
  ];
  for (const fault of faults) {
    const back =
      fault.recoveryMs === null
        ? 'no answer in time'
        : `answered again after ${Math.round(fault.recoveryMs)} ms`;
    const change = fault.change === null ? '' : `, during a change of version (${fault.change})`;
    lines.push(
      `    ${Math.round(fault.atSeconds)} s: ${fault.kind}, ${fault.worker}, ${fault.seconds.toFixed(1)} s${change}: ${back}`,
    );
  }
  return lines.join('\n');
}

function mb(bytes: number | null): string {
  return bytes === null ? '?' : String(megabytes(bytes));
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
