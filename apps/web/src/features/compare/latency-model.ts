/**
 * What a protocol's time becomes on a slower line: every round waits once for a message, which takes half a round trip,
 * and the page's own question and answer take a whole one. Everything else, computing and handing over, stays.
 */

export interface Measured {
  /** Of the page: sharing and adding up. */
  readonly clientMs: number;
  /** From the first byte sent to the last reply. */
  readonly networkMs: number;
  readonly rounds: number;
}

/** @param roundTripMs between any two machines when it was measured */
export function workOf({ networkMs, rounds }: Measured, roundTripMs: number): number {
  return Math.max(0, networkMs - waits(rounds) * roundTripMs);
}

/** Milliseconds of one prediction with round trips of `roundTripMs`. */
export function predictMs(measured: Measured, workMs: number, roundTripMs: number): number {
  return measured.clientMs + workMs + waits(measured.rounds) * roundTripMs;
}

/** Round trips that a prediction waits for. */
function waits(rounds: number): number {
  return 1 + rounds / 2;
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
