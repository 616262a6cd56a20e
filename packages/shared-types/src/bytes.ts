/** Bytes and hex, the same in browsers and Node.js. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { TrivetError } from './errors.js';
import { Redacted } from './redacted.js';

export { bytesToHex, hexToBytes, utf8ToBytes };

/** Exactly `bytes` bytes as lowercase hex. Uppercase is refused: every id and digest has one spelling. */
export function hexSchema(bytes: number): z.ZodString {
  return z
    .string()
    .regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), `must be ${bytes} bytes in lowercase hexadecimal`);
}

/** SHA-256 (FIPS 180-4) of bytes, or of a text's UTF-8, in lowercase hex. */
export function sha256Hex(data: Uint8Array | string): string {
  return bytesToHex(sha256(typeof data === 'string' ? utf8ToBytes(data) : data));
}

/**
 * A binary attachment as bytes: socket.io delivers a Buffer in Node.js and an ArrayBuffer in browsers.
 * @throws TrivetError INVALID_ARGUMENT when it is anything else
 */
export function attachmentBytes(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TrivetError('INVALID_ARGUMENT', `${what} must be binary data.`);
}

/** Bytes that lie in several places, and are one after the other where they are sent. They are not shown when printed. */
export class BytesInPieces extends Redacted {
  readonly length: number;

  constructor(readonly pieces: readonly Uint8Array[]) {
    super();
    this.length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** Writes them to `target` from `offset` on. */
  copyTo(target: Uint8Array, offset: number): void {
    let at = offset;
    for (const piece of this.pieces) {
      target.set(piece, at);
      at += piece.length;
    }
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.length);
    this.copyTo(bytes, 0);
    return bytes;
  }

  toString(): string {
    return `[${this.length} bytes]`;
  }
}
