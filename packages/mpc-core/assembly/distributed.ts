// Distributed comparison: keys of a tree of ChaCha8 blocks, four gates at a time, one gate a lane.
// See src/protocols/fss/comparison.ts for the algorithm and the format of a key. Loops and addresses depend on public
// sizes and on the opened value C only, never on R, a seed or a control bit.

import { rotate, rotate16, rotate8 } from './chacha20';

const ROUNDS = 8;
// Bits of a comparison that one 128-bit leaf decides.
const LEAF_BITS = 7;

// One party's state for four gates, word j of the four seeds at 16 j, and what the generator makes of it: words 0 to 3 are the
// left child, 4 to 7 the right one, bits 0 and 1 of word 8 their control bits.
const leftSeed: usize = memory.data(64, 16);
const rightSeed: usize = memory.data(64, 16);
const leftOut: usize = memory.data(144, 16);
const rightOut: usize = memory.data(144, 16);
const leaf: usize = memory.data(64, 16);

// ChaCha with 128-bit keys (constants "expand 16-byte k", the key twice), one key a lane; words 12 to 15 are the tweak.
function generate(out: usize, seed: usize, gate: v128, level: u32, salt0: u32, salt1: u32): void {
  let x0 = i32x4.splat(0x61707865), x1 = i32x4.splat(0x3120646e);
  let x2 = i32x4.splat(0x79622d36), x3 = i32x4.splat(0x6b206574);
  let x4 = v128.load(seed), x5 = v128.load(seed, 16), x6 = v128.load(seed, 32), x7 = v128.load(seed, 48);
  let x8 = x4, x9 = x5, x10 = x6, x11 = x7;
  let x12 = gate, x13 = i32x4.splat(level), x14 = i32x4.splat(salt0), x15 = i32x4.splat(salt1);

  for (let round = 0; round < ROUNDS; round += 2) {
    x0 = i32x4.add(x0, x4); x12 = rotate16(v128.xor(x12, x0));
    x1 = i32x4.add(x1, x5); x13 = rotate16(v128.xor(x13, x1));
    x2 = i32x4.add(x2, x6); x14 = rotate16(v128.xor(x14, x2));
    x3 = i32x4.add(x3, x7); x15 = rotate16(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12); x4 = rotate(v128.xor(x4, x8), 12);
    x9 = i32x4.add(x9, x13); x5 = rotate(v128.xor(x5, x9), 12);
    x10 = i32x4.add(x10, x14); x6 = rotate(v128.xor(x6, x10), 12);
    x11 = i32x4.add(x11, x15); x7 = rotate(v128.xor(x7, x11), 12);
    x0 = i32x4.add(x0, x4); x12 = rotate8(v128.xor(x12, x0));
    x1 = i32x4.add(x1, x5); x13 = rotate8(v128.xor(x13, x1));
    x2 = i32x4.add(x2, x6); x14 = rotate8(v128.xor(x14, x2));
    x3 = i32x4.add(x3, x7); x15 = rotate8(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12); x4 = rotate(v128.xor(x4, x8), 7);
    x9 = i32x4.add(x9, x13); x5 = rotate(v128.xor(x5, x9), 7);
    x10 = i32x4.add(x10, x14); x6 = rotate(v128.xor(x6, x10), 7);
    x11 = i32x4.add(x11, x15); x7 = rotate(v128.xor(x7, x11), 7);

    x0 = i32x4.add(x0, x5); x15 = rotate16(v128.xor(x15, x0));
    x1 = i32x4.add(x1, x6); x12 = rotate16(v128.xor(x12, x1));
    x2 = i32x4.add(x2, x7); x13 = rotate16(v128.xor(x13, x2));
    x3 = i32x4.add(x3, x4); x14 = rotate16(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15); x5 = rotate(v128.xor(x5, x10), 12);
    x11 = i32x4.add(x11, x12); x6 = rotate(v128.xor(x6, x11), 12);
    x8 = i32x4.add(x8, x13); x7 = rotate(v128.xor(x7, x8), 12);
    x9 = i32x4.add(x9, x14); x4 = rotate(v128.xor(x4, x9), 12);
    x0 = i32x4.add(x0, x5); x15 = rotate8(v128.xor(x15, x0));
    x1 = i32x4.add(x1, x6); x12 = rotate8(v128.xor(x12, x1));
    x2 = i32x4.add(x2, x7); x13 = rotate8(v128.xor(x13, x2));
    x3 = i32x4.add(x3, x4); x14 = rotate8(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15); x5 = rotate(v128.xor(x5, x10), 7);
    x11 = i32x4.add(x11, x12); x6 = rotate(v128.xor(x6, x11), 7);
    x8 = i32x4.add(x8, x13); x7 = rotate(v128.xor(x7, x8), 7);
    x9 = i32x4.add(x9, x14); x4 = rotate(v128.xor(x4, x9), 7);
  }

  v128.store(out, i32x4.add(x0, i32x4.splat(0x61707865)));
  v128.store(out, i32x4.add(x1, i32x4.splat(0x3120646e)), 16);
  v128.store(out, i32x4.add(x2, i32x4.splat(0x79622d36)), 32);
  v128.store(out, i32x4.add(x3, i32x4.splat(0x6b206574)), 48);
  v128.store(out, i32x4.add(x4, v128.load(seed)), 64);
  v128.store(out, i32x4.add(x5, v128.load(seed, 16)), 80);
  v128.store(out, i32x4.add(x6, v128.load(seed, 32)), 96);
  v128.store(out, i32x4.add(x7, v128.load(seed, 48)), 112);
  v128.store(out, i32x4.add(x8, v128.load(seed)), 128);
}

