import { createCpuSharer, createKernels, expandSeed, randomSeed } from '@trivet/mpc-core';
import { describe, expect, it } from 'vitest';
import { greysOfSum, hexWord, realOf, sumWords, wordAt } from './words.js';

describe('shares as pictures', () => {
  it('are noise until the last one is added, and then the digit, for every scale', async () => {
    const kernels = await createKernels('typescript');
    const pixels = Float32Array.from({ length: 784 }, (_, index) => (index % 256) / 255);
    for (const fractionalBits of [8, 16, 24]) {
      const seeds = [randomSeed(), randomSeed()] as const;
      const explicit = await createCpuSharer(kernels).share(pixels, fractionalBits, seeds);
      const shares = [...seeds.map((seed) => expandSeed(kernels, seed, 784)), explicit];
      const greys = [1, 2, 3].map((count) => greysOfSum(shares.slice(0, count), fractionalBits));
      expect([...greys[2]!]).toEqual(Array.from(pixels, (pixel) => Math.round(pixel * 255)));
      for (const noise of greys.slice(0, 2)) {
        const mean = noise.reduce((sum, grey) => sum + grey, 0) / noise.length;
        expect(Math.abs(mean - 127.5)).toBeLessThan(20);
        expect(new Set(noise).size).toBeGreaterThan(150);
      }
      const words = shares.map((share) => wordAt(share, 300));
      expect(realOf(sumWords(words), 64, fractionalBits)).toBeCloseTo(pixels[300]!, 2);
    }
  });
});

describe('words', () => {
  it('are little-endian, printed in groups of four, and signed at their width', () => {
    const bytes = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0xff]);
    expect(hexWord(wordAt(bytes, 1))).toBe('ff07 0605 0403 0201');
    expect(realOf(0xffff_ffff_fffe_0000n, 48, 1)).toBe(-1);
    expect(sumWords([(1n << 64n) - 1n, 3n])).toBe(2n);
  });
});
