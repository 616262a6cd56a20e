/**
 * The kernels of `securenn` on random memory: WASM and plain TypeScript equal bit for bit, and both what they are defined
 * to compute.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKernels } from '../src/kernels/create.js';
import { digitLanes, type Kernels, planeWords } from '../src/kernels/kernels.js';

const P = 67;
const SLOT = 1 << 17;
let both: readonly [Kernels, Kernels];

beforeAll(async () => {
  both = [await createKernels('wasm'), await createKernels('typescript')];
  for (const kernels of both) kernels.memory.ensure(kernels.memory.base + 16 * SLOT);
});

/** The same pseudo-random bytes at the beginning of both memories. */
function fill(seed: number, bytes = 16 * SLOT): void {
  const random = new Uint8Array(bytes);
  let state = seed * 2654435761 + 1;
  for (let i = 0; i < random.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    random[i] = state >>> 24;
  }
  for (const kernels of both) kernels.memory.bytes.set(random, kernels.memory.base);
}

function agree(
  slot: number,
  bytes: number,
  call: (kernels: Kernels, at: (slot: number) => number) => unknown,
): Uint8Array {
  const results = both.map((kernels) => {
    const at = (index: number): number => kernels.memory.base + index * SLOT;
    const given = call(kernels, at);
    return { given, bytes: kernels.memory.bytes.slice(at(slot), at(slot) + bytes) };
  });
  expect(results[0].given).toBe(results[1].given);
  expect(Buffer.compare(results[0].bytes, results[1].bytes)).toBe(0);
  return results[1].bytes;
}

const put = (slot: number, words: readonly number[]): void => {
  for (const { memory } of both) {
    const view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset);
    words.forEach((word, i) => {
      view.setBigUint64(memory.base + slot * SLOT + 8 * i, BigInt(word), true);
    });
  }
};
const putBytes = (slot: number, bytes: Uint8Array): void => {
  for (const { memory } of both) memory.bytes.set(bytes, memory.base + slot * SLOT);
};
const words = (bytes: Uint8Array): number[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 8 }, (_, i) => Number(view.getBigUint64(8 * i, true)));
};
const bit = (plane: Uint8Array, i: number): number => (plane[i >>> 3]! >>> (i & 7)) & 1;
const planeOf = (bits: readonly number[]): Uint8Array => {
  const plane = new Uint8Array(8 * planeWords(bits.length));
  bits.forEach((value, i) => {
    plane[i >>> 3]! |= value << (i & 7);
  });
  return plane;
};

describe('sampling', () => {
  it.each([0, 1])('gives uniform digits from %i, by rejection', (least) => {
    const counts = new Array<number>(P).fill(0);
    for (let seed = 1; seed <= 20; seed++) {
      fill(seed, SLOT);
      const need = 10_000;
      const digits = agree(1, need, (k, at) => k.sampleDigits(at(1), at(0), 14_000, need, least));
      for (const digit of digits) counts[digit]!++;
    }
    expect(counts.slice(0, least).every((count) => count === 0)).toBe(true);
    const mean = 200_000 / (P - least);
    const chiSquare = counts.slice(least).reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
    // Degrees of freedom 65 or 66: mean 66, standard deviation 11.5.
    expect(chiSquare).toBeLessThan(66 + 6 * 11.5);
  });

  it('says when the stream is too short, and may work in place', () => {
    fill(3);
    const short = both.map((k) => k.sampleDigits(k.memory.base + SLOT, k.memory.base, 100, 100, 0));
    expect(short[0]).toBeLessThan(100);
    expect(short[0]).toBe(short[1]);
    const apart = agree(1, 500, (k, at) => k.sampleDigits(at(1), at(0), 1000, 500, 1));
    expect(agree(0, 500, (k, at) => k.sampleDigits(at(0), at(0), 1000, 500, 1))).toEqual(apart);
  });

  it('gives uniform shuffles', () => {
    const [rows, lanes] = [4, 480];
    const orders = new Map<string, number>();
    for (let seed = 1; seed <= 100; seed++) {
      fill(seed, SLOT);
      const need = (rows - 1) * lanes;
      const swaps = agree(1, need, (k, at) => k.sampleSwaps(at(1), at(0), 6000, rows, lanes));
      for (let lane = 0; lane < lanes; lane++) {
        const order = [0, 1, 2, 3];
        for (let row = rows - 1, at = lane; row > 0; row--, at += lanes) {
          const partner = swaps[at]!;
          if (partner > row) throw new Error(`row ${row} goes with ${partner}`);
          [order[row], order[partner]] = [order[partner]!, order[row]!];
        }
        orders.set(order.join(), (orders.get(order.join()) ?? 0) + 1);
      }
    }
    const mean = (100 * lanes) / 24;
    const chiSquare = [...orders.values()].reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
    expect(orders.size).toBe(24);
    // 23 degrees of freedom.
    expect(chiSquare).toBeLessThan(23 + 6 * Math.sqrt(46));
  });

  it.each([17, 25, 32, 33, 49])('gives residues modulo 2^%i - 1', (bits) => {
    fill(bits);
    const width = Math.ceil(bits / 8);
    // Some words are the one that is refused.
    for (const { memory } of both) memory.bytes.fill(0xff, memory.base, memory.base + 5 * width);
    const residues = words(agree(1, 8 * 100, (k, at) => k.sampleOdd(at(1), at(0), 200, 100, bits)));
    expect(Math.max(...residues)).toBeLessThan(2 ** bits - 1);
    expect(Math.max(...residues)).toBeGreaterThan(2 ** (bits - 1));
    const short = both.map((k) => k.sampleOdd(k.memory.base + SLOT, k.memory.base, 100, 100, bits));
    expect(short).toEqual([95, 95]);
  });
});

