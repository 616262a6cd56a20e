/**
 * Element-wise kernels in plain TypeScript: a 64-bit word is two 32-bit halves, low first. This is the readable
 * version and the fallback; BigInt would be slower still and stays in the tests.
 */
import type { Pointer } from '../kernels.js';

/** Typed views of one buffer, taken once per growth. */
export interface Views {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
}

export function add(v: Views, dst: Pointer, a: Pointer, b: Pointer, n: number): void {
  const m = v.u32;
  for (let i = 0, d = dst >>> 2, p = a >>> 2, q = b >>> 2; i < n; i++, d += 2, p += 2, q += 2) {
    const low = m[p] + m[q];
    const high = m[p + 1] + m[q + 1] + (low > 0xffffffff ? 1 : 0);
    m[d] = low;
    m[d + 1] = high;
  }
}

export function subtract(v: Views, dst: Pointer, a: Pointer, b: Pointer, n: number): void {
  const m = v.u32;
  for (let i = 0, d = dst >>> 2, p = a >>> 2, q = b >>> 2; i < n; i++, d += 2, p += 2, q += 2) {
    const low = m[p] - m[q];
    const high = m[p + 1] - m[q + 1] - (low < 0 ? 1 : 0);
    m[d] = low;
    m[d + 1] = high;
  }
}

export function addConstant(v: Views, dst: Pointer, a: Pointer, low: number, high: number, n: number): void {
  const m = v.u32;
  for (let i = 0, d = dst >>> 2, p = a >>> 2; i < n; i++, d += 2, p += 2) {
    const sum = m[p] + (low >>> 0);
    m[d + 1] = m[p + 1] + (high >>> 0) + (sum > 0xffffffff ? 1 : 0);
    m[d] = sum;
  }
}

export function addBias(
  v: Views,
  dst: Pointer,
  a: Pointer,
  bias: Pointer,
  rows: number,
  channels: number,
): void {
  for (let r = 0; r < rows; r++) add(v, dst + r * channels * 8, a + r * channels * 8, bias, channels);
}

export function xor(v: Views, dst: Pointer, a: Pointer, b: Pointer, bytes: number): void {
  const m = v.u32;
  for (let i = 0, d = dst >>> 2, p = a >>> 2, q = b >>> 2; i < bytes >>> 2; i++)
    m[d + i] = m[p + i] ^ m[q + i];
}

export function pack(v: Views, dst: Pointer, src: Pointer, n: number, width: number): void {
  const m = v.u8;
  for (let i = 0; i < n; i++) {
    for (let b = 0; b < width; b++) m[dst + i * width + b] = m[src + i * 8 + b];
  }
}

export function unpack(v: Views, dst: Pointer, src: Pointer, n: number, width: number): void {
  const m = v.u8;
  for (let i = 0; i < n; i++) {
    for (let b = 0; b < 8; b++) m[dst + i * 8 + b] = b < width ? m[src + i * width + b] : 0;
  }
}

export function gather(
  v: Views,
  dst: Pointer,
  src: Pointer,
  indices: Pointer,
  n: number,
  batch: number,
  srcStride: number,
): void {
  const m = v.u32;
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < n; i++) {
      const index = v.i32[(indices >>> 2) + i];
      const from = (src >>> 2) + (b * srcStride + index) * 2;
      const to = (dst >>> 2) + (b * n + i) * 2;
      m[to] = index < 0 ? 0 : m[from];
      m[to + 1] = index < 0 ? 0 : m[from + 1];
    }
  }
}

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
export function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = a0 * b1 + (middle % 65_536);
  return (a1 * b1 + Math.floor(middle / 65_536) + Math.floor(carry / 65_536)) >>> 0;
}
