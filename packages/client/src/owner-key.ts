/** The model owner's secret key while it is in use: not shown by what prints its holder, and let go when that is closed. */
import { ownerPublicKey, Redacted, TrivetError } from '@trivet/shared-types';

export class OwnerKey extends Redacted {
  readonly publicKey: string;
  #secretKey: string | null;

  /** @param secretKey hex. @throws TrivetError INVALID_ARGUMENT when it is no key */
  constructor(secretKey: string) {
    super();
    this.publicKey = ownerPublicKey(secretKey);
    this.#secretKey = secretKey;
  }

  /** Hex, for signing. @throws TrivetError FAILED_PRECONDITION once it was let go */
  get secretKey(): string {
    if (this.#secretKey !== null) return this.#secretKey;
    throw new TrivetError('FAILED_PRECONDITION', 'The connection of the model owner is closed.');
  }

  /** Lets it go. A string cannot be wiped: what is left of it goes with the next collection of garbage. */
  forget(): void {
    this.#secretKey = null;
  }

  toString(): string {
    return `[owner key of ${this.publicKey}]`;
  }
}
