/** Whether a connection is the model owner's: proved by signing a fresh challenge with the owner's Ed25519 key. */
import { randomBytes } from 'node:crypto';
import { TrivetError, verifyOwnerSignature } from '@trivet/shared-types';

const CHALLENGE_BYTES = 32;
const CHALLENGE_LIFE_MS = 60_000;

export interface OwnerSessionOptions {
  readonly ownerKey: string;
  readonly clusterId: string;
  readonly workerIndex: number;
  readonly worker: string;
}

export class OwnerSession {
  #challenge: { readonly hex: string; readonly until: number } | null = null;
  #authenticated = false;

  constructor(private readonly options: OwnerSessionOptions) {}

  get authenticated(): boolean {
    return this.#authenticated;
  }

  /** A fresh challenge, in hex, good for one try. */
  challenge(): string {
    const hex = randomBytes(CHALLENGE_BYTES).toString('hex');
    this.#challenge = { hex, until: performance.now() + CHALLENGE_LIFE_MS };
    return hex;
  }

  /** @throws TrivetError FAILED_PRECONDITION without a challenge, PERMISSION_DENIED when it is not the owner */
  authenticate(signature: string): void {
    const { ownerKey, clusterId, workerIndex, worker } = this.options;
    const challenge = this.#challenge;
    this.#challenge = null;
    if (challenge === null || performance.now() > challenge.until) {
      throw new TrivetError('FAILED_PRECONDITION', 'Ask for a challenge first, and sign that one.', worker);
    }
    if (!verifyOwnerSignature(ownerKey, clusterId, workerIndex, challenge.hex, signature)) {
      throw new TrivetError(
        'PERMISSION_DENIED',
        'The signature is not that of the owner of this cluster.',
        worker,
      );
    }
    this.#authenticated = true;
  }

  /** @throws TrivetError UNAUTHENTICATED */
  require(): void {
    if (!this.#authenticated) {
      throw new TrivetError(
        'UNAUTHENTICATED',
        'Only the model owner may do this; authenticate with the owner key first.',
        this.options.worker,
      );
    }
  }
}
