/** `trivet status`: what the three workers and their models are doing. */
import { readCluster } from '@trivet/node';
import { TrivetError } from '@trivet/shared-types';
import { Command } from 'commander';
import { EXIT_OK, exitCodeOf } from '../exit-codes.js';
import { interruptible } from '../interrupt.js';
import { lookAtWorkers } from './look.js';
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
import { addTokenOptions, findCredentials, type TokenOptions } from './token-options.js';

export function statusCommand(): Command {
  const command = new Command('status')
    .description(
      'show the three workers, and the models that you may ask for: all of them where owner.key is; fails when a worker is missing or not ready',
    )
    .addHelpText(
      'after',
      examples('trivet status', 'trivet status --token-file reader.token', 'trivet status --json'),
    );
  addTimeoutOption(addJsonOption(addClusterOption(addTokenOptions(command))), 3);
  return command.action((options: ClusterOption & JsonOption & TimeoutOption & TokenOptions) =>
    interruptible(async (signal) => {
      const { workers, clusterId } = await readCluster(options.cluster);
      const who = { workers, clusterId, ...(await findCredentials(options)) };
      const views = await lookAtWorkers(who, options.timeout * 1000, signal);
      console.log(options.json ? JSON.stringify(statusJson(views)) : statusText(views));
      const ready = views.every((view) => view.reachable && view.status?.ready);
      process.exitCode = ready ? EXIT_OK : exitCodeOf(new TrivetError('UNAVAILABLE', 'not ready'));
    }),
  );
}
