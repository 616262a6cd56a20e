/**
 * How far one model is served: the owner's wish, the limit, and the count of images.
 *
 * The leader counts. An image is *reserved* when its batch begins, and *served* when the batch has ended well on all
 * three workers; a batch given up by a worker gives its reservation back. On disk goes served plus reserved, before any
 * reply leaves: a worker that is killed may count an image that nobody got, but never serves one too many.
 */
import { type ProtocolName, TrivetError } from '@trivet/shared-types';
import type { ModelStore } from '../store/model-store.js';

/** Without a limit the count matters to nobody's consent, so it is written a little later. */
const LAZY_WRITE_MS = 500;

export class ServeRecords {
  #serving = false;
  #served = 0;
  #reserved = 0;
  #requestLimit: number | null = null;
  #protocol: ProtocolName;
  #writing: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #lazy: NodeJS.Timeout | undefined;
  #dirty = false;
  #retired = false;
  /** Grows with every `serve`, so that a batch of an earlier one does not count for this one. */
  #generation = 0;

  constructor(
    private readonly model: string,
    private readonly digest: string,
    private readonly store: ModelStore,
    private readonly onChange: () => void,
    protocol: ProtocolName,
  ) {
    this.#protocol = protocol;
  }

  /** Whether the owner has it served, and the limit, if any, has not been reached. */
  get serving(): boolean {
    return this.#serving && !this.#limitReached;
  }

  get served(): number {
    return this.#served;
  }

  get requestLimit(): number | null {
    return this.#requestLimit;
  }

  /** What runs requests that name none. */
  get protocol(): ProtocolName {
    return this.#protocol;
  }

  get #limitReached(): boolean {
    return this.#requestLimit !== null && this.#served >= this.#requestLimit;
  }

  async restore(): Promise<void> {
    const record = await this.store.readServing(this.model);
    if (record === null || record.digest !== this.digest) return;
    this.#serving = record.serving;
    this.#served = record.served;
    this.#requestLimit = record.requestLimit;
    this.#protocol = record.protocol;
  }

  async serve(requestLimit: number | null, protocol: ProtocolName): Promise<void> {
    this.#generation += 1;
    this.#serving = true;
    this.#served = 0;
    this.#reserved = 0;
    this.#requestLimit = requestLimit;
    this.#protocol = protocol;
    this.onChange();
    await this.#write();
  }

  /** Whether it was served until now. */
  async stop(): Promise<boolean> {
    const was = this.serving;
    this.#serving = false;
    this.onChange();
    await this.#write();
    return was;
  }

  /**
   * Whether the owner lets this worker take part, as far as this worker was told.
   * @throws TrivetError FAILED_PRECONDITION
   */
  checkConsent(worker: string): void {
    if (!this.#serving) {
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
    if (this.#requestLimit === null) return;
    const left = this.#requestLimit - this.#served - this.#reserved - planned;
    if (count <= left) return;
    const why =
      left <= 0
        ? `"${this.model}" has served all ${this.#requestLimit} predictions that its owner allowed.`
        : `"${this.model}" may serve ${left} more of the ${this.#requestLimit} predictions that its owner allowed, and this request asks for ${count}.`;
    throw new TrivetError('FAILED_PRECONDITION', why, worker);
  }

  /** Leader: counts `count` images ahead of their batch; what it gives ends the reservation. */
  reserve(count: number): Reservation {
    const generation = this.#generation;
    this.#reserved += count;
    const durable = this.#requestLimit === null ? Promise.resolve() : this.#write();
    // Awaited later, or not at all when the batch fails first.
    durable.catch(() => undefined);
    let open = true;
    const settle = (served: number): boolean => {
      if (!open || generation !== this.#generation) return false;
      open = false;
      this.#reserved -= count;
      this.#served += served;
      this.#writeLater();
      if (this.#limitReached) this.onChange();
      return true;
    };
    return { durable, commit: () => settle(count), giveBack: () => void settle(0) };
  }

  /** Follower: the leader's count. */
  noteServed(served: number): void {
    if (served === this.#served) return;
    this.#served = served;
    this.#writeLater();
    if (this.#limitReached) this.onChange();
  }

  /** Waits until everything is on disk. */
  async flush(): Promise<void> {
    clearTimeout(this.#lazy);
    await (this.#dirty ? this.#write() : (this.#next ?? this.#writing));
  }

  /** Another model takes the name: nothing is written any more. */
  async retire(): Promise<void> {
    this.#serving = false;
    await this.flush();
    this.#retired = true;
  }

  #writeLater(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#lazy = setTimeout(() => {
      this.#write().catch(() => {
        this.#dirty = false;
      });
    }, LAZY_WRITE_MS);
  }

  /** Resolves when the state of now, or a later one, is on disk. One write at a time; those that wait share one. */
  #write(): Promise<void> {
    if (this.#writing === null) {
      this.#writing = this.#writeNow().finally(() => {
        this.#writing = null;
      });
      return this.#writing;
    }
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return this.#write();
      });
    return this.#next;
  }

  async #writeNow(): Promise<void> {
    clearTimeout(this.#lazy);
    this.#dirty = false;
    if (this.#retired) return;
    await this.store.writeServing(this.model, {
      digest: this.digest,
      serving: this.#serving,
      served: this.#served + this.#reserved,
      requestLimit: this.#requestLimit,
      protocol: this.#protocol,
    });
  }
}

export interface Reservation {
  /** Resolves when the count is on disk; no reply may leave before. */
  readonly durable: Promise<void>;
  /** The images were served; false when the owner has begun anew meanwhile, so that they no longer count. */
  commit(): boolean;
  /** They were not. */
  giveBack(): void;
}
