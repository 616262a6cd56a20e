/** Adaptive throttling by a clock and coins of the test's own. */
import { TrivetError } from '@trivet/shared-types';
import { describe, expect, it } from 'vitest';
import { RefusedHereError, Throttle, WINDOW_MS } from '../src/throttle.js';

const NO_ROOM = new TrivetError('RESOURCE_EXHAUSTED', 'alice has 500 images to do.', 'alice');

function make(coin = () => 0) {
  const clock = { now: 1e6 };
  const throttle = new Throttle('digits', { now: () => clock.now, random: coin });
  return { throttle, clock };
}

/** Of a request that ends at once, if it passes. */
function refusal(throttle: Throttle): RefusedHereError | null {
  try {
    throttle.check();
    throttle.ended();
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(RefusedHereError);
    return error as RefusedHereError;
  }
}

describe('a throttle', () => {
  it('lets everything pass while workers answer, even with the unluckiest coin', () => {
    const { throttle, clock } = make();
    for (let request = 0; request < 100; request++) {
      throttle.check();
      throttle.answered(clock.now);
      throttle.ended();
    }
    expect(throttle.mayHaveNoRoom).toBe(false);
  });

  it('lets a hundred pass at once, unless workers have just refused some', () => {
    const { throttle, clock } = make();
    for (let request = 0; request < 100; request++) throttle.check();
    throttle.refused(NO_ROOM);
    expect(refusal(throttle)).not.toBeNull();
    for (let request = 0; request < 50; request++) {
      throttle.answered(clock.now);
      throttle.ended();
    }
    expect(refusal(throttle)).toBeNull();
  });

  it('refuses nobody for three refusals, and the fourth request then', () => {
    const { throttle } = make();
    for (let request = 0; request < 3; request++) {
      expect(refusal(throttle)).toBeNull();
      throttle.refused(NO_ROOM);
    }
    expect(throttle.mayHaveNoRoom).toBe(true);
    expect(refusal(throttle)).toBeNull();
    throttle.refused(NO_ROOM);
    expect(refusal(throttle)).toMatchObject({ code: 'RESOURCE_EXHAUSTED', worker: null, cause: NO_ROOM });
  });

  it('has questions asked as long as more than a tenth is refused', () => {
    const { throttle, clock } = make();
    for (let request = 0; request < 9; request++) throttle.answered(clock.now);
    throttle.refused(NO_ROOM);
    expect(throttle.mayHaveNoRoom).toBe(false);
    throttle.refused(NO_ROOM);
    expect(throttle.mayHaveNoRoom).toBe(true);
  });

  it('says that it was this device, why, and when to try again', () => {
    const { throttle, clock } = make();
    throttle.answered(clock.now);
    for (let request = 0; request < 20; request++) throttle.refused(NO_ROOM);
    const { message, retryAfterMs } = refusal(throttle)!;
    expect(message).toContain('refused on this device and not sent');
    expect(message).toContain('refused 20 and answered 1');
    expect(message).toContain('"digits"');
    expect(message).toContain(NO_ROOM.message);
    expect(message).toContain(`Try again in ${Math.ceil(retryAfterMs / 1000)} s.`);
    expect(retryAfterMs).toBeGreaterThan(WINDOW_MS / 4);
    expect(retryAfterMs).toBeLessThanOrEqual(WINDOW_MS / 2);
  });

  it('refuses with the probability of the book, what it has refused itself included', () => {
    let coin = 0;
    const { throttle, clock } = make(() => coin);
    for (let request = 0; request < 10; request++) throttle.answered(clock.now);
    for (let request = 0; request < 20; request++) throttle.refused(NO_ROOM);
    // 30 requests, 10 answers, K = 1.2, 3 free.
    coin = (30 - 1.2 * 10 - 3) / 31 + 1e-9;
    expect(refusal(throttle)).toBeNull();
    coin -= 2e-9;
    expect(refusal(throttle)).not.toBeNull();
    coin = (31 - 1.2 * 10 - 3) / 32 - 1e-9;
    expect(refusal(throttle)).not.toBeNull();
  });

  it('sends more once workers have refused nothing for two seconds', () => {
    const { throttle, clock } = make(() => 0.001);
    for (let request = 0; request < 20; request++) throttle.answered(clock.now);
    for (let request = 0; request < 20; request++) throttle.refused(NO_ROOM);
    expect(refusal(throttle)).not.toBeNull();
    clock.now += 1999;
    expect(refusal(throttle)).not.toBeNull();
    clock.now += 1;
    // As long as no answer is to a request of that time, it may just be that refusals take long.
    expect(refusal(throttle)).not.toBeNull();
    throttle.answered(clock.now - 2001);
    expect(refusal(throttle)).not.toBeNull();
    throttle.answered(clock.now - 1000);
    expect(refusal(throttle)).toBeNull();
  });

  it('counts what came too late while workers refuse as well, and only then', () => {
    const { throttle, clock } = make();
    for (let request = 0; request < 50; request++) throttle.late();
    expect(refusal(throttle)).toBeNull();
    throttle.refused(NO_ROOM);
    expect(refusal(throttle)).not.toBeNull();
    clock.now += 2000;
    throttle.answered(clock.now);
    for (let request = 0; request < 50; request++) throttle.late();
    expect(refusal(throttle)).toBeNull();
  });

  it('forgets what is older than its window', () => {
    const { throttle, clock } = make();
    for (let request = 0; request < 1000; request++) throttle.refused(NO_ROOM);
    expect(refusal(throttle)).not.toBeNull();
    clock.now += WINDOW_MS - 1000;
    expect(throttle.mayHaveNoRoom).toBe(true);
    clock.now += 1000;
    expect(throttle.mayHaveNoRoom).toBe(false);
    expect(refusal(throttle)).toBeNull();
  });

  it('draws its coins from the secure generator', () => {
    const throttle = new Throttle('digits');
    for (let request = 0; request < 1000; request++) throttle.refused(NO_ROOM);
    let refused = 0;
    for (let request = 0; request < 200; request++) if (refusal(throttle) !== null) refused += 1;
    expect(refused).toBeGreaterThan(150);
  });
});

