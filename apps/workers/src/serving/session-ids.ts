/** Ids of this leader's sessions: 8 random bytes of its boot and a counter, so that none comes twice. */
import { randomBytes } from 'node:crypto';
import type { SessionKey } from '../mesh/frames.js';

const HALF_BYTES = 8;

export class SessionIds {
  readonly #bootNonce = randomBytes(HALF_BYTES).toString('latin1');
  #counter = 0n;

  next(): SessionKey {
    this.#counter += 1n;
    const counter = Buffer.alloc(HALF_BYTES);
    counter.writeBigUInt64BE(this.#counter);
    return this.#bootNonce + counter.toString('latin1');
  }
}