// Four 16-byte rows at a, b, c, d to four vectors of their words at dst, or the other way round with store4.
// @ts-ignore: decorator
@inline
function load4(dst: usize, a: usize, b: usize, c: usize, d: usize): void {
  const ra = v128.load(a), rb = v128.load(b), rc = v128.load(c), rd = v128.load(d);
  const ab0 = i32x4.shuffle(ra, rb, 0, 4, 1, 5), ab1 = i32x4.shuffle(ra, rb, 2, 6, 3, 7);
  const cd0 = i32x4.shuffle(rc, rd, 0, 4, 1, 5), cd1 = i32x4.shuffle(rc, rd, 2, 6, 3, 7);
  v128.store(dst, i64x2.shuffle(ab0, cd0, 0, 2));
  v128.store(dst, i64x2.shuffle(ab0, cd0, 1, 3), 16);
  v128.store(dst, i64x2.shuffle(ab1, cd1, 0, 2), 32);
  v128.store(dst, i64x2.shuffle(ab1, cd1, 1, 3), 48);
}

// The last lanes of the last group may repeat a gate: the rows are stored from the last to the first, all equal.
// @ts-ignore: decorator
@inline
function store4(a: usize, b: usize, c: usize, d: usize, w0: v128, w1: v128, w2: v128, w3: v128): void {
  const ab0 = i32x4.shuffle(w0, w1, 0, 4, 1, 5), ab1 = i32x4.shuffle(w0, w1, 2, 6, 3, 7);
  const cd0 = i32x4.shuffle(w2, w3, 0, 4, 1, 5), cd1 = i32x4.shuffle(w2, w3, 2, 6, 3, 7);
  v128.store(d, i64x2.shuffle(ab1, cd1, 1, 3));
  v128.store(c, i64x2.shuffle(ab1, cd1, 0, 2));
  v128.store(b, i64x2.shuffle(ab0, cd0, 1, 3));
  v128.store(a, i64x2.shuffle(ab0, cd0, 0, 2));
}

// All-ones in the lanes where `bit` of x is set.
// @ts-ignore: decorator
@inline
function lanes(x: v128, bit: u32): v128 {
  return i32x4.shr_s(i32x4.shl(x, 31 - bit), 31);
}

// @ts-ignore: decorator
@inline
function word4(a: u64, b: u64, c: u64, d: u64): v128 {
  let v = i32x4.splat(<i32>a);
  v = i32x4.replace_lane(v, 1, <i32>b);
  v = i32x4.replace_lane(v, 2, <i32>c);
  return i32x4.replace_lane(v, 3, <i32>d);
}

// Word j of the 128 bits that are set below position `low` (0 to 127).
// @ts-ignore: decorator
@inline
function below(low: v128, j: i32): v128 {
  const count = i32x4.min_s(i32x4.max_s(i32x4.sub(low, i32x4.splat(32 * j)), i32x4.splat(0)), i32x4.splat(32));
  return word4(
    ((<u64>1 << <u64>i32x4.extract_lane(count, 0)) - 1), ((<u64>1 << <u64>i32x4.extract_lane(count, 1)) - 1),
    ((<u64>1 << <u64>i32x4.extract_lane(count, 2)) - 1), ((<u64>1 << <u64>i32x4.extract_lane(count, 3)) - 1),
  );
}

