/**
 * The envelope of a file at rest: AES-256-GCM (NIST SP 800-38D) in chunks, after the STREAM construction of Hoang,
 * Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance" (CRYPTO 2015),
 * with a key for each file, as in Tink's streaming AEAD. Little-endian:
 *
 *     0  "TRIVET\0" 7, format 2 u8        16  how the key was made: 0 key, 1 scrypt; log2 N, r, p; u8 each
 *     8  key id 8                         20  log2 of the chunk size u8, 0 u8 × 3
 *     24 length of the content u64        32  salt of the file key 32
 *     64 salt of the passphrase 16        80  start of the nonces 7, 0 u8
 *     88 chunks: ciphertext, tag 16
 *
 * The file key is HKDF-SHA256 (RFC 5869) of the key with the file's salt, 256 random bits, and with the header and the
 * file's name as info: so no nonce is ever used twice with one key, however many files there are, and a header or name that
 * was changed gives another key. The nonce of a chunk is the header's 7 random bytes, the chunk's number (u32,
 * big-endian), and whether it is the last one: a chunk that is dropped, repeated, moved, or cut off is noticed. The length
 * tells a file that was cut short from one that was changed. Nothing is handed out before its chunk is authenticated.
 *
 * Rejected: one GCM message a file (the format of before, which holds all of it in memory and ends at 64 GiB), and
 * AES-SIV (not in node:crypto). Not prevented: an older copy of the whole file in its place.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import {
  type Derivation,
  KEY_BYTES,
  KEY_ID_BYTES,
  type KeyRing,
  keyId,
  PASSPHRASE_SALT_BYTES,
} from './key-ring.js';
import { SealError } from './seal-error.js';

export const HEADER_BYTES = 88;
const TAG_BYTES = 16;
const MAGIC = Buffer.from('TRIVET\0', 'latin1');
const FORMAT = 2;
const LOG_CHUNK = 16;
const SALT_BYTES = 32;
const NONCE_START_BYTES = 7;
const CIPHER = 'aes-256-gcm';
const INFO = 'trivet at rest v2\n';

/** A file's header, which is not authenticated before a chunk was opened. */
interface Header {
  /** Of the key, in hex. */
  readonly keyId: string;
  readonly derivation: Derivation;
  /** Of the content, in bytes. */
  readonly length: number;
  readonly chunkBytes: number;
  readonly bytes: Buffer;
}

/** Whether a file that begins so was written by `seal`, of any format. */
export function isSealed(start: Uint8Array): boolean {
  return MAGIC.equals(start.subarray(0, MAGIC.length));
}

/** Bytes of a sealed file with this content. */
function sealedBytes({ length, chunkBytes }: Header): number {
  return HEADER_BYTES + length + TAG_BYTES * Math.max(1, Math.ceil(length / chunkBytes));
}

/** Seals one file's content, chunk by chunk. */
export class Sealer {
  readonly header: Buffer;
  readonly chunkBytes = 2 ** LOG_CHUNK;
  readonly #chunks: Chunks;

  private constructor(header: Buffer, key: Buffer, name: string) {
    this.header = header;
    this.#chunks = new Chunks(header, key, name);
  }

  /**
   * @param name what the file is called, which is authenticated
   * @param length of the content, in bytes
   */
  static async create(ring: KeyRing, name: string, length: number): Promise<Sealer> {
    const { key, derivation } = await ring.sealingKey();
    const header = Buffer.alloc(HEADER_BYTES);
    MAGIC.copy(header);
    header[7] = FORMAT;
    header.write(keyId(key), 8, 'hex');
    if (derivation !== null) {
      header.set([1, derivation.logN, derivation.r, derivation.p], 16);
      derivation.salt.copy(header, 64);
    }
    header[20] = LOG_CHUNK;
    header.writeBigUInt64LE(BigInt(length), 24);
    randomBytes(SALT_BYTES).copy(header, 32);
    randomBytes(NONCE_START_BYTES).copy(header, 80);
    return new Sealer(header, key, name);
  }

  /** The next chunk, in order; all but the last have `chunkBytes` bytes. */
  seal(parts: readonly Uint8Array[], isLast: boolean): Buffer {
    return this.#chunks.seal(parts, isLast);
  }
}

/** Opens one file's chunks, in order. */
export class Opener {
  readonly length: number;
  /** Of a chunk on disk, its tag included; the last one may be smaller. */
  readonly sealedChunkBytes: number;
  readonly #chunks: Chunks;
  readonly #file: string;

  private constructor(header: Header, key: Buffer, name: string, file: string) {
    this.length = header.length;
    this.sealedChunkBytes = header.chunkBytes + TAG_BYTES;
    this.#chunks = new Chunks(header.bytes, key, name);
    this.#file = file;
  }

  /**
   * @param start at least the first 88 bytes, or all of a shorter file
   * @param fileBytes size of the sealed file
   * @param file its path, for the error's sentence
   * @throws SealError
   */
  static async create(
    ring: KeyRing,
    name: string,
    start: Buffer,
    fileBytes: number,
    file: string,
  ): Promise<Opener> {
    const header = parseHeader(start, file);
    const key = await ring.openingKey(header.keyId, header.derivation, file);
    if (fileBytes !== sealedBytes(header)) {
      const how = fileBytes < sealedBytes(header) ? 'is cut short' : 'is longer than it was written';
      throw new SealError(
        'CUT_SHORT',
        `The file ${file} ${how}: it has ${fileBytes} bytes, and its header says ${sealedBytes(header)}.`,
      );
    }
    return new Opener(header, key, name, file);
  }

