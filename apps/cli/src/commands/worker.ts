/** `trivet worker`: runs one worker until it is told to stop. */
import { tuneV8 } from '@trivet/workers/tune-v8';
import { Command } from 'commander';
import { onInterrupt } from '../interrupt.js';
import { examples } from './options.js';

export function workerCommand(): Command {
  return new Command('worker')
    .description('run one worker until Ctrl-C or SIGTERM; it logs to standard output, one JSON object a line')
    .requiredOption('--config <file>', "the worker's configuration, as written by `trivet init`")
    .addHelpText('after', examples('trivet worker --config .trivet/alice/alice.json'))
    .action(async ({ config }: { readonly config: string }) => {
      tuneV8();
      const { signal, release } = onInterrupt();
      // Loaded only here: the service and its dependencies would slow every other command's start.
      const { loadWorkerConfig, startWorker } = await import('@trivet/workers');
      const worker = await startWorker(await loadWorkerConfig(config), { processMetrics: true });
      const reload = () => void worker.reloadKeys();
      process.on('SIGHUP', reload);
      try {
        await aborted(signal);
      } finally {
        await worker.close();
        process.off('SIGHUP', reload);
        release();
      }
    });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
