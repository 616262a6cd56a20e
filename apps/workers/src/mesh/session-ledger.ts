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
  readonly #reserved = new Set<SessionKey>();

  /** Whether the id is new here, or reserved; it is not any more after that. */
  accept(key: SessionKey): boolean {
    return this.#reserved.delete(key) || this.#advance(key);
  }

  /** Whether the id is new here: then its session may start later than those that come after it, once. */
  reserve(key: SessionKey): boolean {
    if (!this.#advance(key)) return false;
    this.#reserved.add(key);
    return true;
  }

  #advance(key: SessionKey): boolean {
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
    if (this.#reserved.has(key)) return false;
    const last = this.#last.get(key.slice(0, NONCE_BYTES));
    return last !== undefined && counterOf(key) <= last;
  }
}

function counterOf(key: SessionKey): number {
  let counter = 0;
  for (let at = NONCE_BYTES; at < key.length; at++) counter = counter * 256 + key.charCodeAt(at);
  return counter;
}
