/**
 * The leader's queue of batches, after TensorFlow Serving's BasicBatchScheduler: requests fill the newest batch of
 * their model and protocol until it is full, then open another one.
 *
 * Whose turn it is, start-time fair queueing says (Goyal, Vin and Cheng, IEEE/ACM Transactions on Networking 5(5), 1997):
 * a request starts where the one before it of the same client ends, in images, or now if that is past; those that start
 * first run first. One client alone is served in the order of arrival. Of several, each gets the same number of images a
 * second, however many one of them asks for, and who comes with little waits for little.
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
  /** Who asks. */
  readonly client: string;
}

export interface Batch<Item extends Batchable> {
  readonly digest: string;
  readonly protocol: ProtocolName;
  readonly items: Item[];
  images: number;
  /** When the first of its requests came, by the caller's clock in milliseconds. */
  openedAt: number;
}

interface Waiting<Item> {
  readonly item: Item;
  readonly kind: string;
  readonly cameAt: number;
  /** In images; see above. */
  start: number;
}

export class BatchQueue<Item extends Batchable> {
  /** Those that start first come first; of equals, those that came first. */
  #waiting: Waiting<Item>[] = [];
  /** Where the last request of a client ends, as long as that is not past. */
  readonly #ends = new Map<string, number>();
  /** The latest start of all that was taken. */
  #now = 0;
  /** Of all that waits; null: to be made anew. */
  #packed: Batch<Item>[] | null = [];

  constructor(
    private readonly limits: BatchLimits,
    private readonly worker: string,
  ) {}

  /** All batches, in the order in which they are to run. */
  get batches(): readonly Batch<Item>[] {
    this.#packed ??= this.#pack(this.#waiting);
    return this.#packed;
  }

  get requests(): number {
    return this.#waiting.length;
  }

  /** Images that would run before a request of this client that came now. */
  imagesBefore(client: string): number {
    const start = this.#startOf(client);
    let images = 0;
    for (const waiting of this.#waiting) {
      if (waiting.start > start) break;
      images += waiting.item.count;
    }
    return images;
  }

  /**
   * @throws TrivetError RESOURCE_EXHAUSTED when it would take a further batch, and that is one too many: of all, or of
   *   this client's, who may have no more of them than there are left
   */
  add(item: Item, now: number): void {
    const { client, count } = item;
    const start = this.#startOf(client);
    const kind = item.digest + item.protocol;
    const waiting = [...this.#waiting];
    let at = waiting.length;
    while (at > 0 && waiting[at - 1]!.start > start) at -= 1;
    waiting.splice(at, 0, { item, kind, cameAt: now, start });
    this.#packed = this.#withRoom(waiting, client);
    this.#waiting = waiting;
    this.#ends.set(client, start + count);
  }

  /** Takes a request out; whether it was there. What else its client has waiting moves up. */
  remove(item: Item): boolean {
    const at = this.#waiting.findIndex((waiting) => waiting.item === item);
    if (at < 0) return false;
    const [{ start }] = this.#waiting.splice(at, 1) as [Waiting<Item>];
    for (const waiting of this.#waiting) {
      if (waiting.item.client === item.client && waiting.start > start) waiting.start -= item.count;
    }
    this.#waiting.sort((left, right) => left.start - right.start);
    this.#ends.set(item.client, this.#startOf(item.client) - item.count);
    this.#packed = null;
    this.#forget();
    return true;
  }

  /**
   * The first batch that is full, or has waited long enough; undefined when there is none yet.
   * @param mayRun asked of each such batch, the first one first, until it says yes; what may not run goes on filling
   */
  take(now: number, mayRun: (batch: Batch<Item>) => boolean = () => true): Batch<Item> | undefined {
    const ready = this.batches.find(
      (batch) => (batch.images >= this.limits.maxBatchSize || now >= this.#due(batch)) && mayRun(batch),
    );
    if (ready === undefined) return undefined;
    const taken = new Set(ready.items);
    this.#waiting = this.#waiting.filter((waiting) => {
      if (!taken.has(waiting.item)) return true;
      this.#now = Math.max(this.#now, waiting.start);
      return false;
    });
    this.#packed = null;
    this.#forget();
    return ready;
  }

  /** Milliseconds until another batch is due by its age; undefined when none is to come. */
  nextDueIn(now: number): number | undefined {
    const dues = this.batches.map((batch) => this.#due(batch) - now).filter((due) => due > 0);
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  #startOf(client: string): number {
    return Math.max(this.#now, this.#ends.get(client) ?? 0);
  }

  /** The batches of what is to wait, if they are made already. */
  #withRoom(waiting: readonly Waiting<Item>[], client: string): Batch<Item>[] | null {
    const { maxEnqueuedBatches } = this.limits;
    // There are no more batches than requests.
    if (2 * waiting.length <= maxEnqueuedBatches) return null;
    const before = this.batches.length;
    const all = this.#pack(waiting);
    if (all.length <= before) return all;
    const own = this.#pack(waiting.filter(({ item }) => item.client === client));
    const fits = all.length <= maxEnqueuedBatches;
    if (fits && own.length <= maxEnqueuedBatches - before) return all;
    const whose = fits ? ' of this client' : '';
    const message = `The queue holds as many batches${whose} as it may, ${before} in all; try again later.`;
    throw new TrivetError('RESOURCE_EXHAUSTED', message, this.worker);
  }

  /** The batches that requests make which are served in this order. */
  #pack(waiting: readonly Waiting<Item>[]): Batch<Item>[] {
    const batches: Batch<Item>[] = [];
    const open = new Map<string, Batch<Item>>();
    for (const { item, kind, cameAt } of waiting) {
      const { digest, protocol, count } = item;
      const last = open.get(kind);
      if (last !== undefined && last.images + count <= this.limits.maxBatchSize) {
        last.items.push(item);
        last.images += count;
        last.openedAt = Math.min(last.openedAt, cameAt);
      } else {
        const batch = { digest, protocol, items: [item], images: count, openedAt: cameAt };
        batches.push(batch);
        open.set(kind, batch);
      }
    }
    return batches;
  }

  /** Clients that have had no more than others. */
  #forget(): void {
    for (const [client, end] of this.#ends) if (end <= this.#now) this.#ends.delete(client);
    if (this.#waiting.length > 0) return;
    this.#ends.clear();
    this.#now = 0;
  }

  #due(batch: Batch<Item>): number {
    return batch.openedAt + this.limits.batchTimeoutMicros / 1000;
  }
}