/** The same coins in each run: a linear congruential generator (Knuth, The Art of Computer Programming 2, 3.3.4). */
function seededCoin(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Workers that take so many requests a second, spread evenly, and refuse the rest. */
function simulate(
  clients: number,
  seconds: readonly { readonly perSecond: number; readonly capacity: number }[],
) {
  const coin = seededCoin();
  let now = 1e6;
  const throttles = Array.from(
    { length: clients },
    () => new Throttle('digits', { now: () => now, random: coin }),
  );
  return seconds.map(({ perSecond, capacity }) => {
    const counts = { answered: 0, refused: 0, here: 0 };
    let room = 0;
    for (let request = 0; request < perSecond; request++) {
      now += 1000 / perSecond;
      room = Math.min(room + capacity / perSecond, 20);
      const throttle = throttles[Math.floor(coin() * clients)]!;
      if (refusal(throttle) !== null) counts.here += 1;
      else if (room >= 1) {
        room -= 1;
        counts.answered += 1;
        throttle.answered(now);
      } else {
        counts.refused += 1;
        throttle.refused(NO_ROOM);
      }
    }
    return counts;
  });
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

describe('clients that throttle themselves', () => {
  const steady = (perSecond: number, capacity: number, length: number) =>
    Array.from({ length }, () => ({ perSecond, capacity }));

  it.each([
    [2, 20],
    [4, 20],
    [4, 100],
  ])(
    'leave workers little to refuse and all to answer, at %i times the capacity, %i of them',
    (factor, clients) => {
      const counts = simulate(clients, steady(factor * 200, 200, 24)).slice(12);
      expect(sum(counts.map(({ answered }) => answered))).toBeGreaterThan(0.95 * 12 * 200);
      // A load of so many would otherwise be refused `factor` − 1 times as often as answered.
      expect(sum(counts.map(({ refused }) => refused))).toBeLessThan(0.7 * 12 * 200);
    },
  );

  it('send all again within some seconds of there being room', () => {
    const counts = simulate(20, [...steady(400, 20, 15), ...steady(400, 800, 20)]);
    expect(sum(counts.slice(10, 15).map(({ here }) => here))).toBeGreaterThan(0.8 * 5 * 400);
    expect(sum(counts.slice(20, 25).map(({ answered }) => answered))).toBeGreaterThan(0.5 * 5 * 400);
    expect(sum(counts.slice(-2).map(({ here }) => here))).toBeLessThan(0.02 * 2 * 400);
  });
});
