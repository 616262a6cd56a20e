/**
 * Frames of sessions that have not started here yet: a peer may hear of a batch, and begin, a moment earlier.
 * Kept within limits, far above what honest peers need.
 */
import { TransientMap } from '@trivet/shared-types';
import type { SessionKey } from './frames.js';

export interface EarlyFrame {
  readonly kind: number;
  readonly step: number;
  readonly payload: Uint8Array;
}

interface EarlySession {
  frames: EarlyFrame[];
  bytes: number;
  since: number;
}

const MAX_SESSIONS = 64;
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_AGE_MS = 30_000;
/** Counted for each frame on top of its payload, so that empty frames fill the limit too. */
const FRAME_OVERHEAD_BYTES = 256;

export class EarlyFrames {
  readonly #sessions = new TransientMap<SessionKey, EarlySession>();
  #bytes = 0;

  /** Whether it fitted; the link is beyond repair when it did not. */
  add(key: SessionKey, frame: EarlyFrame, now: number): boolean {
    let session = this.#sessions.get(key);
    const bytes = frame.payload.length + FRAME_OVERHEAD_BYTES;
    if (this.#bytes + bytes > MAX_BYTES) return false;
    if (session === undefined) {
      if (this.#sessions.size >= MAX_SESSIONS) return false;
      session = { frames: [], bytes: 0, since: now };
      this.#sessions.set(key, session);
    }
    session.frames.push(frame);
    session.bytes += bytes;
    this.#bytes += bytes;
    return true;
  }

  /** Hands over the frames of a session that starts now. */
  take(key: SessionKey): readonly EarlyFrame[] {
    const session = this.#sessions.get(key);
    if (session === undefined) return [];
    this.#forget(key, session);
    return session.frames;
  }

  /** Forgets sessions that never started. */
  sweep(now: number): void {
    for (const [key, session] of this.#sessions) {
      if (now - session.since > MAX_AGE_MS) this.#forget(key, session);
    }
  }

  #forget(key: SessionKey, session: EarlySession): void {
    this.#sessions.delete(key);
    this.#bytes -= session.bytes;
  }
}
