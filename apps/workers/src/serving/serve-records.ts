/**
 * How far one model is served: the owner's orders, the limit, and the count of images, of all its versions together.
 *
 * The leader counts. An image is *reserved* when its batch begins, and *served* when the batch has ended well on all
 * three workers; a batch given up by a worker gives its reservation back. On disk goes served plus reserved, before any
 * reply leaves: a worker that is killed may count an image that nobody got, but never serves one too many.
 *
 * Two orders are kept: the one in force, and the next one until all three workers can follow it. Both are signed, so a
 * changed or foreign record is worth nothing. One that is only old, the peers mend: they know the newer order and count.
 */
import {
  type ProtocolName,
  type ServingOrder,
  type SignedServingOrder,
  sha256Hex,
  TrivetError,
  verifyServingOrder,
} from '@trivet/shared-types';
import { LatestWrite } from '../store/latest-write.js';
import type { ModelStore } from '../store/model-store.js';
import type { Reservation } from './reservations.js';

/** An order whose signature was checked. */
export interface KnownOrder {
  readonly order: ServingOrder;
  readonly signed: SignedServingOrder;
  /** SHA-256 of its text. */
  readonly digest: string;
}

/** @throws TrivetError when it is malformed, of another cluster, or not the owner's */
export function knowOrder(signed: SignedServingOrder, ownerKey: string, clusterId: string): KnownOrder {
  return { order: verifyServingOrder(signed, ownerKey, clusterId), signed, digest: sha256Hex(signed.text) };
}

/** Whether the first order counts rather than the second; of two with one sequence, every worker takes the same. */
export function isNewer(
  one: { readonly sequence: number; readonly digest: string },
  other: { readonly sequence: number; readonly digest: string },
): boolean {
  return one.sequence === other.sequence ? one.digest > other.digest : one.sequence > other.sequence;
}

export class ServeRecords {
  #inForce: KnownOrder | null = null;
  #next: KnownOrder | null = null;
  /** The order that was in force before this one. */
  #previous: KnownOrder | null = null;
  /** The newest order that is on disk: what may be told to others. */
  #durable: KnownOrder | null = null;
  /** Digests of versions that were served at some time. */
  readonly #past = new Set<string>();
  #served = 0;
  #reserved = 0;
  readonly #disk = new LatestWrite(() => this.#write());
  /** Grows whenever counting begins anew, so that a batch of before does not count. */
  #generation = 0;

  constructor(
    readonly model: string,
    private readonly store: ModelStore,
    private readonly onChange: () => void,
  ) {}

  /** The order that is followed now. */
  get inForce(): KnownOrder | null {
    return this.#inForce;
  }

  /** The order that is to be followed as soon as all three workers can. */
  get next(): KnownOrder | null {
    return this.#next;
  }

  get newest(): KnownOrder | null {
    return this.#next ?? this.#inForce;
  }

  get durable(): KnownOrder | null {
    return this.#durable;
  }

  /** Whether some version is served, and the limit, if any, has not been reached. */
  get serving(): boolean {
    return this.#isServed && !this.limitReached;
  }

  /** Since `since`, over all versions. */
  get served(): number {
    return this.#served;
  }

  /** The sequence of the order that began to count; 0: none is in force. */
  get since(): number {
    return this.#inForce?.order.since ?? 0;
  }

  get requestLimit(): number | null {
    return this.#inForce?.order.requestLimit ?? null;
  }

  get limitReached(): boolean {
    const limit = this.requestLimit;
    return limit !== null && this.#served >= limit;
  }

  wasServed(digest: string): boolean {
    return this.#past.has(digest);
  }

  get #isServed(): boolean {
    return (this.#inForce?.order.versions.length ?? 0) > 0;
  }

