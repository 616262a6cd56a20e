// Bit-sliced comparison of a public number with a number known in products of its bits.
// See src/protocols/replicated/comparison.ts for the algorithm. A plane holds one bit of every value: `words`
// 64-bit words (a multiple of 2), value i in bit i mod 64 of word i / 64. All loops are independent of the data.

import { scratch } from './scratch';

// Where these lie in the scratch: twice up to 2^5 v128.
const FIRST: usize = 0;
const SECOND: usize = 512;

// @ts-ignore: decorator
@inline
function storeByteBits(out: usize, stride: usize, bytes: v128, count: u32): void {
  // Bit 7 comes first: adding a byte to itself shifts the next one up to where bitmask looks.
  let v = bytes;
  for (let bit: i32 = 7; bit >= 0; bit--) {
    if (<u32>bit < count) store<u16>(out + <usize>bit * stride, <u16>i8x16.bitmask(v));
    v = i8x16.add(v, v);
  }
}

// 16 words to 32 planes of 16 bits: bits first .. first + 31 of each, as far as they are wanted.
function sixteen(out: usize, stride: usize, src: usize, first: u32, bits: u32): void {
  const w01 = i64x2.shr_u(v128.load(src), first), w23 = i64x2.shr_u(v128.load(src, 16), first);
  const w45 = i64x2.shr_u(v128.load(src, 32), first), w67 = i64x2.shr_u(v128.load(src, 48), first);
  const w89 = i64x2.shr_u(v128.load(src, 64), first), wab = i64x2.shr_u(v128.load(src, 80), first);
  const wcd = i64x2.shr_u(v128.load(src, 96), first), wef = i64x2.shr_u(v128.load(src, 112), first);
  // Low halves, then bytes of equal rank side by side.
  const h0 = i8x16.shuffle(w01, w23, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  const h1 = i8x16.shuffle(w45, w67, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  const h2 = i8x16.shuffle(w89, wab, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  const h3 = i8x16.shuffle(wcd, wef, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  const a01 = i8x16.shuffle(h0, h1, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const b01 = i8x16.shuffle(h2, h3, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const a23 = i8x16.shuffle(h0, h1, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
  const b23 = i8x16.shuffle(h2, h3, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
  storeByteBits(out, stride, i8x16.shuffle(a01, b01, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), bits);
  if (bits <= 8) return;
  storeByteBits(out + 8 * stride, stride, i8x16.shuffle(a01, b01, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), bits - 8);
  if (bits <= 16) return;
  storeByteBits(out + 16 * stride, stride, i8x16.shuffle(a23, b23, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), bits - 16);
  if (bits <= 24) return;
  storeByteBits(out + 24 * stride, stride, i8x16.shuffle(a23, b23, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), bits - 24);
}

// Planes of the bits shift .. shift + bits - 1 of n words; bits past n are zero.
export function bitPlanes(dst: usize, src: usize, n: u32, shift: u32, bits: u32, words: u32): void {
  const stride: usize = <usize>words << 3;
  const whole = n >> 4;
  for (let p: usize = 0; p < bits; p++) memory.fill(dst + p * stride + (<usize>whole << 1), 0, stride - (<usize>whole << 1));
  for (let done: u32 = 0; done < bits; done += 32) {
    const wanted = min(bits - done, 32);
    const planes = dst + <usize>done * stride;
    for (let g: u32 = 0; g < whole; g++) {
      sixteen(planes + (<usize>g << 1), stride, src + (<usize>g << 7), shift + done, wanted);
    }
    if (n & 15) {
      const matrix = scratch; // 16 words
      memory.fill(matrix, 0, 128);
      memory.copy(matrix, src + (<usize>whole << 7), <usize>(n & 15) << 3);
      sixteen(planes + (<usize>whole << 1), stride, matrix, shift + done, wanted);
      memory.fill(matrix, 0, 128);
    }
  }
}

// Products of every non-empty subset of m planes: plane S - 1 is the AND of the planes in the bit set S.
export function subsetProducts(dst: usize, planes: usize, m: u32, words: u32): void {
  const stride: usize = <usize>words << 3;
  for (let s: u32 = 1; s < (<u32>1 << m); s++) {
    const lowest = planes + <usize>ctz(s) * stride;
    const rest = s & (s - 1);
    const out = dst + <usize>(s - 1) * stride;
    if (rest == 0) {
      memory.copy(out, lowest, stride);
    } else {
      const other = dst + <usize>(rest - 1) * stride;
      for (let i: usize = 0; i < stride; i += 16) v128.store(out + i, v128.and(v128.load(lowest + i), v128.load(other + i)));
    }
  }
}

// Shares of [c < r] and [c = r] for a block of m bits, c public, from shares of the subset products of r's bits.
// one: all-ones at the party that holds public constants, else 0.
export function compareBlock(
  less: usize, equal: usize, c: usize, products: usize, m: u32, words: u32, one: u64,
): void {
  const scratchA = scratch + FIRST, scratchB = scratch + SECOND;
  const stride: usize = <usize>words << 3;
  const unit = i64x2.splat(one);
  const ones = i64x2.splat(-1);
  const size: u32 = <u32>1 << m;
  for (let i: usize = 0; i < stride; i += 16) {
    v128.store(scratchA, unit);
    for (let s: u32 = 1; s < size; s++) v128.store(scratchA + (<usize>s << 4), v128.load(products + <usize>(s - 1) * stride + i));
    memory.fill(scratchB, 0, <usize>size << 4);
    for (let v: u32 = 0; v < m; v++) {
      const notC = v128.xor(v128.load(c + <usize>v * stride + i), ones);
      for (let s: u32 = 0, half: u32 = size >> (v + 1); s < half; s++) {
        const from: usize = <usize>s << 5;
        const withBit = v128.load(products + <usize>(((s << (v + 1)) | (<u32>1 << v)) - 1) * stride + i);
        const l = v128.xor(v128.and(notC, v128.xor(withBit, v128.load(scratchB + from))), v128.load(scratchB + from, 16));
        const e = v128.xor(v128.and(notC, v128.load(scratchA + from)), v128.load(scratchA + from, 16));
        v128.store(scratchB + (<usize>s << 4), l);
        v128.store(scratchA + (<usize>s << 4), e);
      }
    }
    v128.store(less + i, v128.load(scratchB));
    v128.store(equal + i, v128.load(scratchA));
  }
}

// Products that a group of g (less, equal) pairs needs, from its masks.
// masks: epsilon_low .. epsilon_{g-1}, then lambda_0 .. lambda_{g-2}; low = 0 if the group's equality is wanted, else 1.
// dst: products of two or more epsilons in order of their bit set, then for each j the products of lambda_j with
// every non-empty subset of epsilon_{j+1} .. epsilon_{g-1}.
export function groupProducts(dst: usize, masks: usize, g: u32, low: u32, words: u32): void {
  const scratchA = scratch + FIRST;
  const stride: usize = <usize>words << 3;
  const epsilons = g - low;
  const size: u32 = <u32>1 << epsilons;
  for (let i: usize = 0; i < stride; i += 16) {
    let out = dst + i;
    v128.store(scratchA, i64x2.splat(-1));
    for (let s: u32 = 1; s < size; s++) {
      const rest = s & (s - 1);
      const p = v128.and(v128.load(masks + <usize>ctz(s) * stride + i), v128.load(scratchA + (<usize>rest << 4)));
      v128.store(scratchA + (<usize>s << 4), p);
      if (rest != 0) {
        v128.store(out, p);
        out += stride;
      }
    }
    for (let j: u32 = 0; j + 1 < g; j++) {
      const lambda = v128.load(masks + <usize>(epsilons + j) * stride + i);
      const shift = j + 1 - low;
      for (let s: u32 = 1; s < (<u32>1 << (g - 1 - j)); s++) {
        v128.store(out, v128.and(lambda, v128.load(scratchA + (<usize>(s << shift) << 4))));
        out += stride;
      }
    }
  }
}

// Shares of the less and (if low = 0) equal of a whole group, from the opened masked bits.
// opened and masks: planes in the order of groupProducts' masks; lessTop: share of less_{g-1}, never opened.
export function combineGroup(
  less: usize, equal: usize, opened: usize, masks: usize, products: usize, lessTop: usize,
  g: u32, low: u32, words: u32, one: u64,
): void {
  const scratchA = scratch + FIRST, scratchB = scratch + SECOND;
  const stride: usize = <usize>words << 3;
  const epsilons = g - low;
  const size: u32 = <u32>1 << epsilons;
  for (let i: usize = 0; i < stride; i += 16) {
    let next = products + i;
    // scratchA[S]: share of the product of the epsilons in S
    v128.store(scratchA, i64x2.splat(one));
    for (let s: u32 = 1; s < size; s++) {
      if ((s & (s - 1)) == 0) {
        v128.store(scratchA + (<usize>s << 4), v128.load(masks + <usize>ctz(s) * stride + i));
      } else {
        v128.store(scratchA + (<usize>s << 4), v128.load(next));
        next += stride;
      }
    }
    // scratchB[S], S over epsilon_{j+1} .. : share of (less of pairs 0 .. j) times the product over S
    for (let j: u32 = 0; j + 1 < g; j++) {
      const openedLess = v128.load(opened + <usize>(epsilons + j) * stride + i);
      const lambda = v128.load(masks + <usize>(epsilons + j) * stride + i);
      const shift = j + 1 - low;
      const openedEqual = j == 0 ? openedLess : v128.load(opened + <usize>(j - low) * stride + i);
      for (let s: u32 = 0; s < (<u32>1 << (g - 1 - j)); s++) {
        let product = lambda;
        if (s != 0) {
          product = v128.load(next);
          next += stride;
        }
        let value = v128.xor(v128.and(openedLess, v128.load(scratchA + (<usize>(s << shift) << 4))), product);
        if (j != 0) {
          const from = scratchB + (<usize>s << 5);
          value = v128.xor(value, v128.xor(v128.and(openedEqual, v128.load(from)), v128.load(from, 16)));
        }
        v128.store(scratchB + (<usize>s << 4), value);
      }
    }
    const topEqual = v128.load(opened + <usize>(g - 1 - low) * stride + i);
    const lower = v128.xor(v128.and(topEqual, v128.load(scratchB)), v128.load(scratchB, 16));
    v128.store(less + i, v128.xor(lower, v128.load(lessTop + i)));
    if (low == 0) {
      for (let j: u32 = 0; j < g; j++) {
        const openedEqual = v128.load(opened + <usize>j * stride + i);
        for (let s: u32 = 0; s < size >> (j + 1); s++) {
          const from = scratchA + (<usize>s << 5);
          v128.store(scratchA + (<usize>s << 4), v128.xor(v128.and(openedEqual, v128.load(from)), v128.load(from, 16)));
        }
      }
      v128.store(equal + i, v128.load(scratchA));
    }
  }
}
