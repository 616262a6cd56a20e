/** Waits until three workers run and see each other. */
import { type Triple, type WorkerView, watchWorkers } from '@trivet/client';
import { type Cluster, TrivetError } from '@trivet/shared-types';
import type { WorkerExit } from './worker-process.js';

export interface ReadyOptions {
  /** Null: as long as it takes. */
  readonly timeoutMs: number | null;
  readonly signal?: AbortSignal | undefined;
  /** Whoever starts the workers tells these when one ends; that ends the waiting. */
  readonly crashListeners: Set<(exit: WorkerExit) => void>;
  /** Told who is missing, at first and whenever that changes. */
  readonly onMissing?: (workers: readonly WorkerView[]) => void;
}

/** @throws TrivetError UNAVAILABLE naming who is not ready, or has ended; CANCELLED */
export function waitUntilReady(cluster: Cluster, options: ReadyOptions): Promise<void> {
  const { timeoutMs, signal, crashListeners, onMissing } = options;
  return new Promise((resolve, reject) => {
    let missing: readonly WorkerView[] = [];
    let told: string | undefined;
    const end = (finish: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      crashListeners.delete(onCrash);
      watch?.close();
      finish();
    };
    const late = () => {
      const names = new Intl.ListFormat('en').format(missing.map((view) => `"${view.name}"`));
      end(() => reject(new TrivetError('UNAVAILABLE', `Not ready after ${timeoutMs} ms: ${names}.`)));
    };
    const cancel = () =>
      end(() => reject(new TrivetError('CANCELLED', 'Starting the workers was cancelled.')));
    const timer = timeoutMs === null ? undefined : setTimeout(late, timeoutMs);
    signal?.addEventListener('abort', cancel, { once: true });
    const onCrash = (exit: WorkerExit) => {
      const how = exit.signal ?? `exit code ${exit.code}`;
      const sentence = `Worker "${exit.name}" ended while it started (${how}): ${exit.lastWords}`;
      end(() => reject(new TrivetError('UNAVAILABLE', sentence, exit.name)));
    };
    crashListeners.add(onCrash);
    let watch: { close(): void } | undefined;
    const look = (views: Triple<WorkerView>) => {
      missing = views.filter((view) => !view.reachable || !view.status?.ready);
      if (missing.length === 0) setImmediate(() => end(resolve));
      // Before the first attempts have ended nobody is known to be missing.
      if (views.some((view) => !view.reachable && view.problem === null)) return;
      const away = missing.filter((view) => !view.reachable);
      const names = away.map((view) => view.name).join();
      if (away.length > 0 && names !== told) onMissing?.(away);
      told = names;
    };
    watch = watchWorkers(cluster, look);
  });
}
