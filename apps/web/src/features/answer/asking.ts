/**
 * Asks the workers about the digit at hand: when the pen rests or is lifted, or on demand; a new stroke calls it off.
 *
 * It follows the store itself and not through React: a question leaves in the very task in which the pen is lifted,
 * before anything is rendered.
 */
import { TrivetError } from '@trivet/shared-types';
import type { Engine } from '../../compute/engine.js';
import { type AppState, useAppStore } from '../../stores/app-store.js';
import type { Digit } from '../../stores/digit-slice.js';
import { selectAllReady, selectModel } from '../../stores/workers-slice.js';

/** A pen that rests for so long in a stroke is asked about; one that is lifted, at once. */
const REST_MS = 150;
const TIMEOUT_MS = 15_000;
/** After these the same question may well be answered once the workers are back. */
const PASSING = new Set(['UNAVAILABLE', 'ABORTED', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED']);

/** All that a question depends on: when one of these changes it is another question. */
interface Question {
  readonly digit: Digit | null;
  readonly attempt: number;
  readonly automatic: boolean;
  readonly model: string | null;
  /** Questions in the middle of a stroke would use up what the owner has allowed. */
  readonly unlimited: boolean;
  readonly connecting: boolean;
}

function questionOf(state: AppState): Question {
  const model = selectModel(state);
  return {
    digit: state.digit,
    attempt: state.attempt,
    automatic: state.predictAutomatically,
    model: model?.name ?? null,
    unlimited: model?.requestLimit === null,
    connecting: state.workers === null,
  };
}

function isSame(a: Question, b: Question): boolean {
  return (Object.keys(a) as (keyof Question)[]).every((key) => a[key] === b[key]);
}

/** Asks from now on. @returns a function that ends it, and the question that is under way */
export function keepAsking(engine: Pick<Engine, 'predict'>): () => void {
  const { getState, subscribe } = useAppStore;
  let question = questionOf(getState());
  let ready = selectAllReady(getState());
  let callOff = () => {};

  const ask = (isWish: boolean) => {
    callOff();
    const { digit, automatic, connecting, unlimited, model } = question;
    if (connecting || digit === null) return;
    if (!digit.complete && !unlimited) return;
    if (!automatic && !isWish) return;
    callOff = digit.complete
      ? begin(engine, digit, model)
      : after(REST_MS, () => {
          callOff = begin(engine, digit, model);
        });
  };

  // Always of the newest state: what is told of a change may be older than one that a listener has made meanwhile.
  const follow = () => {
    const state = getState();
    const next = questionOf(state);
    const wasReady = ready;
    ready = selectAllReady(state);
    if (!isSame(question, next)) {
      const before = question;
      question = next;
      ask(next.attempt !== before.attempt);
      if (next.digit === null && before.digit !== null) getState().forgetAnswer();
    }
    // A failure that has passed is not left for the visitor to clear away.
    const { phase, failure, askAgain } = getState();
    if (ready && !wasReady && phase === 'failed' && failure !== null && PASSING.has(failure.code)) askAgain();
  };

  ask(false);
  const unsubscribe = subscribe(follow);
  return () => {
    unsubscribe();
    callOff();
  };
}

function after(milliseconds: number, work: () => void): () => void {
  const timer = setTimeout(work, milliseconds);
  return () => clearTimeout(timer);
}

/** @returns a function that calls the question off: what is answered then is not heard any more */
function begin(engine: Pick<Engine, 'predict'>, digit: Digit, model: string | null): () => void {
  const { beginPrediction, finishPrediction, traceAnswer, failPrediction } = useAppStore.getState();
  const controller = new AbortController();
  const { signal } = controller;
  let isAnswered = false;
  let isOver = false;
  const traced =
    model === null
      ? Promise.reject(whyNoModel())
      : engine.predict({ model, pixels: digit.pixels, timeoutMs: TIMEOUT_MS }, signal, (prediction) => {
          if (signal.aborted) return;
          isAnswered = true;
          finishPrediction({ prediction, digit });
        });
  beginPrediction();
  traced.then(
    (prediction) => {
      if (!signal.aborted) traceAnswer({ prediction, digit });
    },
    (error: TrivetError) => {
      if (!isOver) failPrediction(error.toBody());
    },
  );
  return () => {
    if (isOver) return;
    isOver = true;
    // What belongs to an answer that is shown still comes.
    if (isAnswered) return;
    controller.abort();
    const { phase, cancelPrediction } = useAppStore.getState();
    if (phase === 'running') cancelPrediction();
  };
}

/** Why there is nothing to ask, from what the workers report. */
function whyNoModel(): TrivetError {
  const { workers, models } = useAppStore.getState();
  const away = (workers ?? []).filter((worker) => !worker.reachable);
  if (away.length > 1) {
    const names = new Intl.ListFormat('en').format(away.map((worker) => worker.name));
    return new TrivetError('UNAVAILABLE', `${names} cannot be reached. Are they running?`);
  }
  if (away[0]) return new TrivetError('UNAVAILABLE', away[0].problem ?? 'It is away.', away[0].name);
  if (models.length === 0) {
    return new TrivetError(
      'UNAUTHENTICATED',
      'The workers show this page no model: each needs a token, or none is shared yet with `trivet share`.',
    );
  }
  const idle = models.find((one) => one.takesDigits);
  return idle
    ? new TrivetError(
        'FAILED_PRECONDITION',
        `The model "${idle.name}" is shared but not served: its owner starts that with \`trivet serve ${idle.name}\`.`,
      )
    : new TrivetError(
        'NOT_FOUND',
        'The workers hold no model that reads digits: share one with `trivet share`.',
      );
}
