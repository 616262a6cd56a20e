/**
 * How much of each token's quota is used up, in samples. The leader counts, as it does for the owner's limit of a model
 * (serving/serve-records.ts): a sample is *reserved* when its batch begins and *used* when the batch has ended well on all
 * three workers. On disk goes used plus reserved, before any reply leaves: a worker that is killed may count a sample that
 * nobody got, but never allows one too many. The other two are told, so that a lost store of the leader loses no count.
 */
import { type TokenGrant, TrivetError } from '@trivet/shared-types';
import type { Reservation } from '../serving/reservations.js';
import { LatestWrite } from '../store/latest-write.js';
import type { ModelStore } from '../store/model-store.js';

/** A request's count of samples, and the token that it was asked with; null: none. */
export interface Asked {
  readonly token: TokenGrant | null;
  readonly count: number;
}

export interface TokenUseHooks {
  /** The counts of these tokens have grown by what was served here. */
  readonly onUsed: (ids: readonly string[]) => void;
  /** A request was refused. */
  readonly onRefused: () => void;
}

export class TokenUse {
  readonly #used = new Map<string, number>();
  readonly #reserved = new Map<string, number>();
  readonly #disk: LatestWrite;

  constructor(
    private readonly worker: string,
    private readonly store: ModelStore,
    private readonly hooks: TokenUseHooks,
  ) {
    this.#disk = new LatestWrite(() => this.store.writeAccessUse(this.#onDisk()));
  }

  /** @throws TrivetError FAILED_PRECONDITION when the record cannot be used */
  async restore(): Promise<void> {
    this.note(Object.entries((await this.store.readAccessUse()) ?? {}));
  }

  of(id: string): number {
    return this.#used.get(id) ?? 0;
  }

  entries(): readonly (readonly [string, number])[] {
    return [...this.#used];
  }

  /**
   * Leader: whether these samples fit the token's quota.
   * @param planned requests of the same batch, about to be reserved with this one
   * @throws TrivetError RESOURCE_EXHAUSTED
   */
  checkRoom({ token, count }: Asked, planned: readonly Asked[] = []): void {
    if (token === null || token.quota === null) return;
    const ahead = planned.reduce((sum, one) => sum + (one.token?.id === token.id ? one.count : 0), 0);
    const left = token.quota - this.of(token.id) - (this.#reserved.get(token.id) ?? 0) - ahead;
    if (count <= left) return;
    this.hooks.onRefused();
    const why =
      left <= 0
        ? `has used up its quota of ${token.quota} predictions`
        : `has ${left} of its ${token.quota} predictions left, and this request asks for ${count}`;
    throw new TrivetError(
      'RESOURCE_EXHAUSTED',
      `The token "${token.name}" ${why}; ask the owner of the model for another one.`,
      this.worker,
    );
  }

  /** Leader: counts the samples of a batch ahead of it. */
  reserve(batch: readonly Asked[]): Reservation {
    const counts = new Map<string, number>();
    for (const { token, count } of batch) {
      if (token !== null) counts.set(token.id, (counts.get(token.id) ?? 0) + count);
    }
    for (const [id, count] of counts) this.#reserved.set(id, (this.#reserved.get(id) ?? 0) + count);
    const isLimited = batch.some(({ token }) => token !== null && token.quota !== null);
    const durable = isLimited ? this.#disk.now() : Promise.resolve();
    // Awaited later, or not at all when the batch fails first.
    durable.catch(() => undefined);
    let open = true;
    const settle = (served: boolean): boolean => {
      if (!open || counts.size === 0) return open;
      open = false;
      for (const [id, count] of counts) {
        const left = (this.#reserved.get(id) ?? 0) - count;
        if (left > 0) this.#reserved.set(id, left);
        else this.#reserved.delete(id);
        if (served) this.#used.set(id, this.of(id) + count);
      }
      this.#disk.later();
      if (served) this.hooks.onUsed([...counts.keys()]);
      return true;
    };
    return { durable, commit: () => settle(true), giveBack: () => void settle(false) };
  }

  /** What was counted elsewhere, or before. A count never falls. */
  note(counts: readonly (readonly [string, number])[]): void {
    let changed = false;
    for (const [id, used] of counts) {
      if (used <= this.of(id)) continue;
      this.#used.set(id, used);
      changed = true;
    }
    if (changed) this.#disk.later();
  }

  /** Forgets tokens that are in no order any more. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#used.keys()) if (!ids.has(id)) this.#used.delete(id);
  }

  flush(): Promise<void> {
    return this.#disk.flush();
  }

  #onDisk(): Record<string, number> {
    const ids = new Set([...this.#used.keys(), ...this.#reserved.keys()]);
    return Object.fromEntries([...ids].map((id) => [id, this.of(id) + (this.#reserved.get(id) ?? 0)]));
  }
}
