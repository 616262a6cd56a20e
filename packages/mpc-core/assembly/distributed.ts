// Distributed comparison: keys of a tree of ChaCha8 blocks, four gates at a time, one gate a lane.
// See src/protocols/fss/comparison.ts for the algorithm and the format of a key. Loops and addresses depend on public
// sizes and on the opened value C only, never on R, a seed or a control bit.

import { rotate, rotate16, rotate8 } from './chacha20';
import { scratch } from './scratch';

const ROUNDS = 8;
// Bits of a comparison that one leaf decides.
const LEAF_BITS = 7;
// A level's three corrections of 16 bytes.
const LEVEL_BYTES: usize = 48;

// Where these lie in the scratch. A node of one party's tree for four gates, word j of the four at 16 j, and what the generator
// makes of it: words 4 j to 4 j + 3 are child j. A node is a seed of 127 bits and, as bit 0 of word 0, its control bit.
const LEFT_NODE: usize = 0;
const RIGHT_NODE: usize = 64;
const LEFT_OUT: usize = 128;
const RIGHT_OUT: usize = 384;
// Corrections of the four children of a level, as the generator's output lies.
const CORRECTIONS: usize = 640;
const LEAF: usize = 896;

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
  v128.store(out, i32x4.add(x9, v128.load(seed, 16)), 144);
  v128.store(out, i32x4.add(x10, v128.load(seed, 32)), 160);
  v128.store(out, i32x4.add(x11, v128.load(seed, 48)), 176);
  v128.store(out, i32x4.add(x12, gate), 192);
  v128.store(out, i32x4.add(x13, i32x4.splat(level)), 208);
  v128.store(out, i32x4.add(x14, i32x4.splat(salt0)), 224);
  v128.store(out, i32x4.add(x15, i32x4.splat(salt1)), 240);
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

// Word j of the 128 bits of which those from 1 to `low` (0 to 127) are set.
// @ts-ignore: decorator
@inline
function below(low: v128, j: i32): v128 {
  const count = i32x4.min_s(i32x4.max_s(i32x4.sub(low, i32x4.splat(32 * j - 1)), i32x4.splat(0)), i32x4.splat(32));
  const set = word4(
    ((<u64>1 << <u64>i32x4.extract_lane(count, 0)) - 1), ((<u64>1 << <u64>i32x4.extract_lane(count, 1)) - 1),
    ((<u64>1 << <u64>i32x4.extract_lane(count, 2)) - 1), ((<u64>1 << <u64>i32x4.extract_lane(count, 3)) - 1),
  );
  return j == 0 ? v128.and(set, i32x4.splat(-2)) : set;
}

// Word j of the child that the two bits of a turn say.
// @ts-ignore: decorator
@inline
function pick(children: usize, j: usize, high: v128, low: v128): v128 {
  const at = children + (j << 4);
  return v128.bitselect(
    v128.bitselect(v128.load(at, 192), v128.load(at, 128), low),
    v128.bitselect(v128.load(at, 64), v128.load(at), low),
    high,
  );
}

// node = the child at the turn, corrected by w where the control bit was on.
// @ts-ignore: decorator
@inline
function descend(node: usize, out: usize, high: v128, low: v128, on: v128, w0: v128, w1: v128, w2: v128, w3: v128): void {
  v128.store(node, v128.xor(pick(out, 0, high, low), v128.and(on, w0)));
  v128.store(node, v128.xor(pick(out, 1, high, low), v128.and(on, w1)), 16);
  v128.store(node, v128.xor(pick(out, 2, high, low), v128.and(on, w2)), 32);
  v128.store(node, v128.xor(pick(out, 3, high, low), v128.and(on, w3)), 48);
}

