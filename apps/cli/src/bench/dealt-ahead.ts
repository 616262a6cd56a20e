/**
 * Latency with material ready: waits, outside of what is timed, until the workers' pool holds enough for the next requests.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readPoolItems } from './worker-metrics.js';

const POLL_MS = 20;
/** A pool that does not fill is a figure too: requests then wait, or are dealt for as they run. */
const LONGEST_WAIT_MS = 5000;
const SETTLE_MS = 50;

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
    // The pool has filled when it grows no more.
    for (let before = -1; (items < digits || items > before) && performance.now() < until; ) {
      before = items;
      await sleep(items < digits ? POLL_MS : SETTLE_MS, undefined, { signal });
      items = await readPoolItems(this.leaderUrl);
    }
    this.#left = items - digits;
  }
}
