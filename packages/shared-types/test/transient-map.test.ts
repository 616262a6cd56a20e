import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TransientMap } from '../src/index.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;

/** Bytes of the heap in use once the young objects have been collected, and only those. */
function heapAfterYoungCollections(): number {
  for (let i = 0; i < 3; i++) collect({ type: 'minor' });
  return process.memoryUsage().heapUsed;
}

describe('a transient map', () => {
  it('does what a map does', () => {
    const key = fc.integer({ min: 0, max: 5 });
    const step = fc.record({ does: fc.constantFrom('set', 'delete', 'get', 'has'), key, value: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const map = new Map<number, number>();
        const transient = new TransientMap<number, number>();
        for (const { does, key, value } of steps) {
          if (does === 'set') {
            map.set(key, value);
            transient.set(key, value);
          } else if (does === 'delete') expect(transient.delete(key)).toBe(map.delete(key));
          else if (does === 'get') expect(transient.get(key)).toBe(map.get(key));
          else expect(transient.has(key)).toBe(map.has(key));
          expect(transient.size).toBe(map.size);
        }
        expect([...transient]).toEqual([...map]);
        expect([...transient.keys()]).toEqual([...map.keys()]);
        expect([...transient.values()]).toEqual([...map.values()]);
      }),
    );
  });

  it('may lose and gain entries while it is gone through', () => {
    const map = new TransientMap<string, number>().set('a', 1).set('b', 2).set('c', 3);
    const seen: number[] = [];
    for (const value of map.values()) {
      seen.push(value);
      map.delete(value === 1 ? 'b' : 'a');
      if (value === 3) map.set('d', 4);
    }
    expect(seen).toEqual([1, 3, 4]);
  });

  it('keeps nothing alive that was deleted, before a full collection', () => {
    const map = new TransientMap<string, number[]>().set('request -1', []);
    const before = heapAfterYoungCollections();
    for (let i = 0; i < 2000; i++) {
      map.set(`request ${i}`, new Array<number>(1000).fill(i));
      map.delete(`request ${i - 1}`);
      if (i % 100 === 0) heapAfterYoungCollections();
    }
    // 16 MB were in it, one after the other; a plain map has most of it still.
    expect(heapAfterYoungCollections() - before).toBeLessThan(2e6);
    expect(map.size).toBe(1);
  });
});
