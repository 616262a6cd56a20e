/** Distributed comparison in plain TypeScript: one gate at a time, what assembly/distributed.ts does with four. */
import { chachaBlock } from '../../random/chacha20.js';
import { COMPARISON_LEAF_BITS, comparisonKeyBytes, comparisonLevels, type Pointer } from '../kernels.js';
import type { Views } from './words.js';

const ROUNDS = 8;
/** "expand 16-byte k": ChaCha with 128-bit keys. */
const CONSTANTS = [0x61707865, 0x3120646e, 0x79622d36, 0x6b206574];
const NODE_WORDS = 4;
const CHILDREN = 4;
const LEVEL_WORDS = NODE_WORDS * (CHILDREN - 1);

const state = new Uint32Array(16);

/** A node of one party's tree, and the four children that it makes: words 4 j to 4 j + 3 are child j. Bit 0 of a node is its control bit. */
class Node {
  readonly words = new Uint32Array(NODE_WORDS);
  readonly made = new Uint32Array(CHILDREN * NODE_WORDS);

  get on(): number {
    return this.words[0] & 1;
  }

  take(v: Views, node: Pointer): void {
    this.words.set(v.u32.subarray(node >>> 2, (node >>> 2) + NODE_WORDS));
  }

  root(v: Views, seed: Pointer, on: number): void {
    this.take(v, seed);
    this.words[0] = (this.words[0] & ~1) | on;
  }

  expand(gate: number, tweak: number, salt0: number, salt1: number): void {
    state.set(CONSTANTS);
    state.set(this.words, 4);
    state.set(this.words, 8);
    state.set([gate, tweak, salt0, salt1], 12);
    chachaBlock(state, this.made, ROUNDS);
  }

  /** Control bit of a child after correction. */
  control(child: number, corrections: Uint32Array): number {
    const at = NODE_WORDS * child;
    return (this.made[at] ^ (-this.on & corrections[at])) & 1;
  }

  /** Goes to a child; what is corrected is so where the control bit is on. */
  descend(child: number, corrections: Uint32Array): void {
    const on = -this.on;
    for (let j = 0, at = NODE_WORDS * child; j < NODE_WORDS; j++) {
      this.words[j] = this.made[at + j] ^ (on & corrections[at + j]);
    }
  }

  wipe(): void {
    this.words.fill(0);
    this.made.fill(0);
  }
}

const left = new Node();
const right = new Node();
/** Of the four children of a level. */
const corrections = new Uint32Array(CHILDREN * NODE_WORDS);

/** Child 0's corrections from those of the others. */
function completeCorrections(parity: number): void {
  for (let j = 0; j < NODE_WORDS; j++) {
    corrections[j] = corrections[4 + j] ^ corrections[8 + j] ^ corrections[12 + j];
  }
  corrections[0] ^= parity;
}

/** Bits shift .. shift + bits - 1 of a word. */
function bitsOf(v: Views, word: Pointer, shift: number, bits: number): bigint {
  const low = BigInt(v.u32[word >>> 2]);
  const high = BigInt(v.u32[(word >>> 2) + 1]);
  return BigInt.asUintN(bits, ((high << 32n) | low) >> BigInt(shift));
}

/** Which of four children the path takes at a level. */
function turn(path: bigint, levels: number, level: number): number {
  return Number((path >> BigInt(COMPARISON_LEAF_BITS + 2 * (levels - 1 - level))) & 3n);
}

export function comparisonKeys(
  v: Views,
  dst: Pointer,
  r: Pointer,
  leftSeeds: Pointer,
  rightSeeds: Pointer,
  n: number,
  firstGate: number,
  shift: number,
  k: number,
  tag: number,
  salt0: number,
  salt1: number,
): void {
  const levels = comparisonLevels(k);
  for (let gate = 0, key = dst >>> 2; gate < n; gate++, key += comparisonKeyBytes(k) >>> 2) {
    const value = bitsOf(v, r + 8 * gate, shift, k - 1);
    const controls = key + LEVEL_WORDS * levels + NODE_WORDS;
    v.u32.fill(0, controls, controls + Math.ceil(levels / 8));
    left.root(v, leftSeeds + 16 * gate, 0);
    right.root(v, rightSeeds + 16 * gate, 1);
    for (let level = 0; level < levels; level++) {
      const keep = turn(value, levels, level);
      left.expand(firstGate + gate, tag | level, salt0, salt1);
      right.expand(firstGate + gate, tag | level, salt0, salt1);
      // Children that are left: both parties come to agree on them, so that they count for nothing. The one that is kept is
      // corrected by the sum of all four besides, and its control bit so that the parties differ in it.
      let parity = 0;
      for (let j = 0; j < NODE_WORDS; j++) {
        const differences = [0, 1, 2, 3].map((child) => left.made[4 * child + j] ^ right.made[4 * child + j]);
        const sum = differences[0]! ^ differences[1]! ^ differences[2]! ^ differences[3]!;
        if (j === 0) parity = ~sum & 1;
        for (let child = 1; child < CHILDREN; child++) {
          corrections[4 * child + j] =
            differences[child]! ^ (-Number(child === keep) & (j === 0 ? sum | 1 : sum));
        }
      }
      completeCorrections(parity);
      const bits = [corrections[4]!, corrections[8]!, corrections[12]!].map(
        (word, j) => (word & 1) << (j + 1),
      );
      v.u32[controls + (level >>> 3)] |= (parity | bits[0]! | bits[1]! | bits[2]!) << (4 * (level & 7));
      v.u32.set(corrections.subarray(NODE_WORDS), key + LEVEL_WORDS * level);
      left.descend(keep, corrections);
      right.descend(keep, corrections);
    }
    const at = key + LEVEL_WORDS * levels;
    const low = Number(value & 127n);
    for (let j = 0; j < NODE_WORDS; j++) {
      const count = Math.min(Math.max(low + 1 - 32 * j, 0), 32);
      const below = j === 0 ? (2 ** count - 1) & ~1 : 2 ** count - 1;
      v.u32[at + j] = left.words[j] ^ right.words[j] ^ below;
    }
  }
  left.wipe();
  right.wipe();
  corrections.fill(0);
}

