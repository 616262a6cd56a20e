/** Whether the leader can answer a request in time, by what it has to do before it. */
import { TrivetError } from '@trivet/shared-types';
import type { BatchQueue } from './batch-queue.js';
import type { RunningBatch } from './batch-runs.js';
import type { Wanted } from './context.js';
import type { Queued } from './gatherings.js';
import { Pace } from './pace.js';

/** Part of its deadline that a request may have to wait for those before it; the batch that it shares takes time too. */
const MOST_WAITING = 0.3;
/**
 * Part of the places, and of the wait, up to which whoever asks is told that there is room: many ask at once, and what
 * they are told should stay true, for to refuse a request that has been shared and sent costs several times as much as to refuse the question.
 */
export const PROMISED = 0.8;

export class Overload {
  readonly #pace = new Pace();

  /** @param running gives the batches that run, of requests that all three workers hold */
  constructor(
    private readonly worker: string,
    private readonly queue: BatchQueue<Queued>,
    private readonly running: () => Iterable<RunningBatch>,
  ) {}

  /**
   * Why a request cannot be answered in time, by those that all three workers hold already; null when it can.
   * @param isQuestion whether it is only asked for room yet, which is promised with more to spare
   */
  refusal({ client, count, deadlineMs }: Wanted, isQuestion: boolean): TrivetError | null {
    const waiting = this.queue.imagesBefore(client);
    const now = performance.now();
    let running = 0;
    let runningSince = now;
    for (const batch of this.running()) {
      running += batch.images;
      runningSince = Math.min(runningSince, batch.startedAt);
    }
    // Whoever finds nobody before it is taken, whatever the pace was: so the pace is measured anew.
    if (waiting + running === 0) return null;
    const wait = this.#pace.waitMs({ running, runningSince, waiting: waiting + count }, now);
    if (wait <= (isQuestion ? PROMISED : 1) * MOST_WAITING * deadlineMs) return null;
    const why = `this request could not be answered within its ${deadlineMs} ms`;
    const message = `${this.worker} has ${waiting + running} images to do before this one; ${why}: try again later.`;
    return new TrivetError('RESOURCE_EXHAUSTED', message, this.worker);
  }

  /** A batch was answered. */
  answered({ images, startedAt }: RunningBatch): void {
    this.#pace.ended(images, startedAt, performance.now());
  }
}
