import { afterEach, describe, expect, it, vi } from 'vitest';
import { AnnouncedIds } from '../src/announced.js';

const KIND = { digest: 'ab'.repeat(32), protocol: null, count: 1 } as const;

describe('ids of requests', () => {
  afterEach(() => void vi.useRealTimers());

  it('are 16 random bytes, and the next one is called as it was announced', () => {
    const ids = new AnnouncedIds();
    const first = ids.take(KIND);
    expect(first.requestId).toMatch(/^[0-9a-f]{32}$/);
    expect(first.nextRequestId).toMatch(/^[0-9a-f]{32}$/);
    expect(first.nextRequestId).not.toBe(first.requestId);
    ids.answered(KIND, first);
    expect(ids.take(KIND).requestId).toBe(first.nextRequestId);
  });

  it('are used once, also by requests under way at the same time, and never when the one before failed', () => {
    const ids = new AnnouncedIds();
    const first = ids.take(KIND);
    const beside = ids.take(KIND);
    expect([first.requestId, first.nextRequestId]).not.toContain(beside.requestId);
    ids.answered(KIND, first);
    const [second, third] = [ids.take(KIND), ids.take(KIND)];
    expect(second.requestId).toBe(first.nextRequestId);
    expect(
      [first, second].flatMap(({ requestId, nextRequestId }) => [requestId, nextRequestId]),
    ).not.toContain(third.requestId);
  });

  it('are the last that were announced once requests come one after the other again', () => {
    const ids = new AnnouncedIds();
    const atOnce = Array.from({ length: 6 }, () => ids.take(KIND));
    for (const one of atOnce) ids.answered(KIND, one);
    let last = atOnce.at(-1)!;
    for (let turn = 0; turn < 3; turn++) {
      const next = ids.take(KIND);
      expect(next.requestId).toBe(last.nextRequestId);
      ids.answered(KIND, next);
      last = next;
    }
  });

  it.each([
    ['another model', { digest: 'cd'.repeat(32) }],
    ['another protocol', { protocol: 'fss' }],
    ['more samples', { count: 2 }],
  ] as const)('are fresh for %s', (_, other) => {
    const ids = new AnnouncedIds();
    const first = ids.take(KIND);
    ids.answered(KIND, first);
    expect(ids.take({ ...KIND, ...other }).requestId).not.toBe(first.nextRequestId);
    // It waits for one of its kind.
    expect(ids.take(KIND).requestId).toBe(first.nextRequestId);
  });

  it('announce nothing for several samples', () => {
    const ids = new AnnouncedIds();
    const kind = { ...KIND, count: 2 };
    const many = ids.take(kind);
    expect(many.nextRequestId).toBeNull();
    ids.answered(kind, many);
    expect(ids.take(KIND).requestId).not.toBe(many.requestId);
  });

  it('are forgotten in the end', () => {
    vi.useFakeTimers();
    const ids = new AnnouncedIds();
    const first = ids.take(KIND);
    ids.answered(KIND, first);
    vi.advanceTimersByTime(5 * 60_000 + 1);
    expect(ids.take(KIND).requestId).not.toBe(first.nextRequestId);
  });
});
