/**
 * Encryption at rest: AES-256-GCM (NIST SP 800-38D) by node:crypto, one file a message.
 *
 *     "TRIVET\0\1" 8 | key id 8 | nonce 12 | ciphertext | tag 16
 *
 * The last byte of the magic is the format's version. Header and file name are authenticated with the content, so
 * that neither can be swapped. The nonce is 96 random bits: below 2^32 files a key, a repetition is less likely than
 * 2^-32 (section 8.3). The key id is a hash of the key, to tell a wrong key from a damaged file.
 * Not prevented: replacing a file by an older copy of itself.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { TrivetError } from '@trivet/shared-types';

const MAGIC = Buffer.from('TRIVET\0\x01', 'latin1');
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = MAGIC.length + KEY_ID_BYTES + NONCE_BYTES;
const CIPHER = 'aes-256-gcm';

/** @param name the file's base name, which is authenticated */
export function seal(key: Uint8Array, name: string, parts: readonly Uint8Array[]): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const header = Buffer.concat([MAGIC, keyId(key), nonce]);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, Buffer.from(name, 'utf8')]));
  const body = parts.map((part) => cipher.update(part));
  return Buffer.concat([header, ...body, cipher.final(), cipher.getAuthTag()]);
}

/**
 * @param file the path, for the error's sentence
 * @throws TrivetError FAILED_PRECONDITION when the file is foreign, encrypted with another key, or was changed
 */
export function open(key: Uint8Array, name: string, sealed: Buffer, file: string): Buffer {
  const refuse = (what: string) => new TrivetError('FAILED_PRECONDITION', `The file ${file} ${what}.`);
  if (sealed.length < HEADER_BYTES + TAG_BYTES || !sealed.subarray(0, 7).equals(MAGIC.subarray(0, 7))) {
    throw refuse('is no file of this store, or is cut short');
  }
  if (sealed[7] !== MAGIC[7]) throw refuse(`has the unknown format ${sealed[7]}`);
  const keyIdEnd = MAGIC.length + KEY_ID_BYTES;
  if (!sealed.subarray(MAGIC.length, keyIdEnd).equals(keyId(key))) {
    throw refuse('is encrypted with another key than the store key of this worker');
  }
  const nonce = sealed.subarray(keyIdEnd, HEADER_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([sealed.subarray(0, HEADER_BYTES), Buffer.from(name, 'utf8')]));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    const content = decipher.update(sealed.subarray(HEADER_BYTES, sealed.length - TAG_BYTES));
    decipher.final();
    return content;
  } catch {
    throw refuse('was changed since it was written: its authentication fails');
  }
}

function keyId(key: Uint8Array): Buffer {
  return createHash('sha256')
    .update('trivet store key id v1\n')
    .update(key)
    .digest()
    .subarray(0, KEY_ID_BYTES);
}
