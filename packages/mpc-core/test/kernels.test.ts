/**
 * The WASM and the plain TypeScript kernels on the same random memory: equal bit for bit, and equal to BigInt
 * arithmetic where the definition is short enough to state.
 */
import { chacha20 as referenceChaCha20 } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Conv2DGeometry, PoolGeometry } from '../src/graph/plan.js';
import { createKernels } from '../src/kernels/create.js';
import { type Kernels, planeWords } from '../src/kernels/kernels.js';
import { checkWord } from '../src/ring/checks.js';

const MASK = (1n << 64n) - 1n;
let both: readonly [Kernels, Kernels];

beforeAll(async () => {
  both = [await createKernels('wasm'), await createKernels('typescript')];
});

/** Fills the first megabyte above the base of both memories with the same pseudo-random bytes of the kernels' own ChaCha20. */
function fill(seed: number): void {
  for (const kernels of both) {
    const { base } = kernels.memory;
    const key = base + (1 << 20);
    kernels.memory.ensure(key + 32);
    kernels.memory.bytes.fill(seed, key, key + 32);
    kernels.chacha20(base, key, seed, 1, 2, 0, 1 << 20);
  }
}

/** Runs one call on both kernels and checks that `bytes` at offset `dst` agree; returns them. */
function agree(dst: number, bytes: number, call: (kernels: Kernels, base: number) => void): Uint8Array {
  const results = both.map((kernels) => {
    const { base } = kernels.memory;
    call(kernels, base);
    return kernels.memory.bytes.slice(base + dst, base + dst + bytes);
  });
  expect(Buffer.compare(results[0], results[1])).toBe(0);
  return results[0];
}

function words(offset: number, n: number): bigint[] {
  const { base, bytes } = both[1].memory;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: n }, (_, i) => view.getBigUint64(base + offset + 8 * i, true));
}

function asWords(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: bytes.length / 8 }, (_, i) => view.getBigUint64(8 * i, true));
}

const A = 0;
const B = 65_536;
const D = 524_288;

describe('word kernels', () => {
  it('add, subtract and add a constant modulo 2^64', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 67 }), (seed, n) => {
        fill(seed);
        const [a, b] = [words(A, n), words(B, n)];
        expect(asWords(agree(D, 8 * n, (k, p) => k.add(p + D, p + A, p + B, n)))).toEqual(
          a.map((x, i) => (x + b[i]) & MASK),
        );
        expect(asWords(agree(D, 8 * n, (k, p) => k.subtract(p + D, p + A, p + B, n)))).toEqual(
          a.map((x, i) => (x - b[i]) & MASK),
        );
        expect(
          asWords(agree(D, 8 * n, (k, p) => k.addConstant(p + D, p + A, 0xfffffff1, 0x80000001, n))),
        ).toEqual(a.map((x) => (x + 0x80000001fffffff1n) & MASK));
      }),
      { numRuns: 25 },
    );
  });

  it('packs and unpacks every width without touching what follows', () => {
    fill(7);
    for (let width = 1; width <= 8; width++) {
      for (const n of [0, 1, 2, 7, 8, 9, 100]) {
        const source = words(A, n);
        fill(7);
        const guard = both[0].memory.bytes.slice(
          both[0].memory.base + D + n * width,
          both[0].memory.base + D + n * width + 16,
        );
        const packed = agree(D, n * width + 16, (k, p) => k.pack(p + D, p + A, n, width));
        expect(packed.subarray(n * width)).toEqual(guard);
        const back = asWords(agree(B, 8 * n, (k, p) => k.unpack(p + B, p + D, n, width)));
        expect(back).toEqual(source.map((x) => BigInt.asUintN(8 * width, x)));
      }
    }
  });

  it('gathers with zeros, xors and adds a bias a channel', () => {
    fill(9);
    const indices = Int32Array.of(3, -1, 0, 3, 2);
    for (const { memory } of both) memory.bytes.set(new Uint8Array(indices.buffer), memory.base + B);
    const source = words(A, 8);
    const expected = [0, 4].flatMap((row) => [...indices].map((i) => (i < 0 ? 0n : source[row + i])));
    expect(asWords(agree(D, 80, (k, p) => k.gather(p + D, p + A, p + B, 5, 2, 4)))).toEqual(expected);
    const [a, b] = [words(A, 12), words(B, 3)];
    expect(asWords(agree(D, 96, (k, p) => k.addBias(p + D, p + A, p + B, 4, 3)))).toEqual(
      a.map((x, i) => (x + b[i % 3]) & MASK),
    );
    expect(asWords(agree(D, 32, (k, p) => k.xor(p + D, p + A, p + B, 32)))).toEqual(
      words(A, 4).map((x, i) => x ^ words(B, 4)[i]),
    );
  });
});

