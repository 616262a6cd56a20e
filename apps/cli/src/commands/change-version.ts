/** `trivet switch`, `trivet rollback` and `trivet label`: which version of a served model answers, and under what name. */
import type { ModelOwner } from '@trivet/client';
import { TrivetError } from '@trivet/shared-types';
import { Command } from 'commander';
import { interruptible } from '../interrupt.js';
import {
  addClusterOption,
  addTimeoutOption,
  type ClusterOption,
  examples,
  type TimeoutOption,
  wholeNumber,
} from './options.js';
import { withOwner } from './owner.js';

type CommandOptions = ClusterOption & TimeoutOption;

export function switchCommand(): Command {
  const command = new Command('switch')
    .description('let another version of a served model answer, without a gap; its limit and count go on')
    .argument('<name>', 'name of the model')
    .argument('[version]', 'the version; the newest unless told', wholeNumber(1))
    .addHelpText('after', examples('trivet switch mnist', 'trivet switch mnist 3'));
  return change(command, async (owner, call, name: string, version?: number) => {
    const target = version ?? (await newestVersion(owner, name));
    await owner.switchTo(name, target, call);
    return `Version ${target} of model "${name}" answers now.`;
  });
}

export function rollbackCommand(): Command {
  const command = new Command('rollback')
    .description('go back to an older version of a served model: the last one that was served, or another')
    .argument('<name>', 'name of the model')
    .argument(
      '[version]',
      'the version; unless told the newest below this one that was served',
      wholeNumber(1),
    )
    .addHelpText('after', examples('trivet rollback mnist', 'trivet rollback mnist 1'));
  return change(command, async (owner, call, name: string, version?: number) => {
    if (version !== undefined) await owner.switchTo(name, version, call);
    const target = version ?? (await owner.rollback(name, call));
    return `Version ${target} of model "${name}" answers now.`;
  });
}

export function labelCommand(): Command {
  const command = new Command('label')
    .description(
      'give a version of a served model a label, under which it is served too; or take the label away',
    )
    .argument('<name>', 'name of the model')
    .argument('<label>', 'for example stable, or canary')
    .argument('[version]', 'the version; without it the label is taken away', wholeNumber(1))
    .addHelpText(
      'after',
      examples(
        'trivet label mnist canary 3',
        'trivet predict mnist --label canary --mnist 7',
        'trivet label mnist canary',
      ),
    );
  return change(command, async (owner, call, name: string, label: string, version?: number) => {
    await owner.setLabel(name, label, version ?? null, call);
    return version === undefined
      ? `Model "${name}" has no label "${label}" any more.`
      : `Version ${version} of model "${name}" answers to the label "${label}" now.`;
  });
}

function change<Arguments extends unknown[]>(
  command: Command,
  work: (
    owner: ModelOwner,
    call: { readonly signal: AbortSignal; readonly timeoutMs: number },
    ...args: Arguments
  ) => Promise<string>,
): Command {
  addTimeoutOption(addClusterOption(command), 60);
  return command.action((...parts: unknown[]) => {
    const { cluster, timeout } = parts.at(-2) as CommandOptions;
    const timeoutMs = timeout * 1000;
    return interruptible(async (signal) => {
      const args = parts.slice(0, -2) as Arguments;
      const connect = { signal, timeoutMs };
      console.log(await withOwner(cluster, connect, (owner) => work(owner, connect, ...args)));
    });
  });
}

async function newestVersion(owner: ModelOwner, name: string): Promise<number> {
  const versions = (await owner.models()).filter((model) => model.name === name);
  if (versions.length === 0) throw new TrivetError('NOT_FOUND', `No model "${name}" is shared.`);
  return Math.max(...versions.map((model) => model.version));
}
