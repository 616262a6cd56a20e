import { describe, expect, it } from 'vitest';
import { Pace } from '../src/serving/pace.js';

describe('Pace', () => {
  it('knows nothing at first, then what the batches took', () => {
    const pace = new Pace();
    expect(pace.waitMs(1000)).toBe(0);
    pace.ended(10, 0, 50);
    expect(pace.waitMs(100)).toBeCloseTo(500);
  });

  it('counts the time of batches that run at once once', () => {
    const pace = new Pace();
    pace.ended(10, 0, 100);
    // Both began at 0; the second took the 100 ms after the first.
    pace.ended(10, 0, 200);
    expect(pace.waitMs(1)).toBe(10);
  });

  it('does not count the time in which nothing ran', () => {
    const pace = new Pace();
    pace.ended(1, 0, 5);
    pace.ended(1, 60_000, 60_005);
    expect(pace.waitMs(1)).toBeCloseTo(5);
  });

  it('is not misled by a standstill, and follows what lasts', () => {
    const pace = new Pace();
    for (let at = 0; at < 50; at += 10) pace.ended(1, at, at + 10);
    pace.ended(1, 50, 5050);
    expect(pace.waitMs(1)).toBe(10);
    for (let at = 6000; at < 7000; at += 100) pace.ended(1, at, at + 100);
    expect(pace.waitMs(1)).toBe(100);
  });
});
