/** Where the key of an encrypted model comes from: a file, the environment, or a passphrase; never the command line. */
import { readFileSync } from 'node:fs';
import { KeyRing, parseKeyRing, passphraseRing, readKeyRing, readPassphraseFile } from '@trivet/at-rest';
import { TrivetError } from '@trivet/shared-types';
import { type Command, Option } from 'commander';
import { askPassphrase } from '../terminal/passphrase.js';
import { wholeNumber } from './options.js';

export interface KeyOptions {
  readonly keyFile?: string;
  readonly keyEnv?: string;
  readonly passphrase?: true;
  readonly passphraseFile?: string;
  readonly passphraseFd?: number;
}

const MAX_PASSPHRASE_BYTES = 65_536;

export function addKeyOptions(command: Command): Command {
  return command
    .option('--key-file <file>', 'the key is in this file, as `trivet keys generate` writes it')
    .option('--key-env <variable>', 'the key is in this environment variable')
    .option('--passphrase', 'ask for a passphrase on the terminal')
    .option('--passphrase-file <file>', 'the passphrase is the first line of this file')
    .addOption(
      new Option(
        '--passphrase-fd <number>',
        'the passphrase is the first line of this file descriptor',
      ).argParser(wholeNumber(0)),
    );
}

/**
 * The key that the options name; null when they name none.
 * @param repeat ask twice, for a passphrase that is new
 * @throws TrivetError INVALID_ARGUMENT, FAILED_PRECONDITION
 */
export async function findKeys(options: KeyOptions, repeat = false): Promise<KeyRing | null> {
  const { keyFile, keyEnv, passphrase, passphraseFile, passphraseFd } = options;
  const given = [keyFile, keyEnv, passphrase, passphraseFile, passphraseFd].filter(
    (one) => one !== undefined,
  );
  if (given.length > 1)
    throw new TrivetError('INVALID_ARGUMENT', 'Name one key, or one passphrase, and not several.');
  if (keyFile !== undefined) return KeyRing.ofKeys(await readKeyRing(keyFile));
  if (keyEnv !== undefined) {
    const text = process.env[keyEnv];
    if (text === undefined) {
      throw new TrivetError('INVALID_ARGUMENT', `The environment variable ${keyEnv} is not set.`);
    }
    return KeyRing.ofKeys(parseKeyRing(text, `The environment variable ${keyEnv}`));
  }
  if (passphraseFile !== undefined) return readPassphraseFile(passphraseFile);
  if (passphraseFd !== undefined) return passphraseRing(firstLineOf(passphraseFd), 'The passphrase');
  if (passphrase === undefined) return null;
  const typed = await askPassphrase('Passphrase');
  if (repeat && (await askPassphrase('Once more')) !== typed) {
    throw new TrivetError('INVALID_ARGUMENT', 'The two passphrases differ; nothing was written.');
  }
  return passphraseRing(typed, 'The passphrase');
}

/** As `findKeys`, where a key is needed. */
export async function requireKeys(options: KeyOptions, repeat = false): Promise<KeyRing> {
  const keys = await findKeys(options, repeat);
  if (keys !== null) return keys;
  throw new TrivetError(
    'INVALID_ARGUMENT',
    'Say where the key is: --key-file (`trivet keys generate` makes one), --key-env, --passphrase, --passphrase-file or --passphrase-fd.',
  );
}

function firstLineOf(descriptor: number): string {
  try {
    const content = readFileSync(descriptor);
    if (content.length > MAX_PASSPHRASE_BYTES) throw new Error('too long');
    return content.toString('utf8').split(/\r?\n/)[0] ?? '';
  } catch {
    throw new TrivetError('INVALID_ARGUMENT', `The file descriptor ${descriptor} cannot be read.`);
  }
}
