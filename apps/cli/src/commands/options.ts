/** Options that several commands have, and how their values are read. */

import { DEFAULT_CLUSTER_DIRECTORY } from '@trivet/node';
import { PROTOCOL_NAMES, type ProtocolName, protocolNameSchema } from '@trivet/shared-types';
import { type Command, InvalidArgumentError, Option } from 'commander';

export interface ClusterOption {
  readonly cluster: string;
}

export interface JsonOption {
  readonly json?: true;
}

export interface ProtocolOption {
  readonly protocol?: ProtocolName;
}

export interface TimeoutOption {
  /** Seconds. */
  readonly timeout: number;
}

export function addClusterOption(command: Command): Command {
  return command.addOption(
    new Option('--cluster <directory>', 'the cluster directory')
      .default(DEFAULT_CLUSTER_DIRECTORY)
      .env('TRIVET_CLUSTER'),
  );
}

export function addJsonOption(command: Command): Command {
  return command.option('--json', 'print JSON on standard output, for scripts');
}

export function addTimeoutOption(command: Command, seconds: number): Command {
  return command.option('--timeout <seconds>', 'give up after so long', positiveNumber, seconds);
}

export function addProtocolOption(command: Command, description: string): Command {
  return command.addOption(new Option('--protocol <name>', description).choices(PROTOCOL_NAMES));
}

/** Names with commas in between, each once. */
export function protocolNames(text: string): ProtocolName[] {
  const names = text.split(',').map((part) => {
    const name = protocolNameSchema.safeParse(part.trim());
    if (!name.success) throw new InvalidArgumentError(`The protocols are ${PROTOCOL_NAMES.join(', ')}.`);
    return name.data;
  });
  if (new Set(names).size !== names.length) throw new InvalidArgumentError('Name each protocol once.');
  return names;
}

/** A whole number from `least` to `most`. */
export function wholeNumber(least: number, most = 2_147_483_647): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a positive number.');
  return value;
}

/** Examples at the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