// One gate's corrections of child `turn` at a level of its key: child 0's are the sum of the other three's.
// @ts-ignore: decorator
@inline
function correctionOf(key: usize, turn: u64): v128 {
  const all: u64 = 0 - <u64>(turn == 0);
  const first = v128.and(v128.load(key), i64x2.splat(<i64>(all | (0 - <u64>(turn == 1)))));
  const second = v128.and(v128.load(key, 16), i64x2.splat(<i64>(all | (0 - <u64>(turn == 2)))));
  const third = v128.and(v128.load(key, 32), i64x2.splat(<i64>(all | (0 - <u64>(turn == 3)))));
  return v128.xor(v128.xor(first, second), third);
}

// Child 0's corrections from those of the other three; `parity` has bit 0 of word 0 flipped where it is odd.
// @ts-ignore: decorator
@inline
function completeCorrections(corrections: usize, parity: v128): void {
  for (let at = corrections; at < corrections + 64; at += 16) {
    v128.store(at, v128.xor(v128.xor(v128.load(at, 64), v128.load(at, 128)), v128.load(at, 192)));
  }
  v128.store(corrections, v128.xor(v128.load(corrections), v128.and(parity, i32x4.splat(1))));
}

// Bytes of a key: see comparisonKeyBytes.
// @ts-ignore: decorator
@inline
function keyBytes(levels: u32): usize {
  return LEVEL_BYTES * <usize>levels + 16 + <usize>(4 * ((levels + 7) >> 3));
}

