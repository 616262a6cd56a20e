/** The numbers behind the pictures: ring words as greys, in hexadecimal, and as reals. */
import type { PredictionView } from '../../compute/worker/messages.js';

const WORD_BYTES = 8;
const RING = 1n << 64n;

/** x_0, x_1 and x_2 of the input, 8 bytes a pixel: worker i holds shares i and i + 1. */
export function inputShares({ views }: Pick<PredictionView, 'views'>): readonly Uint8Array[] {
  return views.map((view) => view.shares[0].bytes);
}

/** The word with this index, 0 to 2^64 - 1. */
export function wordAt(bytes: Uint8Array, index: number): bigint {
  const at = index * WORD_BYTES;
  let word = 0n;
  for (let byte = WORD_BYTES - 1; byte >= 0; byte--) word = (word << 8n) | BigInt(bytes[at + byte]!);
  return word;
}

/** The sum modulo 2^64. */
export function sumWords(words: readonly bigint[]): bigint {
  return words.reduce((sum, word) => (sum + word) % RING, 0n);
}

/** 16 hexadecimal digits in four groups. */
export function hexWord(word: bigint): string {
  return word
    .toString(16)
    .padStart(16, '0')
    .replace(/(.{4})(?!$)/g, '$1 ');
}

/** The high `bits` of a word, two's complement, over 2^fractionalBits: so replies carry what they add up to. */
export function realOf(word: bigint, bits: number, fractionalBits: number): number {
  return Number(BigInt.asIntN(64, word) >> BigInt(64 - bits)) / 2 ** fractionalBits;
}

/**
 * The sum of `shares`, word for word, as greys. One public rule for noise and for digits: numbers from 0 to 1 are white
 * to black, from 1 to 2 black to white, and so on for ever; so a random word is a random grey, and the digit is itself.
 */
export function greysOfSum(shares: readonly Uint8Array[], fractionalBits: number): Uint8Array {
  const views = shares.map((bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const one = 2 ** fractionalBits;
  return Uint8Array.from({ length: (views[0]?.byteLength ?? 0) / WORD_BYTES }, (_, index) => {
    // The low 32 bits are enough: two units of the scale are at most 2^25.
    const low = views.reduce((sum, view) => (sum + view.getUint32(index * WORD_BYTES, true)) >>> 0, 0);
    const within = low % (2 * one);
    return Math.round((255 * (within <= one ? within : 2 * one - within)) / one);
  });
}
