/** What the command line's exit code means; printed by `trivet --help`. */
import { SealError, type SealReason } from '@trivet/at-rest';
import { type ErrorCode, TrivetError } from '@trivet/shared-types';
import { systemFailure } from './system-errors.js';

export const EXIT_OK = 0;
export const EXIT_USAGE = 2;
const EXIT_INTERNAL = 1;

const EXIT_CODES: Record<ErrorCode, number> = {
  INTERNAL: EXIT_INTERNAL,
  INVALID_ARGUMENT: EXIT_USAGE,
  NOT_FOUND: 3,
  FAILED_PRECONDITION: 4,
  UNAVAILABLE: 5,
  DEADLINE_EXCEEDED: 6,
  PERMISSION_DENIED: 7,
  UNAUTHENTICATED: 7,
  ALREADY_EXISTS: 8,
  RESOURCE_EXHAUSTED: 9,
  ABORTED: 10,
  CANCELLED: 130,
};

/** Of encrypted files. */
const SEAL_EXIT_CODES: Record<SealReason, number> = {
  WRONG_KEY: 20,
  CUT_SHORT: 21,
  CHANGED: 22,
  NOT_ENCRYPTED: 23,
  UNKNOWN_FORMAT: 24,
  NO_KEY: 25,
};

export const EXIT_CODES_HELP = `
Exit codes:
    0  done
    1  internal error
    2  wrong usage, or an invalid argument, file or model
    3  no such model
    4  the workers are not in the state that this needs
    5  a worker cannot be reached
    6  it took too long
    7  the workers do not accept the owner key or the token, or a signature is wrong
    8  it exists already
    9  the workers or the disk are full, or a token's quota is used up or its rate exceeded: try again later
   10  the workers gave up: try again
   20  an encrypted file is of another key or passphrase
   21  an encrypted file is cut short, or longer than it was written
   22  an encrypted file was changed since it was written
   23  a file is not encrypted, and should be
   24  an encrypted file is of an unknown format
   25  a file is encrypted, and no key was named
  130  interrupted`;

export function exitCodeOf(error: unknown): number {
  if (error instanceof SealError) return SEAL_EXIT_CODES[error.reason];
  const code = error instanceof TrivetError ? error.code : systemFailure(error)?.code;
  return code === undefined ? EXIT_INTERNAL : EXIT_CODES[code];
}