// Keys for n comparisons of a public C with R: bits shift .. shift + k - 2 of the words at r. See Kernels.comparisonKeys.
export function comparisonKeys(
  dst: usize, r: usize, left: usize, right: usize, n: u32, firstGate: u32, shift: u32, k: u32, tag: u32, salt0: u32, salt1: u32,
): void {
  const leftNode = scratch + LEFT_NODE, rightNode = scratch + RIGHT_NODE;
  const leftOut = scratch + LEFT_OUT, rightOut = scratch + RIGHT_OUT, corrections = scratch + CORRECTIONS;
  const levels = (k - LEAF_BITS) >> 1;
  const stride = keyBytes(levels);
  const mask: u64 = (<u64>1 << <u64>(k - 1)) - 1;
  const last = n - 1;
  const origin = i32x4.splat(firstGate);
  const ones = i32x4.splat(1);
  const noControl = i32x4.splat(-2);
  for (let i: u32 = 0; i < n; i += 4) {
    const i1 = min(i + 1, last), i2 = min(i + 2, last), i3 = min(i + 3, last);
    const d0 = dst + <usize>i * stride, d1 = dst + <usize>i1 * stride;
    const d2 = dst + <usize>i2 * stride, d3 = dst + <usize>i3 * stride;
    load4(leftNode, left + (<usize>i << 4), left + (<usize>i1 << 4), left + (<usize>i2 << 4), left + (<usize>i3 << 4));
    load4(rightNode, right + (<usize>i << 4), right + (<usize>i1 << 4), right + (<usize>i2 << 4), right + (<usize>i3 << 4));
    v128.store(leftNode, v128.and(v128.load(leftNode), noControl));
    v128.store(rightNode, v128.or(v128.load(rightNode), ones));
    const r0 = (load<u64>(r + (<usize>i << 3)) >> <u64>shift) & mask;
    const r1 = (load<u64>(r + (<usize>i1 << 3)) >> <u64>shift) & mask;
    const r2 = (load<u64>(r + (<usize>i2 << 3)) >> <u64>shift) & mask;
    const r3 = (load<u64>(r + (<usize>i3 << 3)) >> <u64>shift) & mask;
    const low = word4(r0 & 127, r1 & 127, r2 & 127, r3 & 127);
    const path = word4(r0 >> 7, r1 >> 7, r2 >> 7, r3 >> 7);
    const far = word4(r0 >> 39, r1 >> 39, r2 >> 39, r3 >> 39);
    const gate = i32x4.add(origin, word4(i, i1, i2, i3));
    let controls = i32x4.splat(0);
    let piece = LEVEL_BYTES * <usize>levels + 16;
    for (let level: u32 = 0; level < levels; level++) {
      const bit = 2 * (levels - 1 - level);
      const turn = bit < 32 ? path : far;
      const turnHigh = lanes(turn, (bit & 31) + 1), turnLow = lanes(turn, bit & 31);
      generate(leftOut, leftNode, gate, tag | level, salt0, salt1);
      generate(rightOut, rightNode, gate, tag | level, salt0, salt1);
      // Children that are left: both parties come to agree on them, so that they count for nothing. The one that is kept is
      // corrected by the sum of all four besides, and its control bit so that the parties differ in it.
      let parity = ones;
      for (let j: usize = 0; j < 4; j++) {
        const at = j << 4;
        const x0 = v128.xor(v128.load(leftOut + at), v128.load(rightOut + at));
        const x1 = v128.xor(v128.load(leftOut + at, 64), v128.load(rightOut + at, 64));
        const x2 = v128.xor(v128.load(leftOut + at, 128), v128.load(rightOut + at, 128));
        const x3 = v128.xor(v128.load(leftOut + at, 192), v128.load(rightOut + at, 192));
        let sum = v128.xor(v128.xor(x0, x1), v128.xor(x2, x3));
        if (j == 0) {
          parity = v128.andnot(ones, sum);
          sum = v128.or(sum, ones);
        }
        v128.store(corrections + at, v128.xor(x1, v128.and(sum, v128.andnot(turnLow, turnHigh))), 64);
        v128.store(corrections + at, v128.xor(x2, v128.and(sum, v128.andnot(turnHigh, turnLow))), 128);
        v128.store(corrections + at, v128.xor(x3, v128.and(sum, v128.and(turnHigh, turnLow))), 192);
      }
      completeCorrections(corrections, parity);
      const step = v128.or(
        v128.or(parity, i32x4.shl(v128.and(v128.load(corrections, 64), ones), 1)),
        v128.or(i32x4.shl(v128.and(v128.load(corrections, 128), ones), 2), i32x4.shl(v128.and(v128.load(corrections, 192), ones), 3)),
      );
      controls = v128.or(controls, i32x4.shl(step, 4 * (level & 7)));
      if ((level & 7) == 7 || level + 1 == levels) {
        store<u32>(d3 + piece, i32x4.extract_lane(controls, 3));
        store<u32>(d2 + piece, i32x4.extract_lane(controls, 2));
        store<u32>(d1 + piece, i32x4.extract_lane(controls, 1));
        store<u32>(d0 + piece, i32x4.extract_lane(controls, 0));
        controls = i32x4.splat(0);
        piece += 4;
      }
      const at = LEVEL_BYTES * <usize>level;
      for (let child: usize = 0; child < 3; child++) {
        const from = corrections + ((child + 1) << 6), to = at + (child << 4);
        store4(
          d0 + to, d1 + to, d2 + to, d3 + to,
          v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48),
        );
      }
      const w0 = pick(corrections, 0, turnHigh, turnLow), w1 = pick(corrections, 1, turnHigh, turnLow);
      const w2 = pick(corrections, 2, turnHigh, turnLow), w3 = pick(corrections, 3, turnHigh, turnLow);
      descend(leftNode, leftOut, turnHigh, turnLow, lanes(v128.load(leftNode), 0), w0, w1, w2, w3);
      descend(rightNode, rightOut, turnHigh, turnLow, lanes(v128.load(rightNode), 0), w0, w1, w2, w3);
    }
    const at = LEVEL_BYTES * <usize>levels;
    store4(
      d0 + at, d1 + at, d2 + at, d3 + at,
      v128.xor(v128.xor(v128.load(leftNode), v128.load(rightNode)), below(low, 0)),
      v128.xor(v128.xor(v128.load(leftNode, 16), v128.load(rightNode, 16)), below(low, 1)),
      v128.xor(v128.xor(v128.load(leftNode, 32), v128.load(rightNode, 32)), below(low, 2)),
      v128.xor(v128.xor(v128.load(leftNode, 48), v128.load(rightNode, 48)), below(low, 3)),
    );
  }
  // No seed stays behind.
  memory.fill(leftNode, 0, 64);
  memory.fill(rightNode, 0, 64);
  memory.fill(leftOut, 0, 256);
  memory.fill(rightOut, 0, 256);
  memory.fill(corrections, 0, 256);
}

