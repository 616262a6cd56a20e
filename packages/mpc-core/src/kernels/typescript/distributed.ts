/** Distributed comparison in plain TypeScript: one gate at a time, what assembly/distributed.ts does with four. */
import { chachaBlock } from '../../random/chacha20.js';
import { COMPARISON_LEAF_BITS, comparisonKeyBytes, type Pointer } from '../kernels.js';
import type { Views } from './words.js';

const ROUNDS = 8;
/** "expand 16-byte k": ChaCha with 128-bit keys. */
const CONSTANTS = [0x61707865, 0x3120646e, 0x79622d36, 0x6b206574];
const SEED_WORDS = 4;

const state = new Uint32Array(16);

/** A node of one party's tree: its seed and its control bit, and the two children that its seed makes. */
class Node {
  readonly seed = new Uint32Array(SEED_WORDS);
  readonly made = new Uint32Array(16);
  on = 0;

  root(v: Views, seed: Pointer, on: number): void {
    this.seed.set(v.u32.subarray(seed >>> 2, (seed >>> 2) + SEED_WORDS));
    this.on = on;
  }

  expand(gate: number, tweak: number, salt0: number, salt1: number): void {
    state.set(CONSTANTS);
    state.set(this.seed, 4);
    state.set(this.seed, 8);
    state.set([gate, tweak, salt0, salt1], 12);
    chachaBlock(state, this.made, ROUNDS);
  }

  /** Control bit of a child (0: left, 1: right) before correction. */
  control(child: number): number {
    return (this.made[8] >>> child) & 1;
  }

  /** Goes to a child; what is corrected is so where the control bit is on. */
  descend(child: number, correction: Uint32Array, control: number): void {
    for (let j = 0; j < SEED_WORDS; j++) {
      this.seed[j] = this.made[SEED_WORDS * child + j] ^ (-this.on & correction[j]);
    }
    this.on = this.control(child) ^ (this.on & (control >>> child) & 1);
  }

  wipe(): void {
    this.seed.fill(0);
    this.made.fill(0);
  }
}

const left = new Node();
const right = new Node();

/** Bits shift .. shift + bits - 1 of a word. */
function bitsOf(v: Views, word: Pointer, shift: number, bits: number): bigint {
  const low = BigInt(v.u32[word >>> 2]);
  const high = BigInt(v.u32[(word >>> 2) + 1]);
  return BigInt.asUintN(bits, ((high << 32n) | low) >> BigInt(shift));
}

/** Bit of the path at a level: 1 turns right. */
function turn(path: bigint, k: number, level: number): number {
  return Number((path >> BigInt(k - 2 - level)) & 1n);
}

export function comparisonKeys(
  v: Views,
  dst: Pointer,
  r: Pointer,
  leftSeeds: Pointer,
  rightSeeds: Pointer,
  n: number,
  shift: number,
  k: number,
  tag: number,
  salt0: number,
  salt1: number,
): void {
  const levels = k - 1 - COMPARISON_LEAF_BITS;
  const correction = new Uint32Array(SEED_WORDS);
  for (let gate = 0, key = dst >>> 2; gate < n; gate++, key += comparisonKeyBytes(k) >>> 2) {
    const value = bitsOf(v, r + 8 * gate, shift, k - 1);
    const controls = key + SEED_WORDS * (levels + 1);
    v.u32.fill(0, controls, controls + Math.ceil(levels / 16));
    left.root(v, leftSeeds + 16 * gate, 0);
    right.root(v, rightSeeds + 16 * gate, 1);
    for (let level = 0; level < levels; level++) {
      const keep = turn(value, k, level);
      left.expand(gate, tag | level, salt0, salt1);
      right.expand(gate, tag | level, salt0, salt1);
      // The child that is left: both parties come to agree on it, so that it counts for nothing.
      for (let j = 0, at = SEED_WORDS * (1 - keep); j < SEED_WORDS; j++) {
        correction[j] = left.made[at + j] ^ right.made[at + j];
      }
      const control =
        (left.control(0) ^ right.control(0) ^ keep ^ 1) | ((left.control(1) ^ right.control(1) ^ keep) << 1);
      v.u32.set(correction, key + SEED_WORDS * level);
      v.u32[controls + (level >>> 4)] |= control << (2 * (level & 15));
      left.descend(keep, correction, control);
      right.descend(keep, correction, control);
    }
    const low = Number(value & 127n);
    for (let j = 0; j < SEED_WORDS; j++) {
      const count = Math.min(Math.max(low - 32 * j, 0), 32);
      v.u32[key + SEED_WORDS * levels + j] = left.seed[j] ^ right.seed[j] ^ (2 ** count - 1);
    }
  }
  left.wipe();
  right.wipe();
}

export function compareWithKeys(
  v: Views,
  dst: Pointer,
  c: Pointer,
  keys: Pointer,
  seeds: Pointer,
  bits: Pointer,
  n: number,
  shift: number,
  k: number,
  tag: number,
  salt0: number,
  salt1: number,
  isLeft: boolean,
): void {
  const levels = k - 1 - COMPARISON_LEAF_BITS;
  for (let gate = 0, key = keys >>> 2; gate < n; gate++, key += comparisonKeyBytes(k) >>> 2) {
    const value = bitsOf(v, c + 8 * gate, shift, k);
    let share = (v.u32[(bits >>> 2) + (gate >>> 5)] >>> (gate & 31)) & 1;
    if (isLeft) share ^= Number(value >> BigInt(k - 1));
    left.root(v, seeds + 16 * gate, isLeft ? 0 : 1);
    for (let level = 0; level < levels; level++) {
      const control = v.u32[key + SEED_WORDS * (levels + 1) + (level >>> 4)] >>> (2 * (level & 15));
      const at = key + SEED_WORDS * level;
      const child = turn(value, k, level);
      left.expand(gate, tag | level, salt0, salt1);
      // What lies right of the path is greater than C.
      if (child === 0) share ^= left.control(1) ^ (left.on & (control >>> 1) & 1);
      left.descend(child, v.u32.subarray(at, at + SEED_WORDS), control);
    }
    const low = Number(value & 127n);
    const word = left.seed[low >>> 5] ^ (-left.on & v.u32[key + SEED_WORDS * levels + (low >>> 5)]);
    v.u32[(dst >>> 2) + 2 * gate] = share ^ ((word >>> (low & 31)) & 1);
    v.u32[(dst >>> 2) + 2 * gate + 1] = 0;
  }
  left.wipe();
}

export function choose(v: Views, dst: Pointer, a: Pointer, b: Pointer, plane: Pointer, n: number): void {
  const m = v.u32;
  for (let i = 0; i < n; i++) {
    const mask = -((m[(plane >>> 2) + (i >>> 5)] >>> (i & 31)) & 1);
    for (let half = 0; half < 2; half++) {
      const first = m[(a >>> 2) + 2 * i + half];
      m[(dst >>> 2) + 2 * i + half] = first ^ (mask & (first ^ m[(b >>> 2) + 2 * i + half]));
    }
  }
}
