import { describe, expect, it } from 'vitest';
import { medianOf, predictMs, workOf } from './latency-model.js';

describe('what a slower line makes of a prediction', () => {
  const measured = { clientMs: 2, networkMs: 40, rounds: 10 };

  it('is what was measured where it was measured', () => {
    expect(predictMs(measured, workOf(measured, 5), 5)).toBe(42);
  });

  it('adds a round trip and a half for question, proposal and answer, and half of one a round', () => {
    const work = workOf(measured, 0);
    expect(predictMs(measured, work, 20) - predictMs(measured, work, 0)).toBe(20 * 6.5);
  });

  it('never takes more than there was', () => {
    expect(workOf(measured, 1000)).toBe(0);
  });
});

describe('medianOf', () => {
  it('takes the middle, or the mean of the two in the middle', () => {
    expect(medianOf([3, 1, 2])).toBe(2);
    expect(medianOf([4, 1, 2, 3])).toBe(2.5);
  });
});
