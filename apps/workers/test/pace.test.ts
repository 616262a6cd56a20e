import { describe, expect, it } from 'vitest';
import { Pace } from '../src/serving/pace.js';

/** Batches one after the other. @returns when the last of them has ended */
function run(pace: Pace, batches: number, images: number, ms: number, from = 0): number {
  for (let batch = 0; batch < batches; batch++)
    pace.ended(images, from + batch * ms, from + (batch + 1) * ms);
  return from + batches * ms;
}

/** How long a request waits for so many images, its own included, when none runs yet. */
const waitMs = (pace: Pace, waiting: number) => pace.waitMs({ running: 0, runningSince: 1e6, waiting }, 1e6);

describe('Pace', () => {
  it('says nothing before it has seen some batches', () => {
    const pace = new Pace();
    run(pace, 8, 10, 50);
    expect(waitMs(pace, 10)).toBe(0);
    run(pace, 1, 10, 50, 400);
    expect(waitMs(pace, 10)).toBe(50);
  });

  it('says of far more images than it has seen in a batch no more than of as many as it can judge', () => {
    const pace = new Pace();
    run(pace, 9, 1, 5);
    expect(waitMs(pace, 4)).toBe(20);
    expect(waitMs(pace, 5)).toBe(20);
    expect(waitMs(pace, 5000)).toBe(20);
  });

  it('counts the time of batches that run at once once, and none in which nothing runs', () => {
    const pace = new Pace();
    for (let i = 0; i < 9; i++) pace.ended(10, 0, 100 * (i + 1));
    expect(waitMs(pace, 1)).toBe(10);
    pace.ended(10, 60_000, 60_100);
    expect(waitMs(pace, 1)).toBe(10);
  });

  it('is not misled by a standstill, and follows what lasts', () => {
    const pace = new Pace();
    const at = run(pace, 9, 1, 10);
    pace.ended(1, at, at + 5000);
    expect(waitMs(pace, 1)).toBe(10);
    run(pace, 9, 1, 100, 6000);
    expect(waitMs(pace, 1)).toBe(100);
  });

  it('goes by images, not by batches: those of a large batch take less each', () => {
    const pace = new Pace();
    const at = run(pace, 8, 1, 10);
    pace.ended(50, at, at + 100);
    expect(waitMs(pace, 50)).toBe(100);
    // As soon as most images are of small batches, they are the rule.
    run(pace, 9, 1, 10, at + 100);
    expect(waitMs(pace, 2)).toBe(20);
  });

  it('takes off what those that run have done since, and half of it at most', () => {
    const pace = new Pace();
    const at = run(pace, 9, 10, 100);
    const wait = (runningSince: number, now: number) =>
      pace.waitMs({ running: 20, runningSince, waiting: 5 }, now);
    expect(wait(at, at)).toBe(250);
    expect(wait(at - 40, at + 30)).toBe(220);
    expect(wait(at + 500, at + 530)).toBe(220);
    expect(wait(at, at + 5000)).toBe(150);
  });
});
