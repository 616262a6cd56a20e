/**
 * What a protocol's time becomes on another line: what is waited for on the way is what mpc-core's cost model counts,
 * everything else, computing and handing over, stays as it was measured.
 */
import { roundTripsOf } from '@trivet/mpc-core';

export interface Measured {
  /** From the question to the answer, without what it waited in the workers' queue. */
  readonly readyMs: number;
  readonly rounds: number;
  /** Between any two machines while it was measured. */
  readonly roundTripMs: number;
}

/** Milliseconds that the same prediction takes on a line with round trips of `roundTripMs`. */
export function predictMs({ readyMs, rounds, roundTripMs: then }: Measured, roundTripMs: number): number {
  // One digit after the other: each but the first was announced.
  const onTheWay = roundTripsOf(rounds, true);
  // A line can be quicker than the round trip that was reported of it: what is left for computing is never less than nothing.
  return Math.max(0, readyMs - onTheWay * then) + onTheWay * roundTripMs;
}

/** How much longer than predicted it took: 0.1 for a tenth, negative for less. */
export function deviationOf(predictedMs: number, measuredMs: number): number {
  return predictedMs === 0 ? 0 : measuredMs / predictedMs - 1;
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
