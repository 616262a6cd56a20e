/** A proxy in front of all three workers cannot tell a 3 from an 8. That it could, without sealing: unsealed.test.ts. */
import { createKernels } from '@trivet/mpc-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { addUp, features, nearestMeanAccuracy, requestOf } from './attack.js';
import { type CapturedDigits, captureDigits } from './captured-digits.js';

const DIGITS = 200;
let digits: CapturedDigits;

beforeAll(async () => {
  digits = await captureDigits(DIGITS);
}, 180_000);

describe('a proxy in front of all three workers', () => {
  it('carried predictions that were right', () => {
    expect(digits.labels).toHaveLength(DIGITS);
    expect(digits.classified).toBeGreaterThan(0.7 * DIGITS);
    for (const seen of digits.captured) {
      expect(
        seen.filter(({ toWorker, bytes }) => toWorker && bytes.length > 100).length,
      ).toBeGreaterThanOrEqual(DIGITS);
    }
  });

  it('finds no share to add up', async () => {
    expect(addUp(digits.captured, await createKernels())).toEqual([]);
  });

  it('sees the same sizes whatever the digit', () => {
    for (const seen of digits.captured) {
      const requests = digits.labels.map((_, request) => requestOf(seen, request));
      expect(new Set(requests.map(({ toWorker }) => toWorker.bytes.length)).size).toBe(1);
      expect(new Set(requests.map(({ toClient }) => toClient.bytes.length)).size).toBe(1);
    }
  });

  it('guesses no better than a coin from bytes, sizes and times', () => {
    const vectors = digits.labels.map((_, request) => features(digits.captured, request));
    const accuracy = nearestMeanAccuracy(vectors, digits.labels);
    // Of 100 throws, five standard deviations: a fair coin is outside once in 1.7 million runs.
    expect(accuracy).toBeGreaterThan(0.25);
    expect(accuracy).toBeLessThan(0.75);
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
