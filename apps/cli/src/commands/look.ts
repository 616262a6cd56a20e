/** One look at the three workers, whether or not they can all be reached. */
import { type Triple, type WatchOptions, type WorkerView, watchWorkers } from '@trivet/client';
import { TrivetError } from '@trivet/shared-types';

/** The workers as soon as each has answered or failed, at the latest after the timeout. */
export function lookAtWorkers(
  options: WatchOptions,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Triple<WorkerView>> {
  return new Promise((resolve, reject) => {
    let latest: Triple<WorkerView>;
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      watch.close();
      if (signal.aborted) return reject(new TrivetError('CANCELLED', 'Interrupted.'));
      const [first, second, third] = latest;
      resolve([withProblem(first, timeoutMs), withProblem(second, timeoutMs), withProblem(third, timeoutMs)]);
    };
    const timer = setTimeout(finish, timeoutMs);
    signal.addEventListener('abort', finish, { once: true });
    const watch = watchWorkers(options, (views) => {
      latest = views;
      if (views.every((view) => view.reachable || view.problem !== null)) setImmediate(finish);
    });
  });
}

/** A connection that neither opens nor fails has no problem of its own. */
function withProblem(view: WorkerView, timeoutMs: number): WorkerView {
  if (view.reachable || view.problem !== null) return view;
  const { name, url } = view;
  return { ...view, problem: `Worker "${name}" (${url}) has not answered within ${timeoutMs / 1000} s.` };
}
