/**
 * Fixed point: v is the ring element round(v 2^f), two's complement. Rounding is half to even.
 */
import { WORD_BYTES } from '../ring/words.js';

/** Inputs must stay below this after scaling, so that f32 pipelines (WebGPU) encode them exactly. */
export const INPUT_LIMIT = 2 ** 31;

/** Doubles from 2^52 on are whole: adding this rounds half to even, as IEEE 754 does, and taking it away is exact. */
const ROUNDER = 1.5 * 2 ** 52;

/** Round half to even, for |x| < 2^52. */
export function roundHalfToEven(x: number): number {
  if (Math.abs(x) < 2 ** 51) return x + ROUNDER - ROUNDER;
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Encodes model inputs: roundHalfToEven(fround(v) 2^f), 8 little-endian bytes each.
 *
 * @param words where they are written, in two halves each; memory of their own unless told
 * @throws RangeError when an input is not finite or |v| 2^f reaches 2^31; those before it are written
 */
export function encodeInputs(
  inputs: Float32Array,
  fractionalBits: number,
  words: Int32Array = new Int32Array(inputs.length * 2),
): Uint8Array {
  const scale = 2 ** fractionalBits;
  for (let i = 0; i < inputs.length; i++) {
    const scaled = inputs[i] * scale;
    if (!(Math.abs(scaled) < INPUT_LIMIT)) {
      throw new RangeError(
        `Input ${i} is ${Number.isFinite(scaled) ? 'too large' : 'not a finite number'} to be encoded with ${fractionalBits} fractional bits.`,
      );
    }
    const value = roundHalfToEven(scaled);
    words[2 * i] = value;
    words[2 * i + 1] = value < 0 ? -1 : 0;
  }
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/**
 * Encodes weights: roundHalfToEven(v 2^f) as 64-bit words, exact up to 2^53 and correctly rounded doubles beyond.
 *
 * @throws RangeError when a weight is not finite or |v| 2^f reaches 2^62
 */
export function encodeWeights(values: Float64Array, fractionalBits: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * WORD_BYTES);
  const view = new DataView(bytes.buffer);
  const scale = 2 ** fractionalBits;
  for (let i = 0; i < values.length; i++) {
    const scaled = values[i] * scale;
    if (!(Math.abs(scaled) < 2 ** 62)) {
      throw new RangeError(
        `Weight ${i} (${values[i]}) cannot be encoded with ${fractionalBits} fractional bits.`,
      );
    }
    view.setBigInt64(
      WORD_BYTES * i,
      BigInt(Math.abs(scaled) < 2 ** 52 ? roundHalfToEven(scaled) : scaled),
      true,
    );
  }
  return bytes;
}
