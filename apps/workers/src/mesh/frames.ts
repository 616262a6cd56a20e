/**
 * Frames of the mesh. Little-endian:
 *
 *     u32 length of what follows | u8 kind | 16 bytes session id | u32 step | payload
 *
 * Session id and step are zero in frames that belong to no session. The reader gives frames where they lie, in chunks that
 * may be overwritten after that; only one that spans chunks is put together in a buffer of its own.
 */
import { TrivetError } from '@trivet/shared-types';
import { BufferPool } from './buffers.js';

export const FRAME_KINDS = {
  hello: 1,
  ping: 2,
  pong: 3,
  state: 4,
  data: 5,
  abort: 6,
  propose: 7,
  done: 8,
  arrived: 9,
  reject: 10,
  withdraw: 11,
  served: 12,
  order: 13,
  deal: 14,
  dealt: 15,
  access: 16,
  used: 17,
  recall: 18,
  begun: 19,
} as const;
export type FrameKind = (typeof FRAME_KINDS)[keyof typeof FRAME_KINDS];

export const SESSION_ID_BYTES = 16;
/** Bytes of a frame before its payload, the length field included. */
export const FRAME_HEADER_BYTES = 25;
const LENGTH_BYTES = 4;
const LAST_KIND = FRAME_KINDS.begun;
const STEP_OFFSET = LENGTH_BYTES + 1 + SESSION_ID_BYTES;
const NO_PAYLOAD = new Uint8Array(0);

/** A session id as a map key: its 16 bytes as Latin-1 characters. */
export type SessionKey = string;
/** The key of frames without a session. */
export const NO_SESSION: SessionKey = '\0'.repeat(SESSION_ID_BYTES);

export function sessionKeyOf(sessionId: Uint8Array): SessionKey {
  return Buffer.from(sessionId.buffer, sessionId.byteOffset, sessionId.byteLength).toString('latin1');
}

/** Encodes one frame into a buffer from the pool, which takes it back when it is sent; the payload is copied. */
export function encodeFrame(
  pool: BufferPool,
  kind: FrameKind,
  session: SessionKey,
  step: number,
  payload: Uint8Array = NO_PAYLOAD,
): Buffer {
  const frame = pool.take(FRAME_HEADER_BYTES + payload.length);
  frame.writeUInt32LE(frame.length - LENGTH_BYTES, 0);
  frame[LENGTH_BYTES] = kind;
  frame.write(session, LENGTH_BYTES + 1, SESSION_ID_BYTES, 'latin1');
  frame.writeUInt32LE(step, STEP_OFFSET);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** Called for each frame, in order. `payload` is good during the call only, unless the pool lends it. */
export type FrameHandler = (kind: FrameKind, session: SessionKey, step: number, payload: Uint8Array) => void;

/** Cuts a stream of bytes into frames. After it has thrown, the stream is of no more use. */
export class FrameReader {
  readonly #header = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES);
  /** The frame that is being read: its header while its length is unknown, then all of it. */
  #frame: Buffer = this.#header;
  #filled = 0;
  #stopped = false;

  constructor(
    readonly maxFrameBytes: number,
    private readonly handler: FrameHandler,
    private readonly pool = new BufferPool(),
  ) {}

  /** Ends reading, from within the handler too: what is left of the current chunk is ignored. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws TrivetError INVALID_ARGUMENT when the bytes are no frames, or a frame is too long */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#stopped) {
      if (this.#filled === 0 && chunk.length - at >= FRAME_HEADER_BYTES) {
        const total = LENGTH_BYTES + this.#frameLength(chunk.subarray(at));
        if (total <= chunk.length - at) {
          at += total;
          this.#emit(chunk.subarray(at - total, at));
          continue;
        }
      }
      const taken = Math.min(this.#frame.length - this.#filled, chunk.length - at);
      this.#frame.set(chunk.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === this.#frame.length) this.#advance();
    }
  }

  /** The header, or the frame, is complete. */
  #advance(): void {
    let frame = this.#frame;
    if (frame === this.#header) {
      const total = LENGTH_BYTES + this.#frameLength(frame);
      frame = this.pool.take(total);
      frame.set(this.#header);
      if (total > FRAME_HEADER_BYTES) {
        this.#frame = frame;
        return;
      }
    }
    this.#frame = this.#header;
    this.#filled = 0;
    this.#emit(frame);
  }

  /** Of a frame whose header is there; what cannot be a header is found before anybody waits for its payload. */
  #frameLength(header: Buffer): number {
    const kind = header[LENGTH_BYTES]!;
    if (kind < 1 || kind > LAST_KIND) {
      throw new TrivetError('INVALID_ARGUMENT', `A frame has the unknown kind ${kind}.`);
    }
    const length = header.readUInt32LE(0);
    if (length < FRAME_HEADER_BYTES - LENGTH_BYTES || length > this.maxFrameBytes) {
      throw new TrivetError('INVALID_ARGUMENT', `A frame of ${length} bytes is out of bounds.`);
    }
    return length;
  }

  #emit(frame: Buffer): void {
    const kind = frame[LENGTH_BYTES]!;
    const session = frame.toString('latin1', LENGTH_BYTES + 1, STEP_OFFSET);
    const step = frame.readUInt32LE(STEP_OFFSET);
    this.handler(kind as FrameKind, session, step, frame.subarray(FRAME_HEADER_BYTES));
  }
}
