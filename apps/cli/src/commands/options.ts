/** Options that several commands have, and how their values are read. */

import { DEFAULT_FRACTIONAL_BITS, MOST_FRACTIONAL_BITS, parseReveal, type Reveal } from '@trivet/mpc-core';
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

export interface VersionOption {
  readonly modelVersion?: number;
  readonly label?: string;
}

export interface TimeoutOption {
  /** Seconds. */
  readonly timeout: number;
}

/** What can be imported, for the help of commands that take a model. */
export const MODEL_ARGUMENT =
  'Keras (.keras or .h5), ONNX, model.json of a TensorFlow.js layers model, or the folder of a TensorFlow SavedModel or of its versions';

export interface ModelOptions {
  readonly signature?: string;
  readonly inputRange?: { readonly min: number; readonly max: number };
  readonly fractionalBits: number;
}

/** How a command reads the model that it is given. */
export function addModelOptions(command: Command): Command {
  return command
    .option('--signature <name>', 'which signature of a SavedModel; serving_default unless told')
    .option(
      '--input-range <min:max>',
      'every input lies in it; 0:1 for pictures and -256:256 for other models unless told',
      range,
    )
    .option(
      '--fractional-bits <number>',
      'precision of its numbers, 2 to the minus so much; fewer leave more room for large values',
      wholeNumber(1, MOST_FRACTIONAL_BITS),
      DEFAULT_FRACTIONAL_BITS,
    );
}

/** Inputs travel as 32-bit integers, of which 16 are fractional bits. */
const MAX_INPUT = 32_768;

/** Two numbers with a colon in between, the smaller one first. */
export function range(text: string): { readonly min: number; readonly max: number } {
  const [min, max, ...rest] = text.split(':').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const valid = (value: number | undefined): value is number =>
    value !== undefined && Math.abs(value) < MAX_INPUT;
  if (!valid(min) || !valid(max) || rest.length > 0 || min >= max) {
    throw new InvalidArgumentError(
      `It must be two numbers below ${MAX_INPUT}, the smaller one first, for example -1:1.`,
    );
  }
  return { min, max };
}

export function addClusterOption(command: Command): Command {
  return command.addOption(
    new Option('--cluster <path>', 'the cluster directory; for a client its cluster.json is enough')
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

/** Which version of a model; the served one when neither is given. */
export function addVersionOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--model-version <number>', 'this version of the model, if it is served')
        .argParser(wholeNumber(1))
        .conflicts('label'),
    )
    .option('--label <label>', 'the version that its owner gave this label');
}

export interface RevealOption {
  readonly reveal: Reveal;
}

/** What clients receive of a model's output. */
export function addRevealOption(command: Command, description: string): Command {
  return command.addOption(
    new Option('--reveal <what>', description).argParser(revealed).default('logits' satisfies Reveal),
  );
}

/** `logits`, `label` or `top-K`. */
export function revealed(text: string): Reveal {
  const reveal = parseReveal(text);
  if (reveal === null) throw new InvalidArgumentError('It must be logits, label, or top-K such as top-3.');
  return reveal;
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
