/** `trivet stop`: stops serving a model. */
import { Command } from 'commander';
import { interruptible } from '../interrupt.js';
import {
  addClusterOption,
  addTimeoutOption,
  type ClusterOption,
  examples,
  type TimeoutOption,
} from './options.js';
import { withOwner } from './owner.js';

export function stopCommand(): Command {
  const command = new Command('stop')
    .description('stop serving a model; it stays shared')
    .argument('<name>', 'name of the model')
    .addHelpText('after', examples('trivet stop mnist'));
  addTimeoutOption(addClusterOption(command), 30);
  return command.action((name: string, options: ClusterOption & TimeoutOption) =>
    interruptible((signal) =>
      withOwner(options.cluster, { signal, timeoutMs: options.timeout * 1000 }, async (owner) => {
        await owner.stop(name, { signal, timeoutMs: options.timeout * 1000 });
        console.log(`Model "${name}" is not served any more; it stays shared.`);
      }),
    ),
  );
}
