import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { BusyPoll } from '../src/mesh/busy-poll.js';

/** Waits once, in vain or not, and says whether it was polled. */
async function wait(poll: BusyPoll, comes: boolean): Promise<boolean> {
  const turns = vi.spyOn(globalThis, 'setImmediate');
  poll.begin();
  const polled = turns.mock.calls.length > 0;
  turns.mockRestore();
  if (comes) poll.end();
  // A microsecond is over by then.
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  return polled;
}

describe('busy polling', () => {
  it('keeps the event loop from sleeping as long as it is told, or until the frame is there', async () => {
    const busy = async (micros: number, ends: boolean) => {
      const poll = new BusyPoll(micros);
      const before = performance.eventLoopUtilization();
      poll.begin();
      if (ends) poll.end();
      await sleep(80);
      return performance.eventLoopUtilization(before).active;
    };
    expect(await busy(60_000, false)).toBeGreaterThan(50);
    expect(await busy(60_000, true)).toBeLessThan(40);
    expect(await busy(0, false)).toBeLessThan(40);
  });

  it('stops after two waits in vain, tries again at every eighth, and goes on when that was of use', async () => {
    const poll = new BusyPoll(1);
    expect([await wait(poll, false), await wait(poll, false)]).toEqual([true, true]);
    const tries: boolean[] = [];
    for (let i = 0; i < 16; i++) tries.push(await wait(poll, false));
    expect(tries.flatMap((tried, i) => (tried ? [i] : []))).toEqual([7, 15]);
    for (let i = 0; i < 7; i++) expect(await wait(poll, false)).toBe(false);
    expect(await wait(poll, true)).toBe(true);
    expect(await wait(poll, true)).toBe(true);
    expect(await wait(poll, false)).toBe(true);
    expect(await wait(poll, false)).toBe(true);
    expect(await wait(poll, false)).toBe(false);
  });

  it('has one chain of turns, however often a wait begins', async () => {
    const poll = new BusyPoll(5000);
    const turns = vi.spyOn(globalThis, 'setImmediate');
    for (let i = 0; i < 10; i++) {
      poll.begin();
      poll.end();
    }
    expect(turns).toHaveBeenCalledTimes(1);
    turns.mockRestore();
    await nextTurn();
  });
});
