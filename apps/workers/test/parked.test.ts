import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Link } from '../src/mesh/link.js';
import type { Proposal } from '../src/mesh/messages.js';
import { PARKED_MS, type Parked, ParkedProposals } from '../src/serving/parked.js';

const parked = (id: string): Parked => ({
  leader: {} as Link,
  key: `session of ${id}`,
  proposal: { requestIds: [id] } as unknown as Proposal,
});

describe('parked proposals', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('are taken once, by their request', () => {
    const proposals = new ParkedProposals(() => undefined);
    const one = parked('a');
    expect(proposals.park(one)).toBe(true);
    expect(proposals.take('b')).toBeUndefined();
    expect(proposals.take('a')).toMatchObject(one);
    expect(proposals.take('a')).toBeUndefined();
  });

  it('are few, and one a request', () => {
    const proposals = new ParkedProposals(() => undefined);
    expect(['a', 'b', 'c', 'd', 'e'].map((id) => proposals.park(parked(id)))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    proposals.take('a');
    expect(proposals.park(parked('b'))).toBe(false);
    expect(proposals.park(parked('e'))).toBe(true);
    proposals.begun('session of d');
    proposals.begun('session of z');
    expect(proposals.takeSession('session of d')).toMatchObject({ ...parked('d'), leaderHasBegun: true });
    expect(proposals.takeSession('session of d')).toBeUndefined();
    expect(proposals.clear()).toHaveLength(3);
    expect(proposals.take('b')).toBeUndefined();
  });

  it('expire, but not once they were taken', () => {
    const expired = vi.fn();
    const proposals = new ParkedProposals(expired);
    proposals.park(parked('a'));
    proposals.park(parked('b'));
    proposals.take('a');
    vi.advanceTimersByTime(PARKED_MS + 1);
    expect(expired).toHaveBeenCalledTimes(1);
    expect(expired.mock.calls[0]![0]).toMatchObject(parked('b'));
    expect(proposals.take('b')).toBeUndefined();
  });
});
