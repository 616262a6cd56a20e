/** One digit in the clear and under each protocol: what was measured last. It stays while other pages are looked at. */
import type { ErrorBody, ProtocolName } from '@trivet/shared-types';
import type { PlaintextView } from '../compute/worker/messages.js';
import type { SetSlice } from './slice.js';

/** A prediction made before its measurement, and the measurement; both of a question that waits in no queue. */
export interface Check {
  readonly predictedMs: number;
  readonly measuredMs: number;
  /** Round trip that the prediction was made on, when that was a comparison before this one; null for this one's own first runs. */
  readonly fromRoundTripMs: number | null;
}

export interface ProtocolResult {
  readonly protocol: ProtocolName;
  readonly answer: number;
  /** Null where the model reveals classes only. */
  readonly logits: readonly number[] | null;
  /** Median of the runs, from the question to the answer. */
  readonly totalMs: number;
  /** Median of what they waited in the queue of the workers: under `fss` for what is dealt ahead, when none of it is ready. */
  readonly queueMs: number;
  /** Median of the runs without that: of one question for which all is ready. */
  readonly readyMs: number;
  readonly rounds: number;
  readonly workerBytes: number;
  readonly clientBytes: number;
  readonly check: Check;
}

export interface ProtocolFailure {
  readonly protocol: ProtocolName;
  readonly failure: ErrorBody;
}

export interface Comparison {
  readonly model: string;
  readonly version: number;
  /** Null until it is there. */
  readonly plaintext: PlaintextView | ErrorBody | null;
  readonly results: readonly (ProtocolResult | ProtocolFailure)[];
  /** Round trip between two workers while it was measured. */
  readonly roundTripMs: number;
}

export interface CompareSlice {
  readonly comparison: Comparison | null;
  setComparison(comparison: Comparison): void;
}

export const createCompareSlice = (set: SetSlice<CompareSlice>): CompareSlice => ({
  comparison: null,
  setComparison: (comparison) => set({ comparison }),
});
