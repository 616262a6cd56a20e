/** Whether a connection is the model owner's: proved by signing a fresh challenge with the owner's Ed25519 key. */
import { TrivetError, verifyOwnerSignature } from '@trivet/shared-types';
import { Challenge } from './challenge.js';

export interface OwnerSessionOptions {
  readonly ownerKey: string;
  readonly clusterId: string;
  readonly workerIndex: number;
  readonly worker: string;
}

export class OwnerSession {
  readonly #challenge: Challenge;
  #authenticated = false;

  constructor(private readonly options: OwnerSessionOptions) {
    this.#challenge = new Challenge(options.worker);
  }

  get authenticated(): boolean {
    return this.#authenticated;
  }

  /** A fresh challenge, in hex, good for one try. */
  challenge(): string {
    return this.#challenge.issue();
  }

  /** @throws TrivetError FAILED_PRECONDITION without a challenge, PERMISSION_DENIED when it is not the owner */
  authenticate(signature: string): void {
    const { ownerKey, clusterId, workerIndex, worker } = this.options;
    const challenge = this.#challenge.take();
    if (!verifyOwnerSignature(ownerKey, clusterId, workerIndex, challenge, signature)) {
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
