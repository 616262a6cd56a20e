/** Encoding, sharing and reconstruction: laws, edges, and the bits that every implementation of InputSharer must give. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeInputs, encodeWeights, roundHalfToEven } from '../src/fixed/encode.js';
import { createKernels } from '../src/kernels/create.js';
import { randomBytes, randomSeed } from '../src/random/entropy.js';
import { addWords, readWords } from '../src/ring/words.js';
import { createCpuSharer, expandSeed, inputSharesFor } from '../src/sharing/input.js';

const signed = (bytes: Uint8Array): bigint[] => readWords(bytes).map((word) => BigInt.asIntN(64, word));

describe('fixed point', () => {
  it('rounds half to even', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49, -3.2, 7].map((x) => roundHalfToEven(x) + 0)).toEqual([
      0, 2, 2, 0, -2, -2, 0, -3, 7,
    ]);
  });

  it('refuses what does not fit', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 32_768, -32_768]) {
      expect(() => encodeInputs(Float32Array.of(0, bad), 16)).toThrow(/Input 1/);
    }
    expect(signed(encodeInputs(Float32Array.of(32_767.5, -32_767.5), 16))).toEqual([
      2147450880n,
      -2147450880n,
    ]);
    expect(() => encodeWeights(Float64Array.of(2 ** 47), 16)).toThrow(RangeError);
    expect(() => encodeWeights(Float64Array.of(Number.NaN), 16)).toThrow(RangeError);
  });
});

describe.each(['wasm', 'typescript'] as const)('the %s sharer', (kind) => {
  it('splits so that the three shares add up to the encoding', async () => {
    const kernels = await createKernels(kind);
    const sharer = createCpuSharer(kernels);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { maxLength: 300 }),
        async (values) => {
          const inputs = Float32Array.from(values);
          const seeds = [randomSeed(), randomSeed()] as const;
          const explicit = await sharer.share(inputs, 16, seeds);
          const streams = seeds.map((seed) => expandSeed(kernels, seed, inputs.length));
          const total = addWords(explicit, ...streams);
          expect(signed(total)).toEqual(Array.from(inputs, (v) => BigInt(roundHalfToEven(v * 65_536))));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('gives these bits for these seeds', async () => {
    const sharer = createCpuSharer(await createKernels(kind));
    const seeds = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;
    const explicit = await sharer.share(Float32Array.of(0, 1, -1, 0.5, 255 / 256), 16, seeds);
    expect(Buffer.from(explicit).toString('hex')).toMatchInlineSnapshot(
      `"081f9c37c6177fd511854e17c82c90f676a3b6d1a5d2e1f41aae78b1cc1c3af963b0ec1555f9bf13"`,
    );
  });

  it('refuses seeds of another length', async () => {
    const sharer = createCpuSharer(await createKernels(kind));
    await expect(sharer.share(Float32Array.of(1), 16, [randomBytes(31), randomSeed()])).rejects.toThrow(
      /32 bytes/,
    );
  });
});

describe('input shares', () => {
  it('give each worker two parts, of which neighbours hold the same one', () => {
    const seeds = [randomSeed(), randomSeed()] as const;
    const shares = inputSharesFor(seeds, randomBytes(8), 1);
    shares.forEach((share, party) => {
      expect(share.second).toBe(shares[(party + 1) % 3].first);
    });
    expect(shares.map(({ first }) => first.kind)).toEqual(['seed', 'seed', 'explicit']);
  });
});

describe('randomness', () => {
  it('fails closed without a secure generator', () => {
    const original = Object.getOwnPropertyDescriptor(globalThis, 'crypto');
    Object.defineProperty(globalThis, 'crypto', { value: undefined, configurable: true });
    try {
      expect(() => randomBytes(1)).toThrow(/secure random/);
    } finally {
      if (original) Object.defineProperty(globalThis, 'crypto', original);
    }
  });

  it('fills long requests completely', () => {
    const bytes = randomBytes(200_000);
    expect(bytes.subarray(150_000).some((byte) => byte !== 0)).toBe(true);
  });
});