  /** @throws TrivetError FAILED_PRECONDITION when the record on disk cannot be used */
  async restore(ownerKey: string, clusterId: string): Promise<void> {
    const record = await this.store.readServing(this.model);
    if (record === null) return;
    const known = (signed: SignedServingOrder | null) => signed && knowOrder(signed, ownerKey, clusterId);
    this.#inForce = known(record.inForce);
    this.#next = known(record.next);
    for (const one of [this.#inForce, this.#next]) {
      if (one !== null && one.order.model !== this.model) {
        throw new TrivetError('FAILED_PRECONDITION', `The record of "${this.model}" is another model's.`);
      }
    }
    this.#durable = this.newest;
    this.#served = record.served;
    for (const digest of record.past) this.#past.add(digest);
  }

  /** Takes a newer order in; resolves when it is on disk. It is followed from `enforce` on. */
  async adopt(known: KnownOrder): Promise<void> {
    this.#next = known;
    await this.#disk.now();
  }

  /** Follows the next order from now on. */
  enforce(): void {
    const next = this.#next;
    if (next === null) return;
    if (next.order.since !== this.since) {
      this.#generation += 1;
      this.#served = 0;
      this.#reserved = 0;
    }
    this.#previous = this.#inForce;
    this.#inForce = next;
    this.#next = null;
    for (const { digest } of next.order.versions) this.#past.add(digest);
    // A failure is told by whoever waits for the order to be on disk.
    this.#disk.now().catch(() => undefined);
  }

  /** The owner's choice for requests that name no protocol, now or, for a version on its way out, until now. */
  protocolOf(digest: string): ProtocolName | undefined {
    const orders = [this.#inForce, this.#previous].flatMap((known) => known?.order.versions ?? []);
    return orders.find((version) => version.digest === digest)?.protocol;
  }

  /**
   * Whether the owner lets this worker take part, as far as this worker was told.
   * @throws TrivetError FAILED_PRECONDITION
   */
  checkConsent(worker: string): void {
    if (!this.#isServed) {
      throw new TrivetError(
        'FAILED_PRECONDITION',
        `"${this.model}" is shared, but its owner does not serve it now.`,
        worker,
      );
    }
  }

  /**
   * Leader: whether `count` more images may be asked for.
   * @param planned images of the same batch, about to be reserved with these
   * @throws TrivetError FAILED_PRECONDITION
   */
  checkRoom(count: number, planned: number, worker: string): void {
    this.checkConsent(worker);
    const limit = this.requestLimit;
    if (limit === null) return;
    const left = limit - this.#served - this.#reserved - planned;
    if (count <= left) return;
    const why =
      left <= 0
        ? `"${this.model}" has served all ${limit} predictions that its owner allowed.`
        : `"${this.model}" may serve ${left} more of the ${limit} predictions that its owner allowed, and this request asks for ${count}.`;
    throw new TrivetError('FAILED_PRECONDITION', why, worker);
  }

  /** Leader: counts `count` images ahead of their batch; what it gives ends the reservation. */
  reserve(count: number): Reservation {
    const generation = this.#generation;
    this.#reserved += count;
    const durable = this.requestLimit === null ? Promise.resolve() : this.#disk.now();
    // Awaited later, or not at all when the batch fails first.
    durable.catch(() => undefined);
    let open = true;
    const settle = (served: number): boolean => {
      if (!open || generation !== this.#generation) return false;
      open = false;
      this.#reserved -= count;
      this.#served += served;
      this.#disk.later();
      if (this.limitReached) this.onChange();
      return true;
    };
    return { durable, commit: () => settle(count), giveBack: () => void settle(0) };
  }

  /** What another worker has counted. A count never falls: a record that was put back is caught up with. */
  noteServed(since: number, served: number): void {
    if (since !== this.since || served <= this.#served) return;
    this.#served = served;
    this.#disk.later();
    if (this.limitReached) this.onChange();
  }

  /** Waits until everything is on disk. */
  flush(): Promise<void> {
    return this.#disk.flush();
  }

  async #write(): Promise<void> {
    const { newest } = this;
    await this.store.writeServing(this.model, {
      inForce: this.#inForce?.signed ?? null,
      next: this.#next?.signed ?? null,
      served: this.#served + this.#reserved,
      past: [...this.#past],
    });
    if (newest === null) return;
    if (this.#durable === null || isNewer(keyOf(newest), keyOf(this.#durable))) this.#durable = newest;
  }
}

export function keyOf({ order, digest }: KnownOrder): { readonly sequence: number; readonly digest: string } {
  return { sequence: order.sequence, digest };
}
