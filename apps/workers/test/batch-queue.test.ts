import type { ProtocolName } from '@trivet/shared-types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchQueue } from '../src/serving/batch-queue.js';

const item = (digest: string, count: number, protocol: ProtocolName = 'replicated') => {
  return { digest, count, protocol };
};
const limits = { maxBatchSize: 4, batchTimeoutMicros: 0, maxEnqueuedBatches: 3 };

describe('the batch queue', () => {
  it('hands a lone request out at once when nothing is to be waited for', () => {
    const queue = new BatchQueue(limits, 'alice');
    const lone = item('a', 1);
    queue.add(lone, 10);
    expect(queue.take(10)?.items).toEqual([lone]);
    expect(queue.take(10)).toBeUndefined();
  });

  it('waits batchTimeoutMicros for a batch to fill, not longer, and not when it is full', () => {
    const queue = new BatchQueue({ ...limits, batchTimeoutMicros: 2000 }, 'alice');
    queue.add(item('a', 1), 10);
    expect(queue.take(11.9)).toBeUndefined();
    expect(queue.nextDueIn(11)).toBeCloseTo(1);
    queue.add(item('a', 2), 11);
    expect(queue.take(12)?.images).toBe(3);
    queue.add(item('a', 4), 20);
    expect(queue.take(20)?.images).toBe(4);
    expect(queue.nextDueIn(20)).toBeUndefined();
  });

  it('never mixes protocols', () => {
    const queue = new BatchQueue(limits, 'alice');
    queue.add(item('a', 1, 'replicated'), 0);
    queue.add(item('a', 1, 'securenn'), 0);
    queue.add(item('a', 2, 'replicated'), 0);
    expect([queue.take(0), queue.take(0)]).toMatchObject([
      { protocol: 'replicated', images: 3 },
      { protocol: 'securenn', images: 1 },
    ]);
  });

  it('never mixes models, and refuses the batch that is one too many', () => {
    const queue = new BatchQueue(limits, 'alice');
    queue.add(item('a', 3), 0);
    queue.add(item('b', 1), 0);
    queue.add(item('a', 1), 0);
    queue.add(item('a', 1), 0);
    expect(queue.length).toBe(3);
    queue.add(item('b', 3), 0);
    const refused = () => queue.add(item('a', 4), 0);
    expect(refused).toThrow(expect.objectContaining({ code: 'RESOURCE_EXHAUSTED', worker: 'alice' }));
    expect([queue.take(0), queue.take(0), queue.take(0)].map((batch) => batch?.images)).toEqual([4, 4, 1]);
  });

  it('gives a request larger than a batch a batch of its own', () => {
    const queue = new BatchQueue(limits, 'alice');
    queue.add(item('a', 1), 0);
    queue.add(item('a', 100), 0);
    queue.add(item('a', 1), 0);
    expect([queue.take(0), queue.take(0), queue.take(0)].map((batch) => batch?.images)).toEqual([1, 100, 1]);
  });

  it('loses and doubles nothing, and keeps every batch within its size', () => {
    const operations = fc.array(
      fc.record({
        digest: fc.constantFrom('a', 'b'),
        count: fc.integer({ min: 1, max: 6 }),
        drop: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(operations, (list) => {
        const queue = new BatchQueue({ ...limits, maxEnqueuedBatches: 1000 }, 'alice');
        const expected = new Set<object>();
        for (const { digest, count, drop } of list) {
          const added = item(digest, count);
          queue.add(added, 0);
          expected.add(added);
          if (drop) {
            const victim = [...expected][expected.size >> 1] as ReturnType<typeof item>;
            expect(queue.remove(victim)).toBe(true);
            expect(queue.remove(victim)).toBe(false);
            expected.delete(victim);
          }
        }
        expect(queue.requests).toBe(expected.size);
        const taken: object[] = [];
        for (let batch = queue.take(0); batch !== undefined; batch = queue.take(0)) {
          expect(new Set(batch.items.map(({ digest }) => digest)).size).toBe(1);
          expect(batch.images).toBe(batch.items.reduce((sum, { count }) => sum + count, 0));
          expect(batch.images <= 4 || batch.items.length === 1).toBe(true);
          taken.push(...batch.items);
        }
        expect(new Set(taken)).toEqual(expected);
        expect(taken).toHaveLength(expected.size);
      }),
    );
  });
});
