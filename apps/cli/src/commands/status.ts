/** `trivet status`: what the three workers and their models are doing. */
import { type Triple, type WorkerView, watchWorkers } from '@trivet/client';
import { readCluster } from '@trivet/node';
import { TrivetError } from '@trivet/shared-types';
import { Command } from 'commander';
import { EXIT_OK, exitCodeOf } from '../exit-codes.js';
import { interruptible } from '../interrupt.js';
import {
  addClusterOption,
  addJsonOption,
  addTimeoutOption,
  type ClusterOption,
  examples,
  type JsonOption,
  type TimeoutOption,
} from './options.js';
import { statusJson, statusText } from './status-view.js';

export function statusCommand(): Command {
  const command = new Command('status')
    .description(
      'show the three workers and the models they share; fails when a worker is missing or not ready',
    )
    .addHelpText('after', examples('trivet status', 'trivet status --json'));
  addTimeoutOption(addJsonOption(addClusterOption(command)), 3);
  return command.action((options: ClusterOption & JsonOption & TimeoutOption) =>
    interruptible(async (signal) => {
      const { workers, clusterId } = await readCluster(options.cluster);
      const views = await look(workers, clusterId, options.timeout * 1000, signal);
      console.log(options.json ? JSON.stringify(statusJson(views)) : statusText(views));
      const ready = views.every((view) => view.reachable && view.status?.ready);
      process.exitCode = ready ? EXIT_OK : exitCodeOf(new TrivetError('UNAVAILABLE', 'not ready'));
    }),
  );
}

/** The workers as soon as each has answered or failed, at the latest after the timeout. */
function look(
  workers: Triple<{ name: string; url: string }>,
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
