/** Deadlines and cancellation, joined into one AbortSignal whose reason is the error to throw. */
import { TrivetError } from '@trivet/shared-types';

export interface Deadline {
  /** Aborts when the time is up (DEADLINE_EXCEEDED) or the caller's signal does (CANCELLED). */
  readonly signal: AbortSignal;
  /** Whole milliseconds left, at least 1. @throws TrivetError when the signal has aborted */
  remainingMs(): number;
  /** Releases the timer and the listener. Call it when the work is done, however it ended. */
  close(): void;
}

/** @param what begins the error's sentence, for example "The prediction" */
export function openDeadline(timeoutMs: number, what: string, outer?: AbortSignal): Deadline {
  const controller = new AbortController();
  const end = performance.now() + timeoutMs;
  const expire = () =>
    controller.abort(new TrivetError('DEADLINE_EXCEEDED', `${what} took longer than ${timeoutMs} ms.`));
  const cancel = () => controller.abort(new TrivetError('CANCELLED', `${what} was cancelled.`));
  const timer = setTimeout(expire, timeoutMs);
  if (outer?.aborted) cancel();
  outer?.addEventListener('abort', cancel, { once: true });
  return {
    signal: controller.signal,
    remainingMs() {
      throwIfAborted(controller.signal);
      return Math.max(1, Math.floor(end - performance.now()));
    },
    close() {
      clearTimeout(timer);
      outer?.removeEventListener('abort', cancel);
    },
  };
}

/** The error that a signal stands for. */
export function abortError(signal: AbortSignal): TrivetError {
  return signal.reason instanceof TrivetError
    ? signal.reason
    : new TrivetError('CANCELLED', 'The operation was cancelled.');
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

/** Waits, or rejects as soon as the signal aborts. */
export function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortError(signal));
    const stop = () => {
      clearTimeout(timer);
      reject(abortError(signal));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });
}
