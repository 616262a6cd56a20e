/** The one source of fresh randomness: the platform's CSPRNG. Without it nothing runs (fail closed). */

/** Bytes of a seed or key. */
export const SEED_BYTES = 32;

/**
 * Fresh random bytes from `crypto.getRandomValues`.
 * @throws Error when the platform has no secure random number generator
 */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const source = (globalThis as { crypto?: Pick<Crypto, 'getRandomValues'> }).crypto;
  if (typeof source?.getRandomValues !== 'function') {
    throw new Error(
      'This platform has no secure random number generator (crypto.getRandomValues): nothing can be shared.',
    );
  }
  const bytes = new Uint8Array(length);
  // getRandomValues gives at most 65,536 bytes a call.
  for (let at = 0; at < length; at += 65_536)
    source.getRandomValues(bytes.subarray(at, Math.min(length, at + 65_536)));
  return bytes;
}

/** A fresh 256-bit seed. */
export function randomSeed(): Uint8Array<ArrayBuffer> {
  return randomBytes(SEED_BYTES);
}
