/** One look at the three workers, whether or not they can all be reached. */
import { type Triple, type WorkerAddress, type WorkerView, watchWorkers } from '@trivet/client';
import { TrivetError } from '@trivet/shared-types';

/** The workers as soon as each has answered or failed, at the latest after the timeout. */
export function lookAtWorkers(
  workers: Triple<WorkerAddress>,
  clusterId: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Triple<WorkerView>> {
  return new Promise((resolve, reject) => {
    let latest: Triple<WorkerView>;
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      watch.close();
      if (signal.aborted) reject(new TrivetError('CANCELLED', 'Interrupted.'));
      else resolve(latest);
    };
    const timer = setTimeout(finish, timeoutMs);
    signal.addEventListener('abort', finish, { once: true });
    const watch = watchWorkers({ workers, clusterId }, (views) => {
      latest = views;
      if (views.every((view) => view.reachable || view.problem !== null)) setImmediate(finish);
    });
  });
}
