/** A proxy in front of all three workers cannot tell a 3 from an 8. That it could, without sealing: unsealed.test.ts. */
import { beforeAll, describe, expect, it } from 'vitest';
import { requestOf, tellThreesFromEights } from './attack.js';
import { type CapturedDigits, captureDigits } from './captured-digits.js';
import type { Seen } from './capturing-proxy.js';

const DIGITS = 200;
let digits: CapturedDigits;

beforeAll(async () => {
  digits = await captureDigits(DIGITS);
}, 180_000);

/** Of 100 throws, five standard deviations: a fair coin is outside once in 1.7 million runs. */
const COIN = [0.25, 0.75] as const;

describe('a proxy in front of all three workers', () => {
  it('stands before three processes', () => {
    expect(new Set([...digits.pids, process.pid]).size).toBe(4);
    expect(digits.pids.every((pid) => pid > 0)).toBe(true);
  });

  it('carried predictions that were right', () => {
    expect(digits.labels).toHaveLength(DIGITS);
    expect(digits.classified).toBeGreaterThan(0.7 * DIGITS);
    for (const seen of digits.captured) {
      expect(
        seen.filter(({ toWorker, bytes }) => toWorker && bytes.length > 100).length,
      ).toBeGreaterThanOrEqual(DIGITS);
    }
  });

  it('sees the same sizes whatever the digit', () => {
    for (const seen of digits.captured) {
      const requests = digits.labels.map((_, request) => requestOf(seen, request));
      expect(new Set(requests.map(({ toWorker }) => toWorker.bytes.length)).size).toBe(1);
      expect(new Set(requests.map(({ toClient }) => toClient.bytes.length)).size).toBe(1);
    }
  });

  it('finds no share to add up, and guesses no better than a coin from bytes, sizes and times', async () => {
    const { pictures, accuracy } = await tellThreesFromEights(digits);
    expect(pictures).toEqual([]);
    expect(accuracy).toBeGreaterThan(COIN[0]);
    expect(accuracy).toBeLessThan(COIN[1]);
  });

  it.each<[string, (seen: Seen, isThree: boolean) => Seen]>([
    [
      'a byte more',
      (seen, isThree) => ({ ...seen, bytes: Buffer.concat([seen.bytes, Buffer.alloc(Number(isThree))]) }),
    ],
    [
      'a bit that is set',
      (seen, isThree) => ({
        ...seen,
        bytes: Buffer.concat([seen.bytes.subarray(0, -1), Buffer.of(Number(isThree))]),
      }),
    ],
    ['an answer that comes later', (seen, isThree) => ({ ...seen, at: seen.at - (isThree ? 1_000 : 0) })],
  ])('would tell them by %s', async (_, leak) => {
    const captured = digits.captured.map((seen, worker) => {
      if (worker !== 1) return seen;
      const leaking = new Map(
        digits.labels.map((label, request) => {
          const { toWorker } = requestOf(seen, request);
          return [toWorker, leak(toWorker, label === 3)] as const;
        }),
      );
      return seen.map((one) => leaking.get(one) ?? one);
    });
    const { accuracy } = await tellThreesFromEights({ captured, labels: digits.labels });
    expect(accuracy).toBeGreaterThan(COIN[1]);
  });

  it('sees bytes as even as noise', () => {
    const counts = new Array<number>(256).fill(0);
    for (const seen of digits.captured) {
      for (const [request] of digits.labels.entries()) {
        for (const byte of requestOf(seen, request).toWorker.bytes) counts[byte]! += 1;
      }
    }
    const expected = counts.reduce((sum, count) => sum + count, 0) / 256;
    const chiSquared = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: above 400 with a probability below 1e-7.
    expect(chiSquared).toBeLessThan(400);
  });
});
