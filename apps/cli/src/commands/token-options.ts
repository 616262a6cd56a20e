/** Where a client's token comes from: a file or the environment; never the command line, which all users can read. */
import { readSecretFile } from '@trivet/at-rest';
import type { WatchOptions } from '@trivet/client';
import { findOwnerKey } from '@trivet/node';
import { ClientToken, TrivetError } from '@trivet/shared-types';
import type { Command } from 'commander';
import type { ClusterOption } from './options.js';

export interface TokenOptions {
  readonly tokenFile?: string;
  readonly tokenEnv?: string;
}

/** What is looked at when no option says more. */
const DEFAULT_VARIABLE = 'TRIVET_TOKEN';

export function addTokenOptions(command: Command): Command {
  return command
    .option('--token-file <file>', 'the client token, for a model that needs one, is in this file')
    .option(
      '--token-env <variable>',
      `the client token is in this environment variable; ${DEFAULT_VARIABLE} unless told, if it is set`,
    );
}

/**
 * The token that the options name; undefined when there is none.
 * @throws TrivetError INVALID_ARGUMENT; FAILED_PRECONDITION when others may read the file. Neither repeats what it read
 */
export async function findToken(options: TokenOptions): Promise<string | undefined> {
  const { tokenFile, tokenEnv } = options;
  if (tokenFile !== undefined && tokenEnv !== undefined) {
    throw new TrivetError('INVALID_ARGUMENT', 'Name one token, and not several.');
  }
  if (tokenFile !== undefined) {
    const content = await readSecretFile(tokenFile);
    return ClientToken.parse(content.toString('utf8')).reveal();
  }
  const text = process.env[tokenEnv ?? DEFAULT_VARIABLE];
  if (text !== undefined) return ClientToken.parse(text).reveal();
  if (tokenEnv === undefined) return undefined;
  throw new TrivetError('INVALID_ARGUMENT', `The environment variable ${tokenEnv} is not set.`);
}

/**
 * As whom to look at the workers: with the token that an option names, else as the owner where the owner's key is, else with
 * the token of the environment, else as nobody.
 * @throws TrivetError as `findToken`, and FAILED_PRECONDITION when others may read the owner's key
 */
export async function findCredentials(
  options: ClusterOption & TokenOptions,
): Promise<Pick<WatchOptions, 'token' | 'ownerSecretKey'>> {
  if (options.tokenFile === undefined && options.tokenEnv === undefined) {
    const ownerSecretKey = await findOwnerKey(options.cluster);
    if (ownerSecretKey !== undefined) return { ownerSecretKey };
  }
  return { token: await findToken(options) };
}
