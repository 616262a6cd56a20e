/** The answer to the digit at hand, and the one before it while a new one is on its way. */
import type { ErrorBody } from '@trivet/shared-types';
import type { PredictionAnswer, PredictionView } from '../compute/worker/messages.js';
import type { Digit } from './digit-slice.js';
import type { SetSlice } from './slice.js';

export interface Answer {
  readonly prediction: PredictionAnswer;
  /** What was sent, to be shown beside the noise. */
  readonly digit: Digit;
}

/** An answer with how it came about, which follows it by some frames. */
export interface TracedAnswer extends Answer {
  readonly prediction: PredictionView;
}

export interface AnswerSlice {
  readonly phase: 'idle' | 'running' | 'failed';
  /** The last answer; it stays while the next one is awaited, and after a failure. */
  readonly answer: Answer | null;
  /** The last answer of which all is there. */
  readonly traced: TracedAnswer | null;
  readonly failure: ErrorBody | null;
  /** Counts the wishes to ask again about the same digit. */
  readonly attempt: number;
  beginPrediction(): void;
  finishPrediction(answer: Answer): void;
  /** How an answer came about; nothing, when that was forgotten meanwhile. */
  traceAnswer(traced: TracedAnswer): void;
  failPrediction(failure: ErrorBody): void;
  /** The prediction was given up, by a new stroke or by clearing. */
  cancelPrediction(): void;
  forgetAnswer(): void;
  askAgain(): void;
}

export const createAnswerSlice = (set: SetSlice<AnswerSlice>): AnswerSlice => ({
  phase: 'idle',
  answer: null,
  traced: null,
  failure: null,
  attempt: 0,
  beginPrediction: () => set({ phase: 'running' }),
  finishPrediction: (answer) => set({ phase: 'idle', answer, failure: null }),
  traceAnswer: (traced) =>
    set(({ answer }) => (answer?.prediction.requestId === traced.prediction.requestId ? { traced } : {})),
  failPrediction: (failure) => set({ phase: 'failed', failure }),
  cancelPrediction: () => set(({ phase }) => ({ phase: phase === 'running' ? 'idle' : phase })),
  forgetAnswer: () => set({ phase: 'idle', answer: null, traced: null, failure: null }),
  askAgain: () => set(({ attempt }) => ({ attempt: attempt + 1 })),
});