describe('check words', () => {
  it('follow each row, shifted by any number of bits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 63 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 11 }),
        (seed, shift, rows, size) => {
          fill(seed);
          const source = words(A, rows * size);
          const expected = Array.from({ length: rows }, (_, r) => {
            const row = source.slice(r * size, (r + 1) * size).map((word) => (word << BigInt(shift)) & MASK);
            return [...row, checkWord(row)];
          });
          const got = agree(D, 8 * rows * (size + 1), (k, p) =>
            k.appendChecks(p + D, p + A, rows, size, shift),
          );
          expect(asWords(got)).toEqual(expected.flat());
        },
      ),
    );
  });
});

describe('digests of messages', () => {
  const digest = (src: number, bytes: number, low: number, high: number) => {
    for (const { memory } of both) memory.bytes.fill(0, memory.base + D, memory.base + D + 8);
    return asWords(agree(D, 8, (k, p) => k.addDigest(p + D, p + src, bytes, low, high)))[0];
  };

  it('agree, add up, and differ when anything does', () => {
    const seen = new Set<bigint>();
    let asked = 0;
    fill(4);
    for (let bytes = 0; bytes < 70; bytes++) {
      for (const [src, low, high] of [
        [A, 0, 0],
        [A, 1, 0],
        [A, 0, 1],
        [A + 1, 0, 0],
      ] as const) {
        seen.add(digest(src, bytes, low, high));
        asked++;
      }
      const flipped = bytes % 8;
      for (let at = 0; at < bytes; at++) {
        for (const { memory } of both) memory.bytes[memory.base + A + at] ^= 1 << flipped;
        seen.add(digest(A, bytes, 0, 0));
        for (const { memory } of both) memory.bytes[memory.base + A + at] ^= 1 << flipped;
        asked++;
      }
    }
    // Without bytes, an address more makes no difference.
    expect(seen.size).toBe(asked - 1);
    const [one, two] = [digest(A, 77, 5, 1), digest(B, 1000, 6, 0)];
    for (const { memory } of both) memory.bytes.fill(0, memory.base + D, memory.base + D + 8);
    for (const k of both) k.addDigest(k.memory.base + D, k.memory.base + B, 1000, 6, 0);
    const sum = asWords(agree(D, 8, (k, p) => k.addDigest(p + D, p + A, 77, 5, 1)))[0];
    expect(sum).toBe((one + two) & MASK);
  });

  it('differ when the same bits change in two words', () => {
    fill(3);
    const seen = new Set<bigint>();
    for (let bit = 0; bit < 64; bit++) {
      for (const distance of [1, 4, 8]) {
        for (const { memory } of both) {
          const byte = memory.base + A + (bit >> 3);
          memory.bytes[byte] ^= 1 << (bit & 7);
          memory.bytes[byte + 8 * distance] ^= 1 << (bit & 7);
        }
        seen.add(digest(A, 128, 0, 0));
      }
    }
    expect(seen.size).toBe(64 * 3);
  });
});

