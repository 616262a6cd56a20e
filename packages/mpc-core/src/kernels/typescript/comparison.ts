/** Bit-sliced comparison in plain TypeScript: the same recurrences as assembly/comparison.ts, 32 values at a time. */
import type { Pointer } from '../kernels.js';
import type { Views } from './words.js';

const left = new Uint32Array(32);
const right = new Uint32Array(32);

function lowestBit(s: number): number {
  return 31 - Math.clz32(s & -s);
}

export function bitPlanes(
  v: Views,
  dst: Pointer,
  src: Pointer,
  n: number,
  shift: number,
  bits: number,
  words: number,
): void {
  const m = v.u32;
  m.fill(0, dst >>> 2, (dst >>> 2) + bits * words * 2);
  for (let i = 0; i < n; i++) {
    const low = m[(src >>> 2) + 2 * i];
    const high = m[(src >>> 2) + 2 * i + 1];
    for (let p = 0; p < bits; p++) {
      const position = shift + p;
      const bit = position < 32 ? (low >>> position) & 1 : (high >>> (position - 32)) & 1;
      m[(dst >>> 2) + p * words * 2 + (i >>> 5)] |= bit << (i & 31);
    }
  }
}

export function subsetProducts(v: Views, dst: Pointer, planes: Pointer, bits: number, words: number): void {
  const m = v.u32;
  const stride = words * 2;
  for (let s = 1; s < 1 << bits; s++) {
    const lowest = (planes >>> 2) + lowestBit(s) * stride;
    const rest = s & (s - 1);
    const out = (dst >>> 2) + (s - 1) * stride;
    const other = (dst >>> 2) + (rest - 1) * stride;
    for (let i = 0; i < stride; i++) m[out + i] = rest === 0 ? m[lowest + i] : m[lowest + i] & m[other + i];
  }
}

export function compareBlock(
  v: Views,
  less: Pointer,
  equal: Pointer,
  c: Pointer,
  products: Pointer,
  bits: number,
  words: number,
  holdsConstants: boolean,
): void {
  const m = v.u32;
  const stride = words * 2;
  const size = 1 << bits;
  for (let i = 0; i < stride; i++) {
    left[0] = holdsConstants ? 0xffffffff : 0;
    for (let s = 1; s < size; s++) left[s] = m[(products >>> 2) + (s - 1) * stride + i];
    right.fill(0);
    for (let b = 0; b < bits; b++) {
      const notC = ~m[(c >>> 2) + b * stride + i];
      for (let s = 0; s < size >> (b + 1); s++) {
        const withBit = m[(products >>> 2) + (((s << (b + 1)) | (1 << b)) - 1) * stride + i];
        right[s] = (notC & (withBit ^ right[2 * s])) ^ right[2 * s + 1];
        left[s] = (notC & left[2 * s]) ^ left[2 * s + 1];
      }
    }
    m[(less >>> 2) + i] = right[0];
    m[(equal >>> 2) + i] = left[0];
  }
}

export function groupProducts(
  v: Views,
  dst: Pointer,
  masks: Pointer,
  g: number,
  low: number,
  words: number,
): void {
  const m = v.u32;
  const stride = words * 2;
  const epsilons = g - low;
  for (let i = 0; i < stride; i++) {
    const mask = (index: number): number => m[(masks >>> 2) + index * stride + i];
    let out = (dst >>> 2) + i;
    left[0] = 0xffffffff;
    for (let s = 1; s < 1 << epsilons; s++) {
      const rest = s & (s - 1);
      left[s] = mask(lowestBit(s)) & left[rest];
      if (rest !== 0) {
        m[out] = left[s];
        out += stride;
      }
    }
    for (let j = 0; j + 1 < g; j++) {
      for (let s = 1; s < 1 << (g - 1 - j); s++) {
        m[out] = mask(epsilons + j) & left[s << (j + 1 - low)];
        out += stride;
      }
    }
  }
}

export function combineGroup(
  v: Views,
  less: Pointer,
  equal: Pointer,
  opened: Pointer,
  masks: Pointer,
  products: Pointer,
  lessTop: Pointer,
  g: number,
  low: number,
  words: number,
  holdsConstants: boolean,
): void {
  const m = v.u32;
  const stride = words * 2;
  const epsilons = g - low;
  const size = 1 << epsilons;
  for (let i = 0; i < stride; i++) {
    const plane = (base: Pointer, index: number): number => m[(base >>> 2) + index * stride + i];
    let next = 0;
    left[0] = holdsConstants ? 0xffffffff : 0;
    for (let s = 1; s < size; s++) {
      left[s] = (s & (s - 1)) === 0 ? plane(masks, lowestBit(s)) : plane(products, next++);
    }
    for (let j = 0; j + 1 < g; j++) {
      const openedLess = plane(opened, epsilons + j);
      for (let s = 0; s < 1 << (g - 1 - j); s++) {
        const product = s === 0 ? plane(masks, epsilons + j) : plane(products, next++);
        let value = (openedLess & left[s << (j + 1 - low)]) ^ product;
        if (j !== 0) value ^= (plane(opened, j - low) & right[2 * s]) ^ right[2 * s + 1];
        right[s] = value;
      }
    }
    m[(less >>> 2) + i] = (plane(opened, g - 1 - low) & right[0]) ^ right[1] ^ plane(lessTop, 0);
    if (low === 0) {
      for (let j = 0; j < g; j++) {
        for (let s = 0; s < size >> (j + 1); s++)
          left[s] = (plane(opened, j) & left[2 * s]) ^ left[2 * s + 1];
      }
      m[(equal >>> 2) + i] = left[0];
    }
  }
}