// In place: a root seed becomes child 0 of the root, a key's first three corrections children 1 to 3, and the first four of its
// control bits theirs. See Kernels.expandRoots.
export function expandRoots(
  keys: usize, seeds: usize, n: u32, firstGate: u32, k: u32, tag: u32, salt0: u32, salt1: u32, isLeft: u32,
): void {
  const leftNode = scratch + LEFT_NODE, leftOut = scratch + LEFT_OUT, corrections = scratch + CORRECTIONS;
  const levels = (k - LEAF_BITS) >> 1;
  const stride = keyBytes(levels);
  const steps = LEVEL_BYTES * <usize>levels + 16;
  const last = n - 1;
  const origin = i32x4.splat(firstGate);
  const root = i32x4.splat(1 - <i32>isLeft);
  const on = i32x4.splat(<i32>isLeft - 1);
  for (let i: u32 = 0; i < n; i += 4) {
    const i1 = min(i + 1, last), i2 = min(i + 2, last), i3 = min(i + 3, last);
    const k0 = keys + <usize>i * stride, k1 = keys + <usize>i1 * stride;
    const k2 = keys + <usize>i2 * stride, k3 = keys + <usize>i3 * stride;
    const s0 = seeds + (<usize>i << 4), s1 = seeds + (<usize>i1 << 4);
    const s2 = seeds + (<usize>i2 << 4), s3 = seeds + (<usize>i3 << 4);
    load4(leftNode, s0, s1, s2, s3);
    v128.store(leftNode, v128.or(v128.and(v128.load(leftNode), i32x4.splat(-2)), root));
    generate(leftOut, leftNode, i32x4.add(origin, word4(i, i1, i2, i3)), tag, salt0, salt1);
    for (let child: usize = 1; child < 4; child++) {
      const at = LEVEL_BYTES / 3 * (child - 1);
      load4(corrections + (child << 6), k0 + at, k1 + at, k2 + at, k3 + at);
    }
    const step = word4(load<u32>(k0 + steps), load<u32>(k1 + steps), load<u32>(k2 + steps), load<u32>(k3 + steps));
    completeCorrections(corrections, step);
    let controls = i32x4.splat(0);
    for (let child = 0; child < 4; child++) {
      const out = leftOut + (<usize>child << 6), at = corrections + (<usize>child << 6);
      const w0 = v128.xor(v128.load(out), v128.and(on, v128.load(at)));
      const w1 = v128.xor(v128.load(out, 16), v128.and(on, v128.load(at, 16)));
      const w2 = v128.xor(v128.load(out, 32), v128.and(on, v128.load(at, 32)));
      const w3 = v128.xor(v128.load(out, 48), v128.and(on, v128.load(at, 48)));
      controls = v128.or(controls, i32x4.shl(v128.and(w0, i32x4.splat(1)), child));
      if (child == 0) store4(s0, s1, s2, s3, w0, w1, w2, w3);
      else {
        const to = LEVEL_BYTES / 3 * <usize>(child - 1);
        store4(k0 + to, k1 + to, k2 + to, k3 + to, w0, w1, w2, w3);
      }
    }
    controls = v128.or(controls, v128.and(step, i32x4.splat(-16)));
    store<u32>(k3 + steps, i32x4.extract_lane(controls, 3));
    store<u32>(k2 + steps, i32x4.extract_lane(controls, 2));
    store<u32>(k1 + steps, i32x4.extract_lane(controls, 1));
    store<u32>(k0 + steps, i32x4.extract_lane(controls, 0));
  }
  memory.fill(leftNode, 0, 64);
  memory.fill(leftOut, 0, 256);
  memory.fill(corrections, 0, 256);
}

// Where the child of the root lies that the first two bits say.
// @ts-ignore: decorator
@inline
function childOfRoot(key: usize, seed: usize, turn: u64): usize {
  return select<usize>(seed, key + (<usize>turn << 4) - 16, turn == 0);
}

