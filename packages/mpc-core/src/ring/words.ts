/**
 * Elements of Z_2^64 outside the kernels: conversions between BigInt and little-endian bytes. BigInt serves tests,
 * encoding of weights and decoding of a few logits, never a hot loop.
 */

/** Number of bytes of a ring word. */
export const WORD_BYTES = 8;

/** Reads n little-endian words as unsigned BigInts. */
export function readWords(bytes: Uint8Array, n: number = bytes.length / WORD_BYTES): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: n }, (_, i) => view.getBigUint64(WORD_BYTES * i, true));
}

/** Writes values modulo 2^64 as little-endian words. */
export function writeWords(values: readonly bigint[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(WORD_BYTES * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setBigUint64(WORD_BYTES * i, BigInt.asUintN(64, value), true);
  });
  return bytes;
}

/** The sum of equally long vectors of words, modulo 2^64. */
export function addWords(...vectors: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const sum = new Uint8Array(vectors[0].length);
  const out = new DataView(sum.buffer);
  const views = vectors.map((v) => new DataView(v.buffer, v.byteOffset, v.byteLength));
  for (let at = 0; at < sum.length; at += WORD_BYTES) {
    let total = 0n;
    for (const view of views) total += view.getBigUint64(at, true);
    out.setBigUint64(at, BigInt.asUintN(64, total), true);
  }
  return sum;
}
