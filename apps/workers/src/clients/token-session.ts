/** Which client token a connection has proved to hold (see shared-types' client-token.ts), if any. */
import type { Access } from '../access/access.js';
import { Challenge } from './challenge.js';

export class TokenSession {
  readonly #challenge: Challenge;
  #tokenId: string | null = null;

  constructor(
    worker: string,
    private readonly access: Access,
  ) {
    this.#challenge = new Challenge(worker);
  }

  /** Whether it is still good is for each request anew. */
  get tokenId(): string | null {
    return this.#tokenId;
  }

  /** A fresh challenge, in hex, good for one try. */
  challenge(): string {
    return this.#challenge.issue();
  }

  /** @throws TrivetError FAILED_PRECONDITION without a challenge, UNAUTHENTICATED when the token is not good here */
  present(id: string, proof: string): void {
    this.#tokenId = null;
    const challenge = this.#challenge.take();
    this.#tokenId = this.access.authenticate({ id, proof, challenge }).id;
  }
}
