/**
 * Distributed comparison keys: WASM and TypeScript equal bit for bit, the comparison against BigInt, and the size that the
 * documents state.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { createKernels } from '../src/kernels/create.js';
import { comparisonKeyBytes, type Kernels } from '../src/kernels/kernels.js';
import { randomBytes } from '../src/random/entropy.js';
import { readWords, writeWords } from '../src/ring/words.js';

let both: readonly Kernels[];

beforeAll(async () => {
  both = [await createKernels('wasm'), await createKernels('typescript')];
});

const TAG = 3 << 6;
const SALT = [0x9abcdef0, 0x12345678] as const;

interface Gates {
  readonly n: number;
  readonly shift: number;
  readonly k: number;
  readonly r: readonly bigint[];
  readonly c: readonly bigint[];
  readonly seeds: readonly [Uint8Array, Uint8Array];
  readonly bits: Uint8Array;
}

/** Pairs of C and R that matter: equal, neighbours, the edges, a difference in every single bit, and random ones. */
function gates(n: number, shift: number, k: number): Gates {
  const words = readWords(randomBytes(16 * n));
  const c = words.slice(0, n);
  const r = words.slice(n).map((word, i) => {
    const value = c[i]!;
    const step = 1n << BigInt(shift);
    if (i % 8 === 0) return value;
    if (i % 8 === 1) return BigInt.asUintN(64, value + step);
    if (i % 8 === 2) return BigInt.asUintN(64, value - step);
    if (i % 8 === 3) return value ^ (1n << BigInt(shift + (i % k)));
    if (i % 8 === 4) return i % 16 === 4 ? 0n : (1n << 64n) - 1n;
    return word;
  });
  return { n, shift, k, r, c, seeds: [randomBytes(16 * n), randomBytes(16 * n)], bits: randomBytes(1024) };
}

/** Keys, and the two evaluators' shares, as one implementation gives them. */
function run(kernels: Kernels, { n, shift, k, r, c, seeds, bits }: Gates) {
  const { memory } = kernels;
  const keyBytes = n * comparisonKeyBytes(k);
  const at = Array.from({ length: 7 }, (_, i) => memory.base + 65_536 + i * 262_144);
  memory.ensure(at[6]! + 65_536);
  memory.bytes.fill(0xa5, at[0], at[6]);
  memory.bytes.set(writeWords(r), at[1]);
  memory.bytes.set(writeWords(c), at[2]);
  memory.bytes.set(seeds[0], at[3]);
  memory.bytes.set(seeds[1], at[4]);
  memory.bytes.set(bits, at[5]);
  kernels.comparisonKeys(at[0]!, at[1]!, at[3]!, at[4]!, n, 0, shift, k, TAG, ...SALT);
  const keys = memory.bytes.slice(at[0]!, at[0]! + keyBytes + 64);
  /** Keys and seeds as they are with the first level, of the left and of the right evaluator. */
  const expanded: Uint8Array[] = [];
  const shares = [true, false].map((isLeft) => {
    const seed = at[isLeft ? 3 : 4]!;
    memory.bytes.set(keys.subarray(0, keyBytes), at[0]!);
    kernels.expandRoots(at[0]!, seed, n, 0, k, TAG, ...SALT, isLeft);
    kernels.compareWithKeys(at[1]!, at[2]!, at[0]!, seed, at[5]!, n, 0, shift, k, TAG, ...SALT, isLeft);
    expanded.push(
      memory.bytes.slice(at[0]!, at[0]! + keyBytes + 64),
      memory.bytes.slice(seed, seed + 16 * n + 64),
    );
    return readWords(memory.bytes.slice(at[1]!, at[1]! + 8 * n));
  });
  return { keys, keyBytes, expanded, shares };
}

const CASES = [
  [1, 16, 24],
  [3, 16, 24],
  [200, 16, 24],
  [333, 16, 24],
  [97, 0, 16],
  [64, 13, 40],
  [130, 16, 48],
  [65, 24, 32],
  [70, 16, 20],
  [70, 3, 27],
  [66, 16, 41],
] as const;

describe('distributed comparison', () => {
  it.each(CASES)('of %i gates, shift %i, k = %i, is the same in WASM and TypeScript', (n, shift, k) => {
    const input = gates(n, shift, k);
    const [wasm, typescript] = both.map((kernels) => run(kernels, input));
    expect(Buffer.compare(wasm!.keys, typescript!.keys)).toBe(0);
    wasm!.expanded.forEach((bytes, i) => {
      expect(Buffer.compare(bytes, typescript!.expanded[i]!)).toBe(0);
    });
    expect(wasm!.shares).toEqual(typescript!.shares);
    expect([...wasm!.keys.subarray(wasm!.keyBytes)].every((byte) => byte === 0xa5)).toBe(true);
  });

  it.each(CASES)('of %i gates, shift %i, k = %i, is what BigInt says', (n, shift, k) => {
    const input = gates(n, shift, k);
    const { shares } = run(both[0]!, input);
    for (let i = 0; i < n; i++) {
      const part = (word: bigint, bits: number) => BigInt.asUintN(bits, word >> BigInt(shift));
      const less = part(input.c[i]!, k - 1) < part(input.r[i]!, k - 1) ? 1n : 0n;
      const top = part(input.c[i]!, k) >> BigInt(k - 1);
      // The plane is given to both here, so that it falls out of the sum.
      expect(shares[0]![i]! ^ shares[1]![i], `gate ${i}`).toBe(less ^ top);
    }
  });

  it('takes the bytes that are stated', () => {
    expect([16, 20, 24, 28, 32, 40, 48].map(comparisonKeyBytes)).toEqual([212, 308, 404, 504, 600, 792, 988]);
  });

  it('makes keys that look random whatever R is, and other keys for another tag or salt', () => {
    const input = gates(64, 16, 24);
    const zero = run(both[0]!, { ...input, r: input.r.map(() => 0n) }).keys;
    const ones = run(both[0]!, { ...input, r: input.r.map(() => (1n << 64n) - 1n) }).keys;
    const bitsSet = (bytes: Uint8Array) =>
      bytes.reduce((total, byte) => total + byte.toString(2).replaceAll('0', '').length, 0);
    for (const keys of [zero, ones]) {
      // Bit 0 of a leaf's correction is always 1; the last word says of three corrections a level what bit 0 is.
      const parts = Array.from({ length: 64 }, (_, i) => keys.slice(404 * i, 404 * i + 400));
      for (const part of parts) part[384]! &= 0xfe;
      const bits = 64 * (400 * 8 - 1);
      const set = parts.reduce((total, part) => total + bitsSet(part), 0);
      expect(Math.abs(2 * set - bits) / Math.sqrt(bits)).toBeLessThan(6);
    }
  });
});
