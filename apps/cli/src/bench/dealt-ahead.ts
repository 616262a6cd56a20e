/**
 * Latency with material ready: waits, outside of what is timed, until the workers' pool holds enough for the next requests.
 * It is not emptied: when few items are left the workers deal beside the requests, and that is what the loads measure.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { POOL_LOW_WATER } from '@trivet/workers';
import { readPoolItems } from './worker-metrics.js';

const POLL_MS = 20;
/** A pool that has not grown for so long has filled. */
const SETTLE_MS = 50;
/** One that holds too little and has not grown for so long never will: such requests are dealt for as they run. */
const STUCK_MS = 500;
const LONGEST_WAIT_MS = 5000;

export class DealtAhead {
  #left = 0;

  /** @param leaderUrl of the worker that has items dealt */
  constructor(private readonly leaderUrl: string) {}

  /** Resolves when there are items for `digits` more. The pool is read once for as many requests as it serves. */
  async ready(digits: number, signal: AbortSignal): Promise<void> {
    this.#left -= digits;
    if (this.#left >= 0) return;
    const until = performance.now() + LONGEST_WAIT_MS;
    let items = await readPoolItems(this.leaderUrl);
    let grewAt = performance.now();
    while (performance.now() < Math.min(until, grewAt + (items < digits ? STUCK_MS : SETTLE_MS))) {
      await sleep(POLL_MS, undefined, { signal });
      const before = items;
      items = await readPoolItems(this.leaderUrl);
      if (items > before) grewAt = performance.now();
    }
    this.#left = items - POOL_LOW_WATER - digits;
  }
}
