import { describe, expect, it } from 'vitest';
import { deviationOf, medianOf, predictMs } from './latency-model.js';

describe('what another line makes of a prediction', () => {
  const measured = { readyMs: 42, rounds: 10, roundTripMs: 5 };

  it('is what was measured where it was measured', () => {
    expect(predictMs(measured, 5)).toBe(42);
  });

  it('adds a round trip for question and answer, and half of one a round', () => {
    expect(predictMs(measured, 25) - predictMs(measured, 5)).toBe(20 * 6);
    expect(predictMs({ ...measured, rounds: 2 }, 25) - predictMs({ ...measured, rounds: 2 }, 5)).toBe(20 * 2);
  });

  it('never takes more than there was', () => {
    expect(predictMs({ ...measured, roundTripMs: 1000 }, 0)).toBe(0);
    expect(predictMs({ ...measured, roundTripMs: 1000 }, 2)).toBe(2 * 6);
  });

  it('says how far it was from what came', () => {
    expect(deviationOf(40, 50)).toBe(0.25);
    expect(deviationOf(40, 30)).toBe(-0.25);
    expect(deviationOf(0, 30)).toBe(0);
  });
});

describe('medianOf', () => {
  it('takes the middle, or the mean of the two in the middle', () => {
    expect(medianOf([3, 1, 2])).toBe(2);
    expect(medianOf([4, 1, 2, 3])).toBe(2.5);
  });
});
