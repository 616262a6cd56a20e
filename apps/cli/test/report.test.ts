/** The comparison that `pnpm verify` makes must find what it looks for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brokenBounds, compareLogits } from '../src/verify/report.js';

const PLAIN = Float64Array.of(5, 1, 0, /**/ 0, 3, 1, /**/ 0.001, 0, -9);
const LABELS = [0, 1, 1];

describe('compareLogits', () => {
  it('counts the accuracy of both sides', () => {
    const report = compareLogits(PLAIN, PLAIN, LABELS, 3);
    expect(report).toEqual({
      count: 3,
      accuracy: 2 / 3,
      plaintextAccuracy: 2 / 3,
      classMismatches: 0,
      maxLogitError: 0,
    });
    expect(brokenBounds(report)).toEqual([]);
  });

  it('lets only images on the boundary change their class', () => {
    const boundary = PLAIN.with(6, -0.001);
    expect(compareLogits(boundary, PLAIN, LABELS, 3).classMismatches).toBe(0);
    const clear = PLAIN.with(0, -5);
    const report = compareLogits(clear, PLAIN, LABELS, 3);
    expect(report.classMismatches).toBe(1);
    expect(brokenBounds(report).length).toBeGreaterThanOrEqual(2);
  });

  it('reports the largest error wherever it is', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 8 }),
        fc.double({ min: 0.0021, max: 10, noNaN: true }),
        fc.boolean(),
        (at, error, up) => {
          const report = compareLogits(PLAIN.with(at, PLAIN[at]! + (up ? error : -error)), PLAIN, LABELS, 3);
          expect(report.maxLogitError).toBeCloseTo(error, 9);
          expect(brokenBounds(report).join()).toContain('off by');
        },
      ),
    );
  });

  it('takes a logit that is no number for broken', () => {
    expect(brokenBounds(compareLogits(PLAIN.with(4, Number.NaN), PLAIN, LABELS, 3))).not.toEqual([]);
  });

  it('takes one image of many for within the bound, two for broken', () => {
    const base = { count: 100, plaintextAccuracy: 0.9, classMismatches: 0, maxLogitError: 0 };
    expect(brokenBounds({ ...base, accuracy: 0.91 })).toEqual([]);
    expect(brokenBounds({ ...base, accuracy: 0.92 })).toHaveLength(1);
    expect(brokenBounds({ ...base, count: 10_000, accuracy: 0.9003 })).toHaveLength(1);
  });
});