// Keys for n comparisons of a public C with R: bits shift .. shift + k - 2 of the words at r. See Kernels.comparisonKeys.
export function comparisonKeys(
  dst: usize, r: usize, left: usize, right: usize, n: u32, shift: u32, k: u32, tag: u32, salt0: u32, salt1: u32,
): void {
  const levels = k - 1 - LEAF_BITS;
  const pieces = (levels + 15) >> 4;
  const stride: usize = <usize>(16 * (levels + 1) + 4 * pieces);
  const mask: u64 = (<u64>1 << <u64>(k - 1)) - 1;
  const last = n - 1;
  const ones = i32x4.splat(-1);
  for (let i: u32 = 0; i < n; i += 4) {
    const i1 = min(i + 1, last), i2 = min(i + 2, last), i3 = min(i + 3, last);
    const d0 = dst + <usize>i * stride, d1 = dst + <usize>i1 * stride;
    const d2 = dst + <usize>i2 * stride, d3 = dst + <usize>i3 * stride;
    load4(leftSeed, left + (<usize>i << 4), left + (<usize>i1 << 4), left + (<usize>i2 << 4), left + (<usize>i3 << 4));
    load4(rightSeed, right + (<usize>i << 4), right + (<usize>i1 << 4), right + (<usize>i2 << 4), right + (<usize>i3 << 4));
    const r0 = (load<u64>(r + (<usize>i << 3)) >> <u64>shift) & mask;
    const r1 = (load<u64>(r + (<usize>i1 << 3)) >> <u64>shift) & mask;
    const r2 = (load<u64>(r + (<usize>i2 << 3)) >> <u64>shift) & mask;
    const r3 = (load<u64>(r + (<usize>i3 << 3)) >> <u64>shift) & mask;
    const low = word4(r0 & 127, r1 & 127, r2 & 127, r3 & 127);
    const path = word4(r0 >> 7, r1 >> 7, r2 >> 7, r3 >> 7);
    const high = word4(r0 >> 39, r1 >> 39, r2 >> 39, r3 >> 39);
    const gate = word4(i, i1, i2, i3);
    let leftOn = i32x4.splat(0), rightOn = ones;
    let control = i32x4.splat(0);
    let piece: usize = 16 * (levels + 1);
    for (let level: u32 = 0; level < levels; level++) {
      const bit = levels - 1 - level;
      const keepRight = bit < 32 ? lanes(path, bit) : lanes(high, bit - 32);
      generate(leftOut, leftSeed, gate, tag | level, salt0, salt1);
      generate(rightOut, rightSeed, gate, tag | level, salt0, salt1);
      // The child that is left: both parties come to agree on it, so that it counts for nothing.
      const w0 = v128.bitselect(v128.xor(v128.load(leftOut), v128.load(rightOut)), v128.xor(v128.load(leftOut, 64), v128.load(rightOut, 64)), keepRight);
      const w1 = v128.bitselect(v128.xor(v128.load(leftOut, 16), v128.load(rightOut, 16)), v128.xor(v128.load(leftOut, 80), v128.load(rightOut, 80)), keepRight);
      const w2 = v128.bitselect(v128.xor(v128.load(leftOut, 32), v128.load(rightOut, 32)), v128.xor(v128.load(leftOut, 96), v128.load(rightOut, 96)), keepRight);
      const w3 = v128.bitselect(v128.xor(v128.load(leftOut, 48), v128.load(rightOut, 48)), v128.xor(v128.load(leftOut, 112), v128.load(rightOut, 112)), keepRight);
      const at: usize = <usize>level << 4;
      store4(d0 + at, d1 + at, d2 + at, d3 + at, w0, w1, w2, w3);
      const leftBits = v128.load(leftOut, 128), rightBits = v128.load(rightOut, 128);
      const both = v128.xor(leftBits, rightBits);
      const onLeft = v128.xor(v128.xor(lanes(both, 0), keepRight), ones);
      const onRight = v128.xor(lanes(both, 1), keepRight);
      const step = v128.or(v128.and(onLeft, i32x4.splat(1)), v128.and(onRight, i32x4.splat(2)));
      control = v128.or(control, i32x4.shl(step, 2 * (level & 15)));
      if ((level & 15) == 15 || level + 1 == levels) {
        store<u32>(d3 + piece, i32x4.extract_lane(control, 3));
        store<u32>(d2 + piece, i32x4.extract_lane(control, 2));
        store<u32>(d1 + piece, i32x4.extract_lane(control, 1));
        store<u32>(d0 + piece, i32x4.extract_lane(control, 0));
        control = i32x4.splat(0);
        piece += 4;
      }
      descend(leftSeed, leftOut, keepRight, leftOn, w0, w1, w2, w3);
      descend(rightSeed, rightOut, keepRight, rightOn, w0, w1, w2, w3);
      const correction = v128.bitselect(onRight, onLeft, keepRight);
      leftOn = v128.xor(v128.bitselect(lanes(leftBits, 1), lanes(leftBits, 0), keepRight), v128.and(leftOn, correction));
      rightOn = v128.xor(v128.bitselect(lanes(rightBits, 1), lanes(rightBits, 0), keepRight), v128.and(rightOn, correction));
    }
    const at: usize = <usize>levels << 4;
    store4(
      d0 + at, d1 + at, d2 + at, d3 + at,
      v128.xor(v128.xor(v128.load(leftSeed), v128.load(rightSeed)), below(low, 0)),
      v128.xor(v128.xor(v128.load(leftSeed, 16), v128.load(rightSeed, 16)), below(low, 1)),
      v128.xor(v128.xor(v128.load(leftSeed, 32), v128.load(rightSeed, 32)), below(low, 2)),
      v128.xor(v128.xor(v128.load(leftSeed, 48), v128.load(rightSeed, 48)), below(low, 3)),
    );
  }
  // No seed stays behind.
  memory.fill(leftSeed, 0, 64);
  memory.fill(rightSeed, 0, 64);
  memory.fill(leftOut, 0, 144);
  memory.fill(rightOut, 0, 144);
}