describe('ChaCha20', () => {
  it('is the key stream of RFC 8439 for any length, nonce and counter', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        fc.integer({ min: 0, max: 1000 }),
        fc.integer({ min: 0, max: 1200 }),
        (key, nonce, counter, length) => {
          const view = new DataView(nonce.buffer, nonce.byteOffset);
          const n = [0, 4, 8].map((at) => view.getUint32(at, true));
          const stream = agree(D, length, (k, p) => {
            k.memory.bytes.set(key, p);
            k.chacha20(p + D, p, n[0], n[1], n[2], counter, length);
          });
          const expected = referenceChaCha20(key, nonce, new Uint8Array(length), undefined, counter);
          expect(Buffer.compare(stream, expected)).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('convolution', () => {
  const geometry = fc
    .record({
      inHeight: fc.integer({ min: 1, max: 6 }),
      inWidth: fc.integer({ min: 1, max: 6 }),
      inChannels: fc.integer({ min: 1, max: 3 }),
      outHeight: fc.integer({ min: 1, max: 4 }),
      outWidth: fc.integer({ min: 1, max: 4 }),
      outChannels: fc.integer({ min: 1, max: 19 }),
      kernelHeight: fc.integer({ min: 1, max: 4 }),
      kernelWidth: fc.integer({ min: 1, max: 4 }),
      strideHeight: fc.integer({ min: 1, max: 3 }),
      strideWidth: fc.integer({ min: 1, max: 3 }),
      dilationHeight: fc.integer({ min: 1, max: 2 }),
      dilationWidth: fc.integer({ min: 1, max: 2 }),
      padTop: fc.integer({ min: 0, max: 3 }),
      padLeft: fc.integer({ min: 0, max: 3 }),
    })
    .map((g): Conv2DGeometry => g);

  function reference(x: bigint[], w: bigint[], batch: number, g: Conv2DGeometry): bigint[] {
    const out: bigint[] = [];
    for (let b = 0; b < batch; b++)
      for (let oy = 0; oy < g.outHeight; oy++)
        for (let ox = 0; ox < g.outWidth; ox++)
          for (let o = 0; o < g.outChannels; o++) {
            let sum = 0n;
            for (let ky = 0; ky < g.kernelHeight; ky++)
              for (let kx = 0; kx < g.kernelWidth; kx++)
                for (let c = 0; c < g.inChannels; c++) {
                  const iy = oy * g.strideHeight - g.padTop + ky * g.dilationHeight;
                  const ix = ox * g.strideWidth - g.padLeft + kx * g.dilationWidth;
                  if (iy < 0 || ix < 0 || iy >= g.inHeight || ix >= g.inWidth) continue;
                  sum +=
                    x[((b * g.inHeight + iy) * g.inWidth + ix) * g.inChannels + c] *
                    w[((ky * g.kernelWidth + kx) * g.inChannels + c) * g.outChannels + o];
                }
            out.push(sum & MASK);
          }
    return out;
  }

  it('is the definition for any geometry, fresh and accumulating', () => {
    fc.assert(
      fc.property(geometry, fc.integer({ min: 1, max: 2 }), (g, batch) => {
        fill(3);
        const x = words(A, batch * g.inHeight * g.inWidth * g.inChannels);
        const w = words(B, g.kernelHeight * g.kernelWidth * g.inChannels * g.outChannels);
        const expected = reference(x, w, batch, g);
        const bytes = 8 * expected.length;
        expect(asWords(agree(D, bytes, (k, p) => k.conv2d(p + D, p + A, p + B, batch, g, false)))).toEqual(
          expected,
        );
        expect(asWords(agree(D, bytes, (k, p) => k.conv2d(p + D, p + A, p + B, batch, g, true)))).toEqual(
          expected.map((value) => (2n * value) & MASK),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('is a convolution of each channel by itself where it is depthwise', () => {
    fc.assert(
      fc.property(geometry, fc.integer({ min: 1, max: 2 }), (any, batch) => {
        const channels = any.outChannels % 6 || 7;
        const g = { ...any, inChannels: channels, outChannels: channels };
        const positions = g.kernelHeight * g.kernelWidth;
        fill(5);
        const x = words(A, batch * g.inHeight * g.inWidth * channels);
        const own = words(B, positions * channels);
        const diagonal = Array.from({ length: positions * channels * channels }, (_, i) => {
          const [cell, c, o] = [
            Math.floor(i / channels ** 2),
            Math.floor(i / channels) % channels,
            i % channels,
          ];
          return c === o ? own[cell * channels + c] : 0n;
        });
        const expected = reference(x, diagonal, batch, g);
        const run = (accumulate: boolean) =>
          agree(D, 8 * expected.length, (k, p) =>
            k.depthwiseConv2d(p + D, p + A, p + B, batch, g, accumulate),
          );
        expect(asWords(run(false))).toEqual(expected);
        expect(asWords(run(true))).toEqual(expected.map((value) => (2n * value) & MASK));
      }),
      { numRuns: 60 },
    );
  });

  it('is the same modulo 2^42 on narrow multipliers', () => {
    const mask = (1n << 42n) - 1n;
    fc.assert(
      fc.property(geometry, fc.integer({ min: 1, max: 2 }), fc.boolean(), (any, batch, wide) => {
        // Rows must not be clipped at the sides; long rows make the exact level overflow unless it is flushed.
        const g = { ...any, dilationWidth: 1, padLeft: 0, inChannels: any.inChannels * (wide ? 23 : 1) };
        const fitting = { ...g, inWidth: (g.outWidth - 1) * g.strideWidth + g.kernelWidth };
        fill(11);
        const expected = agree(D, 8 * batch * g.outHeight * g.outWidth * g.outChannels, (k, p) =>
          k.conv2d(p + D, p + A, p + B, batch, fitting, false),
        );
        const prepared = 2 * D;
        const bytes = expected.length;
        for (const accumulate of [false, true]) {
          const narrow = agree(D, bytes, (k, p) => {
            const end = p + prepared + k.narrowWeightBytes(fitting);
            k.memory.ensure(end + k.narrowScratchBytes(fitting, batch));
            k.prepareNarrow(p + prepared, p + B, fitting);
            k.conv2dNarrow(p + D, p + A, p + prepared, end, batch, fitting, accumulate);
          });
          const times = accumulate ? 2n : 1n;
          expect(asWords(narrow)).toEqual(asWords(expected).map((word) => (word * times) & mask));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('averages clipped windows by the rounded reciprocal', () => {
    const g: PoolGeometry = {
      inHeight: 5,
      inWidth: 4,
      channels: 3,
      outHeight: 3,
      outWidth: 2,
      poolHeight: 3,
      poolWidth: 3,
      strideHeight: 2,
      strideWidth: 2,
      padTop: 1,
      padLeft: 1,
    };
    fill(5);
    const x = words(A, 120);
    const expected: bigint[] = [];
    for (let b = 0; b < 2; b++)
      for (let oy = 0; oy < 3; oy++)
        for (let ox = 0; ox < 2; ox++)
          for (let c = 0; c < 3; c++) {
            let [sum, cells] = [0n, 0];
            for (let iy = 2 * oy - 1; iy < 2 * oy + 2; iy++)
              for (let ix = 2 * ox - 1; ix < 2 * ox + 2; ix++) {
                if (iy < 0 || ix < 0 || iy >= 5 || ix >= 4) continue;
                sum += x[((b * 5 + iy) * 4 + ix) * 3 + c];
                cells++;
              }
            expected.push((sum * BigInt(Math.round(65_536 / cells))) & MASK);
          }
    expect(asWords(agree(D, 8 * 36, (k, p) => k.averagePool2d(p + D, p + A, 2, g, 16)))).toEqual(expected);
  });
});

describe('bit planes', () => {
  it('transposes any range of bits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 1, max: 24 }),
        (n, shift, bits) => {
          fill(n & 255);
          const source = words(A, n);
          const w = planeWords(n);
          const planes = asWords(
            agree(D, 8 * w * bits, (k, p) => k.bitPlanes(p + D, p + A, n, shift, bits, w)),
          );
          for (let p = 0; p < bits; p++)
            for (let i = 0; i < 64 * w; i++)
              expect((planes[p * w + (i >> 6)] >> BigInt(i & 63)) & 1n).toBe(
                i < n ? (source[i] >> BigInt(shift + p)) & 1n : 0n,
              );
        },
      ),
      { numRuns: 10 },
    );
  });

  it('subset products, block comparison and group combination agree on random shares', () => {
    for (let m = 1; m <= 5; m++) {
      fill(m);
      agree(D, 8 * 4 * (2 ** m - 1), (k, p) => k.subsetProducts(p + D, p + A, m, 4));
      for (const one of [true, false]) {
        agree(D, 64, (k, p) => k.compareBlock(p + D, p + D + 32, p + A, p + B, m, 4, one));
      }
    }
    for (let g = 2; g <= 5; g++)
      for (const low of [0, 1]) {
        fill(g);
        agree(D, 8 * 4 * 80, (k, p) => k.groupProducts(p + D, p + A, g, low, 4));
        for (const one of [true, false]) {
          agree(D, 64, (k, p) =>
            k.combineGroup(p + D, p + D + 32, p + A, p + B, p + 2 * B, p + 3 * B, g, low, 4, one),
          );
        }
      }
  });
});

describe('selection', () => {
  it('agrees on random shares for every shift and width', () => {
    for (const [shift, k] of [
      [16, 24],
      [0, 24],
      [13, 32],
      [16, 48],
    ]) {
      fill(shift + k);
      const n = 37;
      agree(D, 8 * 5 * n, (kernels, p) => kernels.selectMaterial(p + D, p + A, p + B, n, shift, k));
      agree(D, 8 * 2 * n, (kernels, p) => kernels.truncateMaterial(p + D, p + A, n, shift, k));
      for (const one of [true, false]) {
        agree(D, 8 * n, (kernels, p) => kernels.select(p + D, p + A, p + B, p + 2 * B, n, shift, k, one));
        agree(D, 8 * n, (kernels, p) => kernels.truncate(p + D, p + A, p + 2 * B, n, shift, k, one));
      }
    }
  });
});
