/**
 * Session ids that one link has seen. An id is the leader's random 8-byte boot nonce and an 8-byte big-endian
 * counter. Masks are streams of (link key, session id), so an id may be used once in the lifetime of a link's key:
 * per nonce, counters must grow.
 */
import type { SessionKey } from './frames.js';

/** A leader that restarts more often than this under one link key has the link replaced. */
const MAX_NONCES = 256;
const NONCE_BYTES = 8;

export class SessionLedger {
  readonly #last = new Map<string, number>();

  /** Whether the id is new here; it is not any more after that. */
  accept(key: SessionKey): boolean {
    const nonce = key.slice(0, NONCE_BYTES);
    const counter = counterOf(key);
    const last = this.#last.get(nonce);
    if (last === undefined ? this.#last.size >= MAX_NONCES : counter <= last) return false;
    if (!Number.isSafeInteger(counter)) return false;
    this.#last.set(nonce, counter);
    return true;
  }

  /** Whether the id was accepted, or passed over, before. */
  isPast(key: SessionKey): boolean {
    const last = this.#last.get(key.slice(0, NONCE_BYTES));
    return last !== undefined && counterOf(key) <= last;
  }
}

function counterOf(key: SessionKey): number {
  let counter = 0;
  for (let at = NONCE_BYTES; at < key.length; at++) counter = counter * 256 + key.charCodeAt(at);
  return counter;
}
