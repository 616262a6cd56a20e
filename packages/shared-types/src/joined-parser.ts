/**
 * How socket.io's packets become frames of the websocket: one frame each.
 *
 * socket.io's own parser sends a packet with bytes in it as two frames, its text and then the bytes, and each costs both
 * ends a system call and an event of its own. Here the text stands before the bytes: length of the text u16, the text as
 * socket.io has it, the bytes. Packets without bytes are texts, as ever; of packets with bytes there are none here that
 * hold two pieces of them, and they would travel as socket.io sends them.
 */
import { Decoder, Encoder, type Packet } from 'socket.io-parser';

const LENGTH_BYTES = 2;
/** Types of the packets that hold bytes: an event, and an answer (socket.io protocol, revision 5). */
const WITH_BYTES = /^[56]/;
const WITH_ONE_PIECE = /^[56]1-/;
const MAX_TEXT_BYTES = 0xffff;
/** What a joined frame adds to the bytes, at most: a text holds the name of one of two events, or the number of an answer. */
export const JOINED_HEAD_BYTES = 256;

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** Bytes that have room for a frame's beginning before them. */
const framed = new WeakSet<Uint8Array>();

/**
 * Zeroed bytes with JOINED_HEAD_BYTES before them in their buffer: the first frame that holds them, all of them, begins
 * there and is not copied together.
 */
export function bytesToFrame(length: number): Uint8Array {
  const bytes = new Uint8Array(JOINED_HEAD_BYTES + length).subarray(JOINED_HEAD_BYTES);
  framed.add(bytes);
  return bytes;
}

/** Where a frame with these bytes is written, which end it: around them if there is room, else elsewhere. */
function frameOf(headLength: number, bytes: Uint8Array): Uint8Array {
  const length = LENGTH_BYTES + headLength;
  // A second frame would overwrite the beginning of the first, which may not have left yet.
  if (framed.delete(bytes) && length <= JOINED_HEAD_BYTES) {
    return new Uint8Array(bytes.buffer, bytes.byteOffset - length, length + bytes.length);
  }
  const frame = new Uint8Array(length + bytes.length);
  frame.set(bytes, length);
  return frame;
}

class JoiningEncoder extends Encoder {
  /** @returns the frames of a packet, in order */
  override encode(packet: Packet): (string | Uint8Array)[] {
    const parts: unknown[] = super.encode(packet);
    const [head, piece] = parts;
    const bytes = piece instanceof ArrayBuffer ? new Uint8Array(piece) : piece;
    if (parts.length !== 2 || typeof head !== 'string' || !(bytes instanceof Uint8Array)) {
      return parts as (string | Uint8Array)[];
    }
    const encoded = utf8.encode(head);
    if (encoded.length > MAX_TEXT_BYTES) return [head, bytes];
    const frame = frameOf(encoded.length, bytes);
    frame[0] = encoded.length & 0xff;
    frame[1] = encoded.length >> 8;
    frame.set(encoded, LENGTH_BYTES);
    return [frame];
  }
}

class JoinedDecoder extends Decoder {
  /** A text has come alone, whose bytes are to follow. */
  #awaitsBytes = false;

  constructor() {
    super();
    this.on('decoded', () => {
      this.#awaitsBytes = false;
    });
  }

  /**
   * Takes one frame; `decoded` is emitted for each packet that is whole.
   * @throws Error for a malformed frame; socket.io closes the connection then
   */
  override add(frame: unknown): void {
    if (typeof frame === 'string') {
      this.#awaitsBytes = WITH_BYTES.test(frame);
      super.add(frame);
    } else if (this.#awaitsBytes) {
      super.add(frame);
    } else {
      const bytes = frame instanceof ArrayBuffer ? new Uint8Array(frame) : frame;
      if (!(bytes instanceof Uint8Array) || bytes.length < LENGTH_BYTES) throw new Error('not a frame');
      const end = LENGTH_BYTES + (bytes[0]! | (bytes[1]! << 8));
      if (end > bytes.length) throw new Error('a frame shorter than its text');
      const head = text.decode(bytes.subarray(LENGTH_BYTES, end));
      if (!WITH_ONE_PIECE.test(head)) throw new Error('bytes after a text that holds none');
      super.add(head);
      super.add(bytes.subarray(end));
    }
  }
}

/** What socket.io's servers and clients are given as `parser`. */
export const joinedParser = { Encoder: JoiningEncoder, Decoder: JoinedDecoder };