// seed = the child at `right`, corrected by w where the control bit is on.
// @ts-ignore: decorator
@inline
function descend(seed: usize, out: usize, right: v128, on: v128, w0: v128, w1: v128, w2: v128, w3: v128): void {
  v128.store(seed, v128.xor(v128.bitselect(v128.load(out, 64), v128.load(out), right), v128.and(on, w0)));
  v128.store(seed, v128.xor(v128.bitselect(v128.load(out, 80), v128.load(out, 16), right), v128.and(on, w1)), 16);
  v128.store(seed, v128.xor(v128.bitselect(v128.load(out, 96), v128.load(out, 32), right), v128.and(on, w2)), 32);
  v128.store(seed, v128.xor(v128.bitselect(v128.load(out, 112), v128.load(out, 48), right), v128.and(on, w3)), 48);
}

// dst[i] = this party's share (0 or 1) of [t < 0] xor bits[i]. See Kernels.compareWithKeys.
export function compareWithKeys(
  dst: usize, c: usize, keys: usize, seeds: usize, bits: usize,
  n: u32, shift: u32, k: u32, tag: u32, salt0: u32, salt1: u32, isLeft: u32,
): void {
  const levels = k - 1 - LEAF_BITS;
  const pieces = (levels + 15) >> 4;
  const stride: usize = <usize>(16 * (levels + 1) + 4 * pieces);
  const mask: u64 = (<u64>1 << <u64>k) - 1;
  const pathMask: u64 = (<u64>1 << <u64>(k - 1)) - 1;
  const last = n - 1;
  const root = i32x4.splat(<i32>isLeft - 1);
  for (let i: u32 = 0; i < n; i += 4) {
    const i1 = min(i + 1, last), i2 = min(i + 2, last), i3 = min(i + 3, last);
    const k0 = keys + <usize>i * stride, k1 = keys + <usize>i1 * stride;
    const k2 = keys + <usize>i2 * stride, k3 = keys + <usize>i3 * stride;
    load4(leftSeed, seeds + (<usize>i << 4), seeds + (<usize>i1 << 4), seeds + (<usize>i2 << 4), seeds + (<usize>i3 << 4));
    const c0 = (load<u64>(c + (<usize>i << 3)) >> <u64>shift) & mask;
    const c1 = (load<u64>(c + (<usize>i1 << 3)) >> <u64>shift) & mask;
    const c2 = (load<u64>(c + (<usize>i2 << 3)) >> <u64>shift) & mask;
    const c3 = (load<u64>(c + (<usize>i3 << 3)) >> <u64>shift) & mask;
    const p0 = c0 & pathMask, p1 = c1 & pathMask, p2 = c2 & pathMask, p3 = c3 & pathMask;
    const path = word4(p0 >> 7, p1 >> 7, p2 >> 7, p3 >> 7);
    const high = word4(p0 >> 39, p1 >> 39, p2 >> 39, p3 >> 39);
    const gate = word4(i, i1, i2, i3);
    let on = root;
    let share = i32x4.splat(0);
    let control = i32x4.splat(0);
    let piece: usize = 16 * (levels + 1);
    for (let level: u32 = 0; level < levels; level++) {
      const bit = levels - 1 - level;
      const right = bit < 32 ? lanes(path, bit) : lanes(high, bit - 32);
      if ((level & 15) == 0) {
        control = word4(load<u32>(k0 + piece), load<u32>(k1 + piece), load<u32>(k2 + piece), load<u32>(k3 + piece));
        piece += 4;
      }
      generate(leftOut, leftSeed, gate, tag | level, salt0, salt1);
      const at: usize = <usize>level << 4;
      load4(rightSeed, k0 + at, k1 + at, k2 + at, k3 + at);
      descend(leftSeed, leftOut, right, on, v128.load(rightSeed), v128.load(rightSeed, 16), v128.load(rightSeed, 32), v128.load(rightSeed, 48));
      const made = v128.load(leftOut, 128);
      const position: u32 = 2 * (level & 15);
      const onLeft = v128.xor(lanes(made, 0), v128.and(on, lanes(control, position)));
      const onRight = v128.xor(lanes(made, 1), v128.and(on, lanes(control, position + 1)));
      // What lies right of the path is greater than C.
      share = v128.xor(share, v128.andnot(onRight, right));
      on = v128.bitselect(onRight, onLeft, right);
    }
    const at: usize = <usize>levels << 4;
    load4(rightSeed, k0 + at, k1 + at, k2 + at, k3 + at);
    for (let j: usize = 0; j < 64; j += 16) {
      v128.store(leaf + j, v128.xor(v128.load(leftSeed + j), v128.and(on, v128.load(rightSeed + j))));
    }
    put(dst, bits, i, 0, p0, i32x4.extract_lane(share, 0), c0 >> <u64>(k - 1), isLeft);
    if (i + 1 < n) put(dst, bits, i1, 1, p1, i32x4.extract_lane(share, 1), c1 >> <u64>(k - 1), isLeft);
    if (i + 2 < n) put(dst, bits, i2, 2, p2, i32x4.extract_lane(share, 2), c2 >> <u64>(k - 1), isLeft);
    if (i + 3 < n) put(dst, bits, i3, 3, p3, i32x4.extract_lane(share, 3), c3 >> <u64>(k - 1), isLeft);
  }
  memory.fill(leftSeed, 0, 64);
  memory.fill(leftOut, 0, 144);
  memory.fill(leaf, 0, 64);
}

// @ts-ignore: decorator
@inline
function put(dst: usize, bits: usize, index: u32, column: usize, path: u64, share: i32, top: u64, isLeft: u32): void {
  const word = load<u32>(leaf + (<usize>((path >> 5) & 3) << 4) + (column << 2));
  const bit = (load<u64>(bits + (<usize>(index >> 6) << 3)) >> <u64>(index & 63)) & 1;
  store<u64>(dst + (<usize>index << 3), (<u64>(word >> <u32>(path & 31)) & 1) ^ (<u64>share & 1) ^ bit ^ (top & <u64>isLeft));
}

// dst[i] = bit i of the plane ? b[i] : a[i]
export function choose(dst: usize, a: usize, b: usize, plane: usize, n: u32): void {
  for (let i: u32 = 0; i < n; i++) {
    const at: usize = <usize>i << 3;
    const mask: u64 = 0 - ((load<u64>(plane + (<usize>(i >> 6) << 3)) >> <u64>(i & 63)) & 1);
    const first = load<u64>(a + at);
    store<u64>(dst + at, first ^ (mask & (first ^ load<u64>(b + at))));
  }
}
