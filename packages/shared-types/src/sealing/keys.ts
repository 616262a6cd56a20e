/**
 * A worker's key for sealed messages: P-256, the KEM of RFC 9180 that every browser's and Node.js's own WebCrypto has.
 * X25519 costs the same there, but not every browser in use has it, and a second implementation beside it would be one
 * more thing to get wrong.
 */
import { CipherSuite, DhkemP256HkdfSha256, ExportOnly, HkdfSha256 } from '@hpke/core';
import { p256 } from '@noble/curves/nist.js';
import { bytesToHex, hexSchema, hexToBytes } from '../bytes.js';
import { TrivetError } from '../errors.js';
import { withHidden } from '../redacted.js';

/** Bytes of a public key: an uncompressed point. */
export const SEALING_KEY_BYTES = 65;

export const sealingKeySchema = hexSchema(SEALING_KEY_BYTES);

/** Which worker a client talks to, or is. */
export interface WorkerIdentity {
  readonly index: number;
  readonly name: string;
  /** Its public key for sealed messages, hex. */
  readonly publicKey: string;
}

/** A worker's key pair in lowercase hex: the scalar, 32 bytes, and the point. The secret one never leaves the worker. */
export interface SealingKeys {
  readonly secretKey: string;
  readonly publicKey: string;
}

/** HPKE as an authenticated key exchange: the AEAD is ours, so that both directions can have one (RFC 9180, section 9.8). */
export const suite = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new ExportOnly(),
});

/** Fresh keys, from the platform's secure random source. */
export function generateSealingKeys(): SealingKeys {
  const { secretKey } = p256.keygen();
  const publicKey = bytesToHex(p256.getPublicKey(secretKey, false));
  const keys = withHidden({ publicKey }, { secretKey: bytesToHex(secretKey) });
  secretKey.fill(0);
  return keys;
}

/** The public key that belongs to a secret one. @throws TrivetError INVALID_ARGUMENT when it is no key */
export function sealingPublicKey(secretKeyHex: string): string {
  const secret = secretBytes(secretKeyHex);
  const publicKey = bytesToHex(p256.getPublicKey(secret, false));
  secret.fill(0);
  return publicKey;
}

/** Whether this is the hex of a point of the curve. */
export function isSealingPublicKey(publicKeyHex: string): boolean {
  if (!sealingKeySchema.safeParse(publicKeyHex).success) return false;
  try {
    p256.Point.fromHex(publicKeyHex).assertValidity();
    return true;
  } catch {
    return false;
  }
}

/** A worker, with its key pair as WebCrypto keeps it: the secret key cannot be read out again. */
export interface SealingWorker extends WorkerIdentity {
  readonly keys: CryptoKeyPair;
}

/** @throws TrivetError INVALID_ARGUMENT when it is no key */
export async function sealingWorker(
  index: number,
  name: string,
  secretKeyHex: string,
): Promise<SealingWorker> {
  const publicKey = sealingPublicKey(secretKeyHex);
  return { index, name, publicKey, keys: await importKeys(secretKeyHex) };
}

async function importKeys(secretKeyHex: string): Promise<CryptoKeyPair> {
  const secret = secretBytes(secretKeyHex);
  const point = p256.getPublicKey(secret, false);
  const coordinates = { x: base64Url(point.subarray(1, 33)), y: base64Url(point.subarray(33)) };
  const jwk = { kty: 'EC', crv: 'P-256', ...coordinates } as const;
  const d = base64Url(secret);
  secret.fill(0);
  return {
    privateKey: await suite.kem.importKey('jwk', { ...jwk, d, key_ops: ['deriveBits'] }, false),
    publicKey: await suite.kem.importKey('jwk', { ...jwk, key_ops: [] }, true),
  };
}

function secretBytes(hex: string): Uint8Array {
  if (hexSchema(32).safeParse(hex).success) {
    const bytes = hexToBytes(hex);
    if (p256.utils.isValidSecretKey(bytes)) return bytes;
  }
  throw new TrivetError(
    'INVALID_ARGUMENT',
    'A key for sealed messages is 32 bytes in lowercase hexadecimal.',
  );
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}
