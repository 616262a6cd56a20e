/**
 * Frames of the mesh. Little-endian:
 *
 *     u32 length of what follows | u8 kind | 16 bytes session id | u32 step | payload
 *
 * Session id and step are zero in frames that belong to no session. The reader hands out views of the TLS chunks
 * that it is given; only a frame that spans chunks is copied, once.
 */
import { TrivetError } from '@trivet/shared-types';

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
} as const;
export type FrameKind = (typeof FRAME_KINDS)[keyof typeof FRAME_KINDS];

export const SESSION_ID_BYTES = 16;
/** Bytes of a frame before its payload, the length field included. */
export const FRAME_HEADER_BYTES = 25;
const LENGTH_BYTES = 4;
const LAST_KIND = FRAME_KINDS.served;
const STEP_OFFSET = LENGTH_BYTES + 1 + SESSION_ID_BYTES;
const NO_PAYLOAD = new Uint8Array(0);

/** A session id as a map key: its 16 bytes as Latin-1 characters. */
export type SessionKey = string;
/** The key of frames without a session. */
export const NO_SESSION: SessionKey = '\0'.repeat(SESSION_ID_BYTES);

export function sessionKeyOf(sessionId: Uint8Array): SessionKey {
  return Buffer.from(sessionId.buffer, sessionId.byteOffset, sessionId.byteLength).toString('latin1');
}

/** Encodes one frame into a buffer of its own; the payload is copied. */
export function encodeFrame(
  kind: FrameKind,
  session: SessionKey,
  step: number,
  payload: Uint8Array = NO_PAYLOAD,
): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  frame.writeUInt32LE(frame.length - LENGTH_BYTES, 0);
  frame[LENGTH_BYTES] = kind;
  frame.write(session, LENGTH_BYTES + 1, SESSION_ID_BYTES, 'latin1');
  frame.writeUInt32LE(step, STEP_OFFSET);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** Called for each frame, in order. `payload` is the receiver's to keep. */
export type FrameHandler = (kind: FrameKind, session: SessionKey, step: number, payload: Uint8Array) => void;

/** Cuts a stream of bytes into frames. After it has thrown, the stream is of no more use. */
export class FrameReader {
  /** The frame that the chunks so far hold only in part: its header, then all of it. */
  #partial = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  #filled = 0;
  #stopped = false;
  readonly #header = this.#partial;

  constructor(
    readonly maxFrameBytes: number,
    private readonly handler: FrameHandler,
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
        const end = at + LENGTH_BYTES + this.#frameLength(chunk, at);
        if (end <= chunk.length) {
          this.#emit(chunk, at, end);
          at = end;
          continue;
        }
      }
      at += this.#collect(chunk, at);
    }
  }

  /** Copies into the partial frame what belongs to it; gives the number of bytes taken. */
  #collect(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#partial.length - this.#filled, chunk.length - at);
    chunk.copy(this.#partial, this.#filled, at, at + taken);
    this.#filled += taken;
    if (this.#filled < this.#partial.length) return taken;
    if (this.#partial === this.#header) {
      const total = LENGTH_BYTES + this.#frameLength(this.#header, 0);
      if (total > FRAME_HEADER_BYTES) {
        this.#partial = Buffer.allocUnsafeSlow(total);
        this.#header.copy(this.#partial);
        return taken;
      }
    }
    const frame = this.#partial;
    this.#partial = this.#header;
    this.#filled = 0;
    this.#emit(frame, 0, frame.length);
    return taken;
  }

  #frameLength(buffer: Buffer, at: number): number {
    const length = buffer.readUInt32LE(at);
    if (length < FRAME_HEADER_BYTES - LENGTH_BYTES || length > this.maxFrameBytes) {
      throw new TrivetError('INVALID_ARGUMENT', `A frame of ${length} bytes is out of bounds.`);
    }
    return length;
  }

  #emit(buffer: Buffer, at: number, end: number): void {
    const kind = buffer[at + LENGTH_BYTES]!;
    if (kind < 1 || kind > LAST_KIND) {
      throw new TrivetError('INVALID_ARGUMENT', `A frame has the unknown kind ${kind}.`);
    }
    const session = buffer.toString('latin1', at + LENGTH_BYTES + 1, at + STEP_OFFSET);
    const step = buffer.readUInt32LE(at + STEP_OFFSET);
    this.handler(kind as FrameKind, session, step, buffer.subarray(at + FRAME_HEADER_BYTES, end));
  }
}