// Of both parties' control bits of a level's four children the sum of those right of the turn, in bit 0.
// @ts-ignore: decorator
@inline
function controlsRightOf(high: v128, low: v128, one: v128, two: v128, three: v128): v128 {
  return v128.xor(v128.andnot(v128.xor(two, v128.andnot(one, low)), high), v128.andnot(three, v128.and(high, low)));
}

// dst[i] = this party's share (0 or 1) of [t < 0] xor bits[i]. See Kernels.compareWithKeys.
export function compareWithKeys(
  dst: usize, c: usize, keys: usize, seeds: usize, bits: usize,
  n: u32, firstGate: u32, shift: u32, k: u32, tag: u32, salt0: u32, salt1: u32, isLeft: u32,
): void {
  const leftNode = scratch + LEFT_NODE, leftOut = scratch + LEFT_OUT;
  const corrections = scratch + CORRECTIONS, leaf = scratch + LEAF;
  const levels = (k - LEAF_BITS) >> 1;
  const stride = keyBytes(levels);
  const mask: u64 = (<u64>1 << <u64>k) - 1;
  const pathMask: u64 = (<u64>1 << <u64>(k - 1)) - 1;
  const last = n - 1;
  const origin = i32x4.splat(firstGate);
  for (let i: u32 = 0; i < n; i += 4) {
    const i1 = min(i + 1, last), i2 = min(i + 2, last), i3 = min(i + 3, last);
    const k0 = keys + <usize>i * stride, k1 = keys + <usize>i1 * stride;
    const k2 = keys + <usize>i2 * stride, k3 = keys + <usize>i3 * stride;
    const c0 = (load<u64>(c + (<usize>i << 3)) >> <u64>shift) & mask;
    const c1 = (load<u64>(c + (<usize>i1 << 3)) >> <u64>shift) & mask;
    const c2 = (load<u64>(c + (<usize>i2 << 3)) >> <u64>shift) & mask;
    const c3 = (load<u64>(c + (<usize>i3 << 3)) >> <u64>shift) & mask;
    const p0 = c0 & pathMask, p1 = c1 & pathMask, p2 = c2 & pathMask, p3 = c3 & pathMask;
    const path = word4(p0 >> 7, p1 >> 7, p2 >> 7, p3 >> 7);
    const far = word4(p0 >> 39, p1 >> 39, p2 >> 39, p3 >> 39);
    const gate = i32x4.add(origin, word4(i, i1, i2, i3));
    const end = LEVEL_BYTES * <usize>levels;
    let piece = end + 16;
    let controls = word4(load<u32>(k0 + piece), load<u32>(k1 + piece), load<u32>(k2 + piece), load<u32>(k3 + piece));
    piece += 4;
    const first = <u64>(2 * (levels - 1) + LEAF_BITS);
    const t0 = (p0 >> first) & 3, t1 = (p1 >> first) & 3, t2 = (p2 >> first) & 3, t3 = (p3 >> first) & 3;
    load4(
      leftNode,
      childOfRoot(k0, seeds + (<usize>i << 4), t0), childOfRoot(k1, seeds + (<usize>i1 << 4), t1),
      childOfRoot(k2, seeds + (<usize>i2 << 4), t2), childOfRoot(k3, seeds + (<usize>i3 << 4), t3),
    );
    const turns = word4(t0, t1, t2, t3);
    let share = controlsRightOf(
      lanes(turns, 1), lanes(turns, 0), i32x4.shr_u(controls, 1), i32x4.shr_u(controls, 2), i32x4.shr_u(controls, 3),
    );
    for (let level: u32 = 1; level < levels; level++) {
      const bit = 2 * (levels - 1 - level);
      const turn = bit < 32 ? path : far;
      const turnHigh = lanes(turn, (bit & 31) + 1), turnLow = lanes(turn, bit & 31);
      generate(leftOut, leftNode, gate, tag | level, salt0, salt1);
      if ((level & 7) == 0) {
        controls = word4(load<u32>(k0 + piece), load<u32>(k1 + piece), load<u32>(k2 + piece), load<u32>(k3 + piece));
        piece += 4;
      }
      const step = i32x4.shr_u(controls, 4 * (level & 7));
      const on = lanes(v128.load(leftNode), 0);
      // What lies right of the path is greater than C.
      const one = v128.xor(v128.load(leftOut, 64), v128.and(on, i32x4.shr_u(step, 1)));
      const two = v128.xor(v128.load(leftOut, 128), v128.and(on, i32x4.shr_u(step, 2)));
      const three = v128.xor(v128.load(leftOut, 192), v128.and(on, i32x4.shr_u(step, 3)));
      share = v128.xor(share, controlsRightOf(turnHigh, turnLow, one, two, three));
      const at = LEVEL_BYTES * <usize>level;
      const position = <u64>(bit + LEAF_BITS);
      const ra = correctionOf(k0 + at, (p0 >> position) & 3), rb = correctionOf(k1 + at, (p1 >> position) & 3);
      const rc = correctionOf(k2 + at, (p2 >> position) & 3), rd = correctionOf(k3 + at, (p3 >> position) & 3);
      const ab0 = i32x4.shuffle(ra, rb, 0, 4, 1, 5), ab1 = i32x4.shuffle(ra, rb, 2, 6, 3, 7);
      const cd0 = i32x4.shuffle(rc, rd, 0, 4, 1, 5), cd1 = i32x4.shuffle(rc, rd, 2, 6, 3, 7);
      const parity = v128.and(v128.andnot(v128.andnot(step, turnHigh), turnLow), i32x4.splat(1));
      descend(
        leftNode, leftOut, turnHigh, turnLow, on,
        v128.xor(i64x2.shuffle(ab0, cd0, 0, 2), parity), i64x2.shuffle(ab0, cd0, 1, 3),
        i64x2.shuffle(ab1, cd1, 0, 2), i64x2.shuffle(ab1, cd1, 1, 3),
      );
    }
    load4(corrections, k0 + end, k1 + end, k2 + end, k3 + end);
    const on = lanes(v128.load(leftNode), 0);
    for (let j: usize = 0; j < 64; j += 16) {
      v128.store(leaf + j, v128.xor(v128.load(leftNode + j), v128.and(on, v128.load(corrections + j))));
    }
    put(leaf, dst, bits, i, 0, p0, i32x4.extract_lane(share, 0), c0 >> <u64>(k - 1), isLeft);
    if (i + 1 < n) put(leaf, dst, bits, i1, 1, p1, i32x4.extract_lane(share, 1), c1 >> <u64>(k - 1), isLeft);
    if (i + 2 < n) put(leaf, dst, bits, i2, 2, p2, i32x4.extract_lane(share, 2), c2 >> <u64>(k - 1), isLeft);
    if (i + 3 < n) put(leaf, dst, bits, i3, 3, p3, i32x4.extract_lane(share, 3), c3 >> <u64>(k - 1), isLeft);
  }
  memory.fill(leftNode, 0, 64);
  memory.fill(leftOut, 0, 256);
  memory.fill(corrections, 0, 256);
  memory.fill(leaf, 0, 64);
}

// Position p of a leaf is its bit p + 1; bit 0, where the control bit was, is 0 at both parties, and so is position 127.
// @ts-ignore: decorator
@inline
function put(leaf: usize, dst: usize, bits: usize, index: u32, column: usize, path: u64, share: i32, top: u64, isLeft: u32): void {
  const position = (path + 1) & 127;
  const word = load<u32>(leaf + (<usize>(position >> 5) << 4) + (column << 2));
  const bit = (load<u64>(bits + (<usize>(index >> 6) << 3)) >> <u64>(index & 63)) & 1;
  store<u64>(dst + (<usize>index << 3), (<u64>(word >> <u32>(position & 31)) & 1) ^ (<u64>share & 1) ^ bit ^ (top & <u64>isLeft));
}
