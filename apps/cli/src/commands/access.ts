/** `trivet access`: who may ask for a model's predictions. */
import { ACCESS_MODES, type AccessMode, modelNameSchema, parseStrict } from '@trivet/shared-types';
import { Argument, Command } from 'commander';
import { interruptible } from '../interrupt.js';
import { formatTable } from '../terminal/table.js';
import {
  addClusterOption,
  addJsonOption,
  addTimeoutOption,
  type ClusterOption,
  examples,
  type JsonOption,
  type TimeoutOption,
} from './options.js';
import { withAccess } from './owner.js';

interface AccessCommandOptions extends ClusterOption, JsonOption, TimeoutOption {}

/** What each mode means, in the command line's words. */
export const ACCESS_SENTENCES: Record<AccessMode, string> = {
  tokens: 'only who shows a token for it, which `trivet tokens create` makes',
  local: "whoever is on the workers' own machine, and who shows a token: for trying out",
  open: 'EVERYBODY who can reach the three workers',
};

export function accessCommand(): Command {
  const command = new Command('access')
    .description(
      'say who may ask for predictions of a model, or list it for all; a model not listed needs a token',
    )
    .argument('[name]', 'name of the model')
    .addArgument(new Argument('[mode]', 'who may ask; shown when it is left out').choices([...ACCESS_MODES]))
    .addHelpText(
      'after',
      `\nModes:\n${ACCESS_MODES.map((mode) => `  ${mode.padEnd(8)}${ACCESS_SENTENCES[mode]}`).join('\n')}`,
    )
    .addHelpText(
      'after',
      examples('trivet access', 'trivet access mnist tokens', 'trivet access mnist open'),
    );
  addTimeoutOption(addJsonOption(addClusterOption(command)), 10);
  return command.action(
    (name: string | undefined, mode: AccessMode | undefined, options: AccessCommandOptions) =>
      interruptible((signal) => {
        const call = { signal, timeoutMs: options.timeout * 1000 };
        return withAccess(options.cluster, call, async (access) => {
          if (name !== undefined) parseStrict(modelNameSchema, name, `The name "${name}"`);
          if (name !== undefined && mode !== undefined) {
            await access.setMode(name, mode, call);
            console.log(accessSentence(name, mode));
            return;
          }
          const modes = await access.modes(call);
          const shown = name === undefined ? modes : { [name]: modes[name] ?? 'tokens' };
          const rows = Object.entries(shown).sort(([left], [right]) => (left < right ? -1 : 1));
          console.log(options.json ? JSON.stringify(shown) : formatTable(['MODEL', 'ACCESS'], rows));
        });
      }),
  );
}

export function accessSentence(name: string, mode: AccessMode): string {
  return `Model "${name}" answers ${ACCESS_SENTENCES[mode]}.`;
}
