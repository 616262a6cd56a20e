/** `trivet worker`: runs one worker until it is told to stop. */
import { Command } from 'commander';
import { onInterrupt } from '../interrupt.js';
import { examples } from './options.js';

export function workerCommand(): Command {
  return new Command('worker')
    .description('run one worker until Ctrl-C or SIGTERM; it logs to standard output, one JSON object a line')
    .requiredOption('--config <file>', "the worker's configuration, as written by `trivet init`")
    .addHelpText('after', examples('trivet worker --config .trivet/alice/alice.json'))
    .action(async ({ config }: { readonly config: string }) => {
      const { signal, release } = onInterrupt();
      // Loaded only here: the service and its dependencies would slow every other command's start.
      const { loadWorkerConfig, startWorker } = await import('@trivet/workers');
      const worker = await startWorker(await loadWorkerConfig(config), { processMetrics: true });
      try {
        await Promise.race([aborted(signal), parentGone()]);
      } finally {
        await worker.close();
        release();
      }
      // A parent's IPC channel would keep the process alive.
      if (process.connected) process.disconnect();
    });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Started with an IPC channel, a worker ends with its parent, however that dies. */
function parentGone(): Promise<void> {
  return new Promise((resolve) => {
    process.once('disconnect', () => resolve());
    // It may be gone already; without a channel there is no `send`.
    if (process.send !== undefined && !process.connected) resolve();
  });
}
