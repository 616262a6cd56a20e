import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../src/index.js';

describe('the seeded generator', () => {
  it('gives the same for the same seed and stream, in every release', () => {
    const golden = [2_308_299_391, 1_950_625_580, 354_034_397, 661_219_729];
    const first = (seed: number, stream?: number) => {
      const random = new SeededRandom(seed, stream);
      return Array.from({ length: 4 }, () => random.next() * 2 ** 32);
    };
    expect(first(1)).toEqual(golden);
    expect(first(1, 0)).toEqual(golden);
    expect(first(1, 1)).not.toEqual(golden);
    expect(first(2)).not.toEqual(golden);
  });

  it('is uniform enough', () => {
    const random = new SeededRandom(9);
    const mean = Array.from({ length: 20_000 }, () => random.next()).reduce((a, b) => a + b) / 20_000;
    expect(mean).toBeGreaterThan(0.49);
    expect(mean).toBeLessThan(0.51);
  });

  it('has orders with every item once, and choices within their bounds', () => {
    const random = new SeededRandom(9);
    const items = Array.from({ length: 1000 }, (_, i) => i);
    for (const order of [[...random.permutation(1000)], random.shuffled(items)]) {
      expect(order.toSorted((a, b) => a - b)).toEqual(items);
      expect(order).not.toEqual(items);
    }
    const seen = new Set(items.map(() => random.pick(['a', 'b', 'c'])));
    expect([...seen].sort()).toEqual(['a', 'b', 'c']);
    for (const _ of items) {
      expect(random.below(3)).toBeOneOf([0, 1, 2]);
      expect(Math.abs(random.symmetric(0.5))).toBeLessThanOrEqual(0.5);
      const between = random.between(2, 4);
      expect(between >= 2 && between < 4).toBe(true);
    }
  });
});
