/**
 * What a protocol's time becomes on a slower line: what is waited for on the way is what mpc-core's cost model counts,
 * everything else, computing and handing over, stays as it was measured.
 */
import { roundTripsOf } from '@trivet/mpc-core';

export interface Measured {
  /** Of the page: sharing and adding up. */
  readonly clientMs: number;
  /** From the first byte sent to the last reply. */
  readonly networkMs: number;
  readonly rounds: number;
}

/** @param roundTripMs between any two machines when it was measured */
export function workOf({ networkMs, rounds }: Measured, roundTripMs: number): number {
  return Math.max(0, networkMs - roundTripsOf(rounds) * roundTripMs);
}

/** Milliseconds of one prediction with round trips of `roundTripMs`. */
export function predictMs(measured: Measured, workMs: number, roundTripMs: number): number {
  return measured.clientMs + workMs + roundTripsOf(measured.rounds) * roundTripMs;
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