export function expandRoots(
  v: Views,
  keys: Pointer,
  seeds: Pointer,
  n: number,
  firstGate: number,
  k: number,
  tag: number,
  salt0: number,
  salt1: number,
  isLeft: boolean,
): void {
  const steps = (LEVEL_WORDS * comparisonLevels(k) + NODE_WORDS) << 2;
  for (let gate = 0, key = keys; gate < n; gate++, key += comparisonKeyBytes(k)) {
    const seed = seeds + 16 * gate;
    const control = (key + steps) >>> 2;
    corrections.set(v.u32.subarray(key >>> 2, (key >>> 2) + LEVEL_WORDS), NODE_WORDS);
    completeCorrections(v.u32[control] & 1);
    v.u32[control] &= ~15;
    left.root(v, seed, isLeft ? 0 : 1);
    left.expand(firstGate + gate, tag, salt0, salt1);
    for (let child = 0; child < CHILDREN; child++) {
      right.words.set(left.words);
      right.made.set(left.made);
      right.descend(child, corrections);
      v.u32.set(right.words, childOfRoot(key, seed, child) >>> 2);
      v.u32[control] |= right.on << child;
    }
  }
  left.wipe();
  right.wipe();
  corrections.fill(0);
}

/** Where `expandRoots` leaves a child of the root. */
function childOfRoot(key: Pointer, seed: Pointer, child: number): Pointer {
  return child === 0 ? seed : key + 16 * (child - 1);
}

export function compareWithKeys(
  v: Views,
  dst: Pointer,
  c: Pointer,
  keys: Pointer,
  seeds: Pointer,
  bits: Pointer,
  n: number,
  firstGate: number,
  shift: number,
  k: number,
  tag: number,
  salt0: number,
  salt1: number,
  isLeft: boolean,
): void {
  const levels = comparisonLevels(k);
  for (let gate = 0, key = keys >>> 2; gate < n; gate++, key += comparisonKeyBytes(k) >>> 2) {
    const value = bitsOf(v, c + 8 * gate, shift, k);
    const end = key + LEVEL_WORDS * levels;
    let share = (v.u32[(bits >>> 2) + (gate >>> 5)] >>> (gate & 31)) & 1;
    if (isLeft) share ^= Number(value >> BigInt(k - 1));
    const path = BigInt.asUintN(k - 1, value);
    const first = turn(path, levels, 0);
    const controls = v.u32[end + NODE_WORDS];
    for (let other = first + 1; other < CHILDREN; other++) share ^= (controls >>> other) & 1;
    left.take(v, childOfRoot(4 * key, seeds + 16 * gate, first));
    for (let level = 1; level < levels; level++) {
      const at = key + LEVEL_WORDS * level;
      corrections.set(v.u32.subarray(at, at + LEVEL_WORDS), NODE_WORDS);
      completeCorrections((v.u32[end + NODE_WORDS + (level >>> 3)] >>> (4 * (level & 7))) & 1);
      const child = turn(path, levels, level);
      left.expand(firstGate + gate, tag | level, salt0, salt1);
      // What lies right of the path is greater than C.
      for (let other = child + 1; other < CHILDREN; other++) share ^= left.control(other, corrections);
      left.descend(child, corrections);
    }
    // Position p of a leaf is its bit p + 1; bit 0, where the control bit was, is 0 at both parties, and so is position 127.
    const position = (Number(value & 127n) + 1) & 127;
    const word = left.words[position >>> 5] ^ (-left.on & v.u32[end + (position >>> 5)]);
    v.u32[(dst >>> 2) + 2 * gate] = share ^ ((word >>> (position & 31)) & 1);
    v.u32[(dst >>> 2) + 2 * gate + 1] = 0;
  }
  left.wipe();
  corrections.fill(0);
}
