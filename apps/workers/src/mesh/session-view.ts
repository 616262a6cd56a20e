/**
 * What the leader has said of a session, in the keys of that session. A leader that tells its two followers different
 * things (who the helper is, which requests run) would have them draw the same stream for different ends: as two
 * evaluators, each with the leader, they would mask their messages to it alike, and the difference of the two would be a
 * difference of secrets. So the pair's key is first bound to the whole message: whoever was told something else
 * has other streams, and the messages stay uniform.
 */
import { createHash, createHmac } from 'node:crypto';
import type { FrameKind } from './frames.js';

/** SHA-256 of the frame that began the session; followers compare it in no message, but in their keys. */
export type SessionView = Buffer;

/** @param payload of the frame of this kind, as the leader has sent it to both followers */
export function viewOf(kind: FrameKind, payload: Uint8Array): SessionView {
  return createHash('sha256')
    .update('trivet session v1\n')
    .update(Uint8Array.of(kind))
    .update(payload)
    .digest();
}

/** The key of a pair of workers for sessions that began with this view: HMAC-SHA-256, 32 bytes. */
export function bindKey(pairKey: Uint8Array, view: SessionView): Uint8Array {
  return createHmac('sha256', pairKey).update(view).digest();
}
