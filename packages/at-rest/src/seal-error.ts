/** Why a sealed file was refused; the command line has an exit code for each. */
import { TrivetError } from '@trivet/shared-types';

export type SealReason =
  /** Sealed with a key, or passphrase, that is not at hand. */
  | 'WRONG_KEY'
  /** Shorter, or longer, than it was written. */
  | 'CUT_SHORT'
  /** Other bytes than were written, or another file's. */
  | 'CHANGED'
  /** Not sealed at all. */
  | 'NOT_ENCRYPTED'
  /** Sealed in a way that this release does not know. */
  | 'UNKNOWN_FORMAT'
  /** Sealed, and no key was given. */
  | 'NO_KEY';

export class SealError extends TrivetError {
  constructor(
    readonly reason: SealReason,
    message: string,
  ) {
    super('FAILED_PRECONDITION', message);
    this.name = 'SealError';
  }
}