  /** The content of the next chunk. @throws SealError CHANGED */
  open(chunk: Buffer, isLast: boolean): Buffer {
    const content = this.#chunks.open(chunk, isLast);
    if (content !== null) return content;
    throw new SealError(
      'CHANGED',
      `The file ${this.#file} was changed since it was written, or given another name: its authentication fails.`,
    );
  }
}

/** Seals a content that is in memory. */
export async function sealBytes(
  ring: KeyRing,
  name: string,
  parts: readonly Uint8Array[],
): Promise<Buffer[]> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const sealer = await Sealer.create(ring, name, length);
  const sealed = [sealer.header];
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; ) {
      if (bytes === sealer.chunkBytes) {
        sealed.push(sealer.seal(waiting, false));
        waiting = [];
        bytes = 0;
      }
      const piece = part.subarray(at, at + sealer.chunkBytes - bytes);
      waiting.push(piece);
      bytes += piece.length;
      at += piece.length;
    }
  }
  sealed.push(sealer.seal(waiting, true));
  return sealed;
}

/** @param file its path, for the error's sentence. @throws SealError */
export async function openBytes(ring: KeyRing, name: string, sealed: Buffer, file: string): Promise<Buffer> {
  const opener = await Opener.create(ring, name, sealed, sealed.length, file);
  const content = Buffer.allocUnsafe(opener.length);
  let to = 0;
  for (let at = HEADER_BYTES; at < sealed.length; at += opener.sealedChunkBytes) {
    const end = Math.min(at + opener.sealedChunkBytes, sealed.length);
    to += opener.open(sealed.subarray(at, end), end === sealed.length).copy(content, to);
  }
  return content;
}

/**
 * @param start at least the first 88 bytes, or all of a shorter file
 * @throws SealError NOT_ENCRYPTED, UNKNOWN_FORMAT, CUT_SHORT
 */
export function parseHeader(start: Buffer, file: string): Header {
  if (start.length < MAGIC.length && MAGIC.subarray(0, start.length).equals(start)) {
    throw new SealError('CUT_SHORT', `The file ${file} is cut short: only ${start.length} bytes are left.`);
  }
  if (!isSealed(start)) throw new SealError('NOT_ENCRYPTED', `The file ${file} is not encrypted.`);
  if (start.length > 7 && start[7] !== FORMAT) {
    throw new SealError(
      'UNKNOWN_FORMAT',
      `The file ${file} has the format ${start[7]}, and this release knows format ${FORMAT}.`,
    );
  }
  if (start.length < HEADER_BYTES) throw new SealError('CUT_SHORT', `The file ${file} is cut short.`);
  const bytes = Buffer.from(start.subarray(0, HEADER_BYTES));
  const [kind, logN, r, p, logChunk] = bytes.subarray(16, 21) as unknown as [
    number,
    number,
    number,
    number,
    number,
  ];
  const length = bytes.readBigUInt64LE(24);
  if (kind > 1 || logChunk !== LOG_CHUNK || length > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new SealError('UNKNOWN_FORMAT', `The file ${file} has a header that this release does not know.`);
  }
  const salt = bytes.subarray(64, 64 + PASSPHRASE_SALT_BYTES);
  return {
    bytes,
    keyId: bytes.toString('hex', 8, 8 + KEY_ID_BYTES),
    derivation: kind === 0 ? null : { logN, r, p, salt },
    length: Number(length),
    chunkBytes: 2 ** logChunk,
  };
}

class Chunks {
  readonly #key: Buffer;
  readonly #nonce: Buffer;
  #number = 0;
  #isOver = false;

  constructor(header: Buffer, key: Buffer, name: string) {
    const salt = header.subarray(32, 32 + SALT_BYTES);
    const info = Buffer.concat([Buffer.from(INFO), header, Buffer.from(name, 'utf8')]);
    this.#key = Buffer.from(hkdfSync('sha256', key, salt, info, KEY_BYTES));
    this.#nonce = Buffer.concat([header.subarray(80, 80 + NONCE_START_BYTES), Buffer.alloc(5)]);
  }

  seal(parts: readonly Uint8Array[], isLast: boolean): Buffer {
    const cipher = createCipheriv(CIPHER, this.#key, this.#next(isLast), { authTagLength: TAG_BYTES });
    if (isLast) this.#wipe();
    return Buffer.concat([...parts.map((part) => cipher.update(part)), cipher.final(), cipher.getAuthTag()]);
  }

  /** Null when it is not authentic. */
  open(chunk: Buffer, isLast: boolean): Buffer | null {
    if (chunk.length < TAG_BYTES) return null;
    const decipher = createDecipheriv(CIPHER, this.#key, this.#next(isLast), { authTagLength: TAG_BYTES });
    if (isLast) this.#wipe();
    decipher.setAuthTag(chunk.subarray(chunk.length - TAG_BYTES));
    const content = decipher.update(chunk.subarray(0, chunk.length - TAG_BYTES));
    try {
      decipher.final();
      return content;
    } catch {
      return null;
    }
  }

  /** Nothing comes after the last chunk: the file's key is of no more use, and one of zeros must not be used. */
  #wipe(): void {
    this.#key.fill(0);
    this.#isOver = true;
  }

  #next(isLast: boolean): Buffer {
    if (this.#isOver) throw new Error('The last chunk of the file has been.');
    if (this.#number > 0xffff_ffff) throw new Error('A sealed file has 2^32 chunks at most.');
    this.#nonce.writeUInt32BE(this.#number, NONCE_START_BYTES);
    this.#nonce[11] = isLast ? 1 : 0;
    this.#number += 1;
    return this.#nonce;
  }
}
