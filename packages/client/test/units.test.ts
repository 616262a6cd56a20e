/** What needs no sockets: which error is told, softmax, deadlines. */
import { TrivetError } from '@trivet/shared-types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delay, openDeadline } from '../src/deadline.js';
import { isTransient, mostTelling, toTrivetError } from '../src/failures.js';
import { argmaxRows, softmaxRows } from '../src/index.js';
import { maxSamplesPerRequest } from '../src/inputs.js';

describe('which failure is told', () => {
  const error = (code: ConstructorParameters<typeof TrivetError>[0]) => new TrivetError(code, code);

  it('prefers causes to consequences, whatever the order', () => {
    const all = ['CANCELLED', 'ABORTED', 'UNAVAILABLE', 'RESOURCE_EXHAUSTED'] as const;
    fc.assert(
      fc.property(fc.shuffledSubarray([...all], { minLength: 4 }), (codes) => {
        expect(mostTelling(codes.map(error)).code).toBe('UNAVAILABLE');
      }),
    );
    expect(mostTelling([error('ABORTED'), error('INTERNAL')]).code).toBe('INTERNAL');
    expect(mostTelling([error('CANCELLED'), error('RESOURCE_EXHAUSTED')]).code).toBe('RESOURCE_EXHAUSTED');
  });

  it('keeps the others as the cause', () => {
    expect(
      (mostTelling([error('ABORTED'), error('UNAVAILABLE')]).cause as AggregateError).errors,
    ).toHaveLength(1);
  });

  it('retries only what a retry may cure', () => {
    expect(
      ['UNAVAILABLE', 'ABORTED', 'RESOURCE_EXHAUSTED'].every((code) => isTransient(error(code as never))),
    ).toBe(true);
    expect(isTransient(error('DEADLINE_EXCEEDED'))).toBe(false);
    expect(isTransient(new Error('x'))).toBe(false);
    expect(toTrivetError('x').code).toBe('INTERNAL');
  });
});

describe('softmax and argmax', () => {
  it('give a distribution whose largest entry is the class, even for large logits', () => {
    const row = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
        const logits = Float64Array.from(rows.flat());
        const probabilities = softmaxRows(logits, 4);
        argmaxRows(logits, 4).forEach((best, index) => {
          const values = probabilities.subarray(index * 4, index * 4 + 4);
          expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 9);
          expect(values[best]).toBe(Math.max(...values));
        });
      }),
    );
  });
});

describe('deadline', () => {
  it('says whether time ran out or the caller cancelled', async () => {
    const late = openDeadline(5, 'It');
    await expect(delay(1000, late.signal)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(() => late.remainingMs()).toThrow('longer than 5 ms');
    const controller = new AbortController();
    const cancelled = openDeadline(1000, 'It', controller.signal);
    expect(cancelled.remainingMs()).toBeGreaterThan(900);
    controller.abort();
    await expect(delay(1000, cancelled.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    late.close();
    cancelled.close();
  });
});

it('a request fits one message, and the wire limit', () => {
  expect(maxSamplesPerRequest(784)).toBe(1000);
  expect(maxSamplesPerRequest(1_000_000)).toBe(8);
  expect(maxSamplesPerRequest(10_000_000)).toBe(1);
});
