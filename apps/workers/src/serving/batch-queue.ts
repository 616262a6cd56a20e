/**
 * The leader's queue of batches, after TensorFlow Serving's BasicBatchScheduler: requests fill the newest batch of
 * their model and protocol until it is full, then open another one.
 */
import { type ProtocolName, TrivetError } from '@trivet/shared-types';

export interface BatchLimits {
  readonly maxBatchSize: number;
  readonly batchTimeoutMicros: number;
  readonly maxEnqueuedBatches: number;
}

export interface Batchable {
  /** Requests of different models, or protocols, never share a batch. */
  readonly digest: string;
  readonly protocol: ProtocolName;
  /** Images. */
  readonly count: number;
}

export interface Batch<Item extends Batchable> {
  readonly digest: string;
  readonly protocol: ProtocolName;
  readonly items: Item[];
  images: number;
  /** When its first request came, by the caller's clock in milliseconds. */
  readonly openedAt: number;
}

export class BatchQueue<Item extends Batchable> {
  readonly #batches: Batch<Item>[] = [];

  constructor(
    private readonly limits: BatchLimits,
    private readonly worker: string,
  ) {}

  get length(): number {
    return this.#batches.length;
  }

  get requests(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.items.length, 0);
  }

  get images(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.images, 0);
  }

  /** @throws TrivetError RESOURCE_EXHAUSTED when a further batch would be one too many */
  add(item: Item, now: number): void {
    const { maxBatchSize, maxEnqueuedBatches } = this.limits;
    const open = this.#batches.findLast(
      (batch) => batch.digest === item.digest && batch.protocol === item.protocol,
    );
    if (open !== undefined && open.images + item.count <= maxBatchSize) {
      open.items.push(item);
      open.images += item.count;
      return;
    }
    if (this.#batches.length >= maxEnqueuedBatches) {
      throw new TrivetError(
        'RESOURCE_EXHAUSTED',
        `The queue holds ${maxEnqueuedBatches} batches, as many as it may; try again later.`,
        this.worker,
      );
    }
    const { digest, protocol, count } = item;
    this.#batches.push({ digest, protocol, items: [item], images: count, openedAt: now });
  }

  /** Takes a request out; whether it was there. */
  remove(item: Item): boolean {
    for (const [position, batch] of this.#batches.entries()) {
      const at = batch.items.indexOf(item);
      if (at < 0) continue;
      batch.items.splice(at, 1);
      batch.images -= item.count;
      if (batch.items.length === 0) this.#batches.splice(position, 1);
      return true;
    }
    return false;
  }

  /** All batches, the oldest first. */
  get batches(): readonly Batch<Item>[] {
    return this.#batches;
  }

  /**
   * The oldest batch that is full, or has waited long enough; undefined when there is none yet.
   * @param mayRun asked of each such batch, the oldest first, until it says yes; what may not run goes on filling
   */
  take(now: number, mayRun: (batch: Batch<Item>) => boolean = () => true): Batch<Item> | undefined {
    const ready = this.#batches.findIndex(
      (batch) => (batch.images >= this.limits.maxBatchSize || now >= this.#due(batch)) && mayRun(batch),
    );
    return ready < 0 ? undefined : this.#batches.splice(ready, 1)[0];
  }

  /** Milliseconds until another batch is due by its age; undefined when none is to come. */
  nextDueIn(now: number): number | undefined {
    const dues = this.#batches.map((batch) => this.#due(batch) - now).filter((due) => due > 0);
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  /** Empties the queue. */
  drain(): Item[] {
    return this.#batches.splice(0).flatMap((batch) => batch.items);
  }

  #due(batch: Batch<Item>): number {
    return batch.openedAt + this.limits.batchTimeoutMicros / 1000;
  }
}
