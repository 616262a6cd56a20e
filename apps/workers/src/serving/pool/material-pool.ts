/**
 * What was dealt ahead and waits for its request, on one worker.
 *
 * An item is the randomness of one image of one model. It is named by the id of the session in which it was dealt, which is
 * used once under the keys of that session's links, and it lives in memory alone: `take` removes it before it is used, so
 * nothing gives it out twice; a worker that starts again has new links with new keys, and its peers drop what belonged to
 * the old ones.
 */
import type { Material, PartyIndex } from '@trivet/mpc-core';
import { type ProtocolName, TransientMap } from '@trivet/shared-types';
import type { SessionKey } from '../../mesh/frames.js';
import type { Link } from '../../mesh/link.js';

export interface MaterialKind {
  readonly digest: string;
  readonly protocol: ProtocolName;
  /** The worker that dealt it, and is the helper of whoever uses it. */
  readonly helper: PartyIndex;
}

export interface MaterialItem extends MaterialKind {
  readonly key: SessionKey;
  readonly material: Material;
  /** The links whose keys it belongs to. */
  readonly links: readonly Link[];
}

export class MaterialPool {
  readonly #items = new TransientMap<SessionKey, MaterialItem>();
  #bytes = 0;
  dealt = 0;
  used = 0;
  dropped = 0;

  get size(): number {
    return this.#items.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(item: MaterialItem): void {
    this.#items.set(item.key, item);
    this.#bytes += item.material.bytes;
    this.dealt += 1;
  }

  /**
   * Takes items out, for one session, whatever becomes of it.
   * @returns undefined when one is missing or of another kind; what was there of them is dropped then
   */
  take(keys: readonly SessionKey[], kind: MaterialKind): readonly Material[] | undefined {
    const items = keys.map((key) => this.#remove(key));
    const fits = items.every(
      (item) =>
        item?.digest === kind.digest && item.protocol === kind.protocol && item.helper === kind.helper,
    );
    if (!fits) {
      for (const item of items) if (item !== undefined) this.#release(item);
      return undefined;
    }
    this.used += items.length;
    return items.map((item) => item!.material);
  }

  drop(keys: Iterable<SessionKey>): void {
    for (const key of keys) {
      const item = this.#remove(key);
      if (item !== undefined) this.#release(item);
    }
  }

  /** Drops what a condition holds for; gives their keys. */
  dropWhere(condition: (item: MaterialItem) => boolean): SessionKey[] {
    const keys = [...this.#items.values()].filter(condition).map((item) => item.key);
    this.drop(keys);
    return keys;
  }

  clear(): void {
    this.drop([...this.#items.keys()]);
  }

  #remove(key: SessionKey): MaterialItem | undefined {
    const item = this.#items.get(key);
    if (item === undefined) return undefined;
    this.#items.delete(key);
    this.#bytes -= item.material.bytes;
    return item;
  }

  #release(item: MaterialItem): void {
    item.material.release();
    this.dropped += 1;
  }
}
