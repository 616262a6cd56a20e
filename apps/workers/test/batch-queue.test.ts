import type { ProtocolName } from '@trivet/shared-types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchQueue } from '../src/serving/batch-queue.js';

const item = (digest: string, count: number, protocol: ProtocolName = 'replicated', client = 'somebody') => ({
  digest,
  count,
  protocol,
  client,
});
/** Of some client, for a model. */
const from = (client: string, count: number, digest = 'a') => item(digest, count, 'replicated', client);
const limits = { maxBatchSize: 4, batchTimeoutMicros: 0, maxEnqueuedBatches: 3 };
const unlimited = { ...limits, maxEnqueuedBatches: 1000 };

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
    queue.add(from('one', 3, 'a'), 0);
    queue.add(from('two', 1, 'b'), 0);
    queue.add(from('three', 1, 'a'), 0);
    queue.add(from('four', 1, 'a'), 0);
    expect(queue.batches).toHaveLength(3);
    queue.add(from('five', 3, 'b'), 0);
    const refused = () => queue.add(from('six', 4, 'a'), 0);
    expect(refused).toThrow(expect.objectContaining({ code: 'RESOURCE_EXHAUSTED', worker: 'alice' }));
    expect([queue.take(0), queue.take(0), queue.take(0)].map((batch) => batch?.images)).toEqual([4, 4, 1]);
  });

  it('gives a request larger than a batch a batch of its own', () => {
    const queue = new BatchQueue(unlimited, 'alice');
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
        client: fc.constantFrom('one', 'two', 'three'),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(operations, (list) => {
        const queue = new BatchQueue(unlimited, 'alice');
        const expected = new Set<object>();
        for (const { digest, count, drop, client } of list) {
          const added = from(client, count, digest);
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

describe('whose turn it is', () => {
  /** Adds so many requests of one client. */
  const fill = (
    queue: BatchQueue<ReturnType<typeof item>>,
    client: string,
    requests: number,
    count: number,
  ) => {
    for (let i = 0; i < requests; i++) queue.add(from(client, count), 0);
  };

  it('is that of who comes with little, however much another has waiting', () => {
    const queue = new BatchQueue(unlimited, 'alice');
    fill(queue, 'greedy', 100, 4);
    for (let i = 0; i < 10; i++) queue.take(0);
    expect([queue.imagesBefore('greedy'), queue.imagesBefore('modest')]).toEqual([360, 0]);
    const modest = from('modest', 1);
    queue.add(modest, 0);
    expect(queue.take(0)?.items).toEqual([modest]);
    expect(queue.take(0)?.items).toMatchObject([{ client: 'greedy' }]);
  });

  it('comes to each of several with the same number of images, whatever the size of their requests', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(sizes, (counts) => {
        const queue = new BatchQueue(unlimited, 'alice');
        const names = counts.map((_, client) => `client ${client}`);
        counts.forEach((count, client) => {
          fill(queue, names[client]!, Math.ceil(200 / count), count);
        });
        const served = new Map(names.map((name) => [name, 0]));
        const total = () => [...served.values()].reduce((sum, images) => sum + images, 0);
        while (total() < 100 * counts.length) {
          for (const { client, count } of queue.take(0)!.items)
            served.set(client, served.get(client)! + count);
          // Two requests of either, and one batch: the bound of the paper, and what a batch adds.
          const images = [...served.values()];
          expect(Math.max(...images) - Math.min(...images)).toBeLessThanOrEqual(2 * 9 + 4);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('of one alone is in the order of arrival, also after one of its requests was taken back', () => {
    const queue = new BatchQueue(unlimited, 'alice');
    const all = [3, 1, 2, 4, 1, 1].map((count) => from('one', count));
    for (const one of all) queue.add(one, 0);
    queue.remove(all[3]!);
    expect(queue.take(0)?.items).toEqual(all.slice(0, 2));
    expect(queue.take(0)?.items).toEqual([all[2], all[4], all[5]]);
    expect(queue.imagesBefore('one')).toBe(0);
  });

  it('is not put off by what a client took back', () => {
    const queue = new BatchQueue(unlimited, 'alice');
    const all = Array.from({ length: 5 }, () => from('one', 4));
    for (const one of all) queue.add(one, 0);
    for (const one of all.slice(0, 4)) queue.remove(one);
    fill(queue, 'two', 3, 4);
    expect(queue.take(0)?.items).toEqual([all[4]]);
  });

  it('leaves others room: one client has at most as many batches as there are left', () => {
    const queue = new BatchQueue({ ...limits, maxEnqueuedBatches: 10 }, 'alice');
    const refused = expect.objectContaining({
      code: 'RESOURCE_EXHAUSTED',
      message: expect.stringContaining('this client'),
    });
    fill(queue, 'greedy', 5, 4);
    expect(() => queue.add(from('greedy', 4), 0)).toThrow(refused);
    fill(queue, 'other', 3, 4);
    expect(() => queue.add(from('other', 4), 0)).toThrow(refused);
    fill(queue, 'modest', 1, 4);
    expect(queue.batches).toHaveLength(9);
    // What fits into a batch that is there opens none.
    queue.add(from('tiny', 1), 0);
    queue.add(from('as tiny', 1), 0);
    expect(queue.batches).toHaveLength(10);
    expect(() => queue.add(from('late', 4), 0)).toThrow(/as many batches as it may/);
  });
});
