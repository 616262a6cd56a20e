/** `trivet versions`: the versions of a model, and what each is doing. */
import { readCluster } from '@trivet/node';
import { TrivetError } from '@trivet/shared-types';
import { Command } from 'commander';
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
  wholeNumber,
} from './options.js';
import { withOwner } from './owner.js';
import { versionRows, versionsText } from './status-view.js';
import { addTokenOptions, findCredentials, type TokenOptions } from './token-options.js';

interface VersionsCommandOptions extends ClusterOption, JsonOption, TimeoutOption, TokenOptions {
  readonly remove?: number;
}

export function versionsCommand(): Command {
  const command = new Command('versions')
    .description('list the versions of a model and their states; or remove one that is not served')
    .argument('<name>', 'name of the model')
    .option('--remove <version>', "take this version from the workers' disks", wholeNumber(1))
    .addHelpText('after', examples('trivet versions mnist', 'trivet versions mnist --remove 1'));
  addTimeoutOption(addJsonOption(addClusterOption(addTokenOptions(command))), 10);
  return command.action((name: string, options: VersionsCommandOptions) =>
    interruptible(async (signal) => {
      const timeoutMs = options.timeout * 1000;
      const { remove } = options;
      if (remove !== undefined) {
        await withOwner(options.cluster, { signal, timeoutMs }, (owner) =>
          owner.removeVersion(name, remove, { signal, timeoutMs }),
        );
        console.log(`Version ${remove} of model "${name}" is removed.`);
        return;
      }
      const { workers, clusterId } = await readCluster(options.cluster);
      const who = { workers, clusterId, ...(await findCredentials(options)) };
      const views = await lookAtWorkers(who, timeoutMs, signal);
      const rows = versionRows(views).filter((row) => row.name === name);
      const away = views.find((view) => !view.reachable);
      if (rows.length === 0 && away !== undefined) {
        throw new TrivetError('UNAVAILABLE', away.problem ?? `Worker "${away.name}" is away.`, away.name);
      }
      if (rows.length === 0) {
        const isOwner = views.every((view) => view.status?.viewer === 'owner');
        const why = isOwner ? 'is shared' : 'is shown to you: it is not shared, or for others';
        throw new TrivetError('NOT_FOUND', `No model "${name}" ${why}.`);
      }
      console.log(options.json ? JSON.stringify(rows) : versionsText(rows));
    }),
  );
}
