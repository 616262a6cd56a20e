/** Asks the workers about the digit at hand: when the pen rests or is lifted, or on demand; a new stroke calls it off. */
import { TrivetError } from '@trivet/shared-types';
import { useEffect, useRef } from 'react';
import { useEngine } from '../../app/engine-context.js';
import { useAppStore } from '../../stores/app-store.js';
import { selectAllReady, selectModel } from '../../stores/workers-slice.js';

/** A pen that rests for so long in a stroke is asked about; one that is lifted, at once. */
const REST_MS = 150;
const TIMEOUT_MS = 15_000;
/** After these the same question may well be answered once the workers are back. */
const PASSING = new Set(['UNAVAILABLE', 'ABORTED', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED']);

export function usePrediction(): void {
  const engine = useEngine();
  const digit = useAppStore((state) => state.digit);
  const attempt = useAppStore((state) => state.attempt);
  const automatic = useAppStore((state) => state.predictAutomatically);
  const model = useAppStore((state) => selectModel(state)?.name ?? null);
  // Questions in the middle of a stroke would use up what the owner has allowed.
  const unlimited = useAppStore((state) => selectModel(state)?.requestLimit === null);
  const ready = useAppStore(selectAllReady);
  const connecting = useAppStore((state) => state.workers === null);
  const lastAttempt = useRef(attempt);

  useEffect(() => {
    if (digit === null) useAppStore.getState().forgetAnswer();
  }, [digit]);

  useEffect(() => {
    const asked = attempt !== lastAttempt.current;
    lastAttempt.current = attempt;
    if (engine === null || connecting || digit === null) return;
    if (!digit.complete && !unlimited) return;
    if (!automatic && !asked) return;
    const { beginPrediction, finishPrediction, failPrediction } = useAppStore.getState();
    const controller = new AbortController();
    const ask = async () => {
      beginPrediction();
      try {
        if (model === null) throw whyNoModel();
        const prediction = await engine.predict(
          { model, pixels: digit.pixels, timeoutMs: TIMEOUT_MS },
          controller.signal,
        );
        if (!controller.signal.aborted) finishPrediction({ prediction, digit });
      } catch (error) {
        if (!controller.signal.aborted) failPrediction((error as TrivetError).toBody());
      }
    };
    const timer = setTimeout(ask, digit.complete ? 0 : REST_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
      useAppStore.getState().cancelPrediction();
    };
  }, [engine, connecting, digit, attempt, automatic, model, unlimited]);

  // A failure that has passed is not left for the visitor to clear away.
  useEffect(() => {
    const { phase, failure, askAgain } = useAppStore.getState();
    if (ready && phase === 'failed' && failure !== null && PASSING.has(failure.code)) askAgain();
  }, [ready]);
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
