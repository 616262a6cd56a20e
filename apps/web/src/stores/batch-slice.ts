/** Many pictures at once: what was read, what is answered so far, and how the run ended. */
import type { ErrorBody } from '@trivet/shared-types';
import {
  type BatchAnswers,
  type BatchPictures,
  type BatchSummary,
  NO_LABEL,
} from '../compute/batch/messages.js';
import type { SetSlice } from './slice.js';

/** Filled in as the answers come; one entry a picture. */
export interface BatchResults {
  /** {@link UNANSWERED} until there is an answer. */
  readonly classes: Uint8Array;
  readonly confidences: Float32Array;
  /** 10 a picture. */
  readonly logits: Float32Array;
}

export const UNANSWERED = 255;

export type BatchPhase = 'empty' | 'reading' | 'ready' | 'running' | 'done' | 'cancelled' | 'failed';

export interface BatchSlice {
  readonly batchPhase: BatchPhase;
  readonly batchReading: { readonly read: number; readonly of: number } | null;
  readonly batchPictures: BatchPictures | null;
  readonly batchResults: BatchResults | null;
  /** Pictures answered; a change of it says that the results have changed. */
  readonly batchDone: number;
  /** Milliseconds of the run so far, as of the last answer. */
  readonly batchElapsedMs: number;
  readonly batchSummary: BatchSummary | null;
  readonly batchFailure: ErrorBody | null;
  beginReading(): void;
  tellReading(progress: { readonly read: number; readonly of: number }): void;
  setPictures(pictures: BatchPictures): void;
  beginBatch(): void;
  addAnswers(answers: BatchAnswers, elapsedMs: number): void;
  finishBatch(summary: BatchSummary): void;
  /** Reading or running was cancelled: what was answered stays. */
  cancelBatch(): void;
  failBatch(failure: ErrorBody): void;
}

const NOTHING = {
  batchResults: null,
  batchDone: 0,
  batchElapsedMs: 0,
  batchSummary: null,
  batchFailure: null,
};

export const createBatchSlice = (set: SetSlice<BatchSlice>): BatchSlice => ({
  batchPhase: 'empty',
  batchReading: null,
  batchPictures: null,
  ...NOTHING,
  beginReading: () => set({ ...NOTHING, batchPhase: 'reading', batchReading: null, batchPictures: null }),
  tellReading: (batchReading) => set({ batchReading }),
  setPictures: (batchPictures) => set({ ...NOTHING, batchPhase: 'ready', batchPictures }),
  beginBatch: () =>
    set(({ batchPictures }) => {
      const count = batchPictures?.count ?? 0;
      const batchResults = {
        classes: new Uint8Array(count).fill(UNANSWERED),
        confidences: new Float32Array(count),
        logits: new Float32Array(10 * count),
      };
      return { ...NOTHING, batchPhase: 'running', batchResults };
    }),
  addAnswers: ({ from, count, classes, confidences, logits }, batchElapsedMs) =>
    set(({ batchResults, batchDone }) => {
      batchResults?.classes.set(classes, from);
      batchResults?.confidences.set(confidences, from);
      batchResults?.logits.set(logits, 10 * from);
      return { batchDone: batchDone + count, batchElapsedMs };
    }),
  finishBatch: (batchSummary) => set({ batchPhase: 'done', batchSummary }),
  cancelBatch: () =>
    set(({ batchPhase }) => {
      if (batchPhase === 'reading') return { batchPhase: 'empty' };
      return batchPhase === 'running' ? { batchPhase: 'cancelled' } : {};
    }),
  failBatch: (batchFailure) => set({ batchPhase: 'failed', batchFailure }),
});

export interface Score {
  /** Pictures that are answered and have a label. */
  readonly judged: number;
  readonly correct: number;
  /** [label * 10 + answer]. */
  readonly confusion: readonly number[];
  /** Indices of the pictures that were read wrongly, in order. */
  readonly wrong: readonly number[];
}

/** How good the answers are, as far as labels are known. */
export function scoreOf(labels: Uint8Array | null, results: BatchResults | null): Score {
  const confusion = new Array<number>(100).fill(0);
  const wrong: number[] = [];
  let judged = 0;
  results?.classes.forEach((answer, index) => {
    const label = labels?.[index] ?? NO_LABEL;
    if (answer === UNANSWERED || label === NO_LABEL) return;
    judged++;
    confusion[label * 10 + answer]!++;
    if (answer !== label) wrong.push(index);
  });
  return { judged, correct: judged - wrong.length, confusion, wrong };
}