describe('private compare', () => {
  /** Both parties' shares of every digit from `combine`, for x and t in the first n lanes. */
  function compare(x: readonly number[], t: readonly number[], mode: readonly number[], rows: number) {
    const n = x.length;
    const [lanes, planes] = [digitLanes(n), planeWords(n)];
    const digitsOf = Array.from({ length: rows }, (_, row) => planeOf(x.map((v) => (v >>> row) & 1)));
    const targets = Array.from({ length: rows }, (_, row) => planeOf(t.map((v) => (v >>> row) & 1)));
    const all = (list: readonly Uint8Array[]) => Buffer.concat(list);
    putBytes(2, all(digitsOf));
    putBytes(3, all(targets));
    putBytes(4, planeOf(mode));
    putBytes(5, planeOf(mode.map((_, i) => (i % 7 === 3 ? 1 : 0))));
    agree(6, rows * lanes, (k, at) => k.sampleDigits(at(6), at(8), 60_000, rows * lanes, 0));
    const right = agree(7, rows * lanes, (k, at) => k.shareDigits(at(7), at(6), at(2), rows, lanes, planes));
    agree(10, rows * lanes, (k, at) => k.sampleDigits(at(10), at(11), 60_000, rows * lanes, 1));
    agree(12, rows * lanes, (k, at) => k.sampleDigits(at(12), at(13), 60_000, rows * lanes, 0));
    agree(9, (rows - 1) * lanes, (k, at) => k.sampleSwaps(at(9), at(14), 60_000, rows, lanes));
    const share = (digits: number, slot: number, holds: boolean) => {
      agree(slot, rows * lanes, (k, at) =>
        k.compareDigits(
          at(slot),
          at(digits),
          at(3),
          at(4),
          at(5),
          at(10),
          at(12),
          rows,
          lanes,
          planes,
          holds,
        ),
      );
      return agree(slot, rows * lanes, (k, at) => k.permuteDigits(at(slot), at(9), rows, lanes));
    };
    expect(right.every((digit) => digit < P)).toBe(true);
    const [a, b] = [share(6, 0, true), share(7, 1, false)];
    const plane = agree(15, 8 * planes, (k, at) => k.zeroDigits(at(15), at(0), at(1), rows, lanes, planes));
    const zeros = x.map(
      (_, i) =>
        Array.from({ length: rows }, (_row, row) => (a[row * lanes + i]! + b[row * lanes + i]!) % P).filter(
          (sum) => sum === 0,
        ).length,
    );
    return { plane, zeros };
  }

  it('has one zero exactly where the comparison holds, whatever the sizes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 49 }),
        fc.integer({ min: 2, max: 30 }),
        fc.integer({ min: 1, max: 1000 }),
        (n, rows, seed) => {
          fill(seed);
          const pick = (i: number, salt: number) =>
            Number(BigInt.asUintN(rows, BigInt(Math.imul(seed + i * 7919 + salt, 2654435761) >>> 0)));
          const x = Array.from({ length: n }, (_, i) => pick(i, 0));
          // Neighbours and equal values among them.
          const t = x.map((value, i) => (i % 3 === 0 ? value : i % 3 === 1 ? value ^ 1 : pick(i, 77)));
          const mode = x.map((_, i) => (i >> 1) & 1);
          const { plane, zeros } = compare(x, t, mode, rows);
          x.forEach((value, i) => {
            const holds = mode[i] === 1 ? t[i]! > value : value > t[i]!;
            const expected = i % 7 === 3 || holds ? 1 : 0;
            expect(zeros[i], `lane ${i}`).toBe(expected);
            expect(bit(plane, i)).toBe(expected);
          });
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('the odd ring', () => {
  const residues = (bits: number, seed: number, n: number, modulus: number): number[] =>
    Array.from({ length: n }, (_, i) => {
      if (i === 0) return 0;
      if (i === 1) return modulus - 1;
      return Math.floor(Math.abs(Math.sin(seed * 31 + i * 12.9898)) * 2 ** bits) % modulus;
    });
  const sizes = [17, 25, 32, 33, 34, 49];

  it.each(sizes)('adds, carries and shares bits with %i bits', (bits) => {
    const [n, N] = [150, 2 ** bits - 1];
    const planes = planeWords(n);
    fill(1);
    const [a, b] = [residues(bits, 1, n, N), residues(bits, 2, n, N)];
    put(0, a);
    put(1, b);
    expect(words(agree(2, 8 * n, (k, at) => k.addOdd(at(2), at(0), at(1), n, bits)))).toEqual(
      a.map((value, i) => (value + b[i]!) % N),
    );
    const [x, y] = [residues(bits, 3, n, N + 1), residues(bits, 4, n, N + 1)];
    put(0, x);
    put(1, y);
    const sums = agree(2, 8 * n, (k, at) => k.sumCarry(at(2), at(3), at(0), at(1), n, bits, planes));
    expect(words(sums)).toEqual(x.map((value, i) => (value + y[i]!) % 2 ** bits));
    const carry = agree(3, 8 * planes, () => undefined);
    x.forEach((value, i) => {
      expect(bit(carry, i)).toBe(value + y[i]! >= 2 ** bits ? 1 : 0);
    });
    put(0, a);
    expect(words(agree(2, 8 * n, (k, at) => k.shareOdd(at(2), at(0), at(3), n, bits)))).toEqual(
      a.map((value, i) => (bit(carry, i) - value + N) % N),
    );
  });

  it.each(sizes)('converts shares and moves targets with %i bits', (bits) => {
    const [n, L] = [130, 2 ** bits];
    const N = L - 1;
    const planes = planeWords(n);
    for (const isLeft of [true, false]) {
      fill(bits);
      const [v, left, right] = [1, 2, 3].map((seed) => residues(bits, seed, n, L)) as [
        number[],
        number[],
        number[],
      ];
      put(0, v);
      put(1, left);
      put(2, right);
      const call = (k: Kernels, at: (slot: number) => number) =>
        k.maskConvert(at(3), at(4), at(5), at(0), at(1), at(2), n, bits, isLeft);
      const masked = words(agree(3, 8 * n, call));
      const y = words(agree(4, 8 * n, () => undefined));
      const r = words(agree(5, 8 * n, () => undefined));
      v.forEach((value, i) => {
        const a = (2 * value) % L;
        const own = isLeft ? left[i]! : right[i]!;
        const wrapped = a + own >= L ? 1 : 0;
        const common = isLeft && left[i]! + right[i]! >= L ? 1 : 0;
        expect(masked[i]).toBe((a + own) % L);
        expect(r[i]).toBe((left[i]! + right[i]!) % L);
        expect(y[i]).toBe((a - wrapped + common + N) % N);
      });
      const flip = planeOf(v.map((_, i) => (i >> 1) & 1));
      putBytes(6, flip);
      put(
        5,
        r.map((value, i) => (i % 5 === 0 ? 0 : Math.min(value, N - 1))),
      );
      for (const step of [1, -1]) {
        const targets = words(
          agree(7, 8 * n, (k, at) => k.compareTargets(at(7), at(8), at(5), at(6), n, bits, step, planes)),
        );
        const forced = agree(8, 8 * planes, () => undefined);
        const moved = words(agree(5, 8 * n, () => undefined));
        moved.forEach((value, i) => {
          const f = bit(flip, i);
          expect(targets[i]).toBe((value + step * f + L) % L);
          expect(bit(forced, i)).toBe(f === 1 && step === -1 && value === 0 ? 1 : 0);
        });
      }
      const [delta, eta, x] = [4, 5, 6].map((seed) => residues(bits, seed, n, N)) as [
        number[],
        number[],
        number[],
      ];
      put(0, delta);
      put(1, eta);
      put(2, x);
      const done = words(
        agree(9, 8 * n, (k, at) =>
          k.finishConvert(at(9), at(4), at(0), at(1), at(2), at(6), n, bits, isLeft),
        ),
      );
      const big = BigInt(N);
      done.forEach((value, i) => {
        const own = bit(flip, i) === 1 ? (isLeft ? 1 : 0) - eta[i]! : eta[i]!;
        const sum = 2n * (BigInt(y[i]!) - BigInt(delta[i]!) + BigInt(own)) + BigInt(x[i]!);
        expect(BigInt(value)).toBe(((sum % big) + big) % big);
      });
    }
  });
});
