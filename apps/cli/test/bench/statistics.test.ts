import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { repeat } from '../../src/bench/repeat.js';
import { median, quantile, summarise } from '../../src/bench/statistics.js';

const times = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 });
const fractions = fc.double({ min: 0, max: 1, noNaN: true });

describe('quantile', () => {
  it('gives what NumPy gives', () => {
    expect(quantile([1, 2, 3, 4], 0.25)).toBe(1.75);
    expect(quantile([10, 0, 5], 0.9)).toBeCloseTo(9, 12);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(quantile([7], 0.99)).toBe(7);
  });

  it('lies within the values, grows with the fraction, and does not care for order', () => {
    fc.assert(
      fc.property(times, fractions, fractions, (values, a, b) => {
        const [low, high] = [quantile(values, Math.min(a, b)), quantile(values, Math.max(a, b))];
        expect(low).toBeGreaterThanOrEqual(Math.min(...values));
        expect(high).toBeLessThanOrEqual(Math.max(...values));
        expect(low).toBeLessThanOrEqual(high);
        expect(quantile([...values].reverse(), a)).toBe(quantile(values, a));
      }),
    );
  });

  it('leaves at least the fraction of the values at or below it', () => {
    fc.assert(
      fc.property(times, (values) => {
        const found = median(values);
        expect(values.filter((value) => value <= found).length).toBeGreaterThanOrEqual(values.length / 2);
        expect(values.filter((value) => value >= found).length).toBeGreaterThanOrEqual(values.length / 2);
      }),
    );
  });

  it('refuses what has no quantile', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
    expect(() => quantile([1, Number.NaN], 0.5)).toThrow(RangeError);
    expect(() => quantile([1], 1.1)).toThrow(RangeError);
    expect(() => quantile([1], Number.NaN)).toThrow(RangeError);
  });

  it('does not sort the caller’s array', () => {
    const values = [3, 1, 2];
    summarise(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

it('summarises', () => {
  const values = Array.from({ length: 101 }, (_, index) => index);
  expect(summarise(values)).toEqual({ samples: 101, min: 0, p50: 50, p95: 95, p99: 99, max: 100 });
});

describe('repeat', () => {
  it('records nothing of the warm-up, and as many runs as asked for', async () => {
    let runs = 0;
    let warm = 0;
    const recorded = await repeat(
      () => ++runs,
      { warmUpMs: 0, measureMs: 10_000, minRuns: 1, maxRuns: 5 },
      async () => {
        warm = runs;
      },
    );
    expect(warm).toBe(1);
    expect(recorded).toEqual([2, 3, 4, 5, 6]);
  });

  it('stops by time, but never below the least number of runs', async () => {
    const slow = () => new Promise<number>((resolve) => setTimeout(() => resolve(1), 5));
    const recorded = await repeat(slow, { warmUpMs: 0, measureMs: 0, minRuns: 3, maxRuns: 1000 });
    expect(recorded).toHaveLength(3);
  });
});
