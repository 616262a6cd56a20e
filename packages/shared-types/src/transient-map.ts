/**
 * A map for what comes and goes with requests. V8 keeps a map's entries in a table, makes another one when the old one
 * is full of deleted entries, and lets the old table point to it. Once a table has lived through two young collections,
 * those that follow it are made among the old objects too, where only a full collection looks: until then each dead table
 * keeps alive what was in it when it was given up. Of requests that overlap that is nearly every one, with all that hangs on
 * it, and young collections carry it all along.
 *
 * So a table has a box for each value, and whoever deletes the entry empties the box. Measured in
 * docs/decisions/0014-where-the-time-of-a-request-went.md.
 */
interface Box<Value> {
  value: Value | undefined;
}

/** Of `Map`, what is needed. Keys stay in dead tables: they should be short, and no secrets. */
export class TransientMap<Key extends string | number, Value extends NonNullable<unknown>> {
  readonly #boxes = new Map<Key, Box<Value>>();

  get size(): number {
    return this.#boxes.size;
  }

  has(key: Key): boolean {
    return this.#boxes.has(key);
  }

  get(key: Key): Value | undefined {
    return this.#boxes.get(key)?.value;
  }

  set(key: Key, value: Value): this {
    const box = this.#boxes.get(key);
    if (box === undefined) this.#boxes.set(key, { value });
    else box.value = value;
    return this;
  }

  /** Whether there was such an entry. */
  delete(key: Key): boolean {
    const box = this.#boxes.get(key);
    if (box === undefined) return false;
    box.value = undefined;
    return this.#boxes.delete(key);
  }

  keys(): IterableIterator<Key> {
    return this.#boxes.keys();
  }

  /** In the order of arrival, as a map's; entries may come and go meanwhile. */
  *values(): IterableIterator<Value> {
    for (const { value } of this.#boxes.values()) yield value!;
  }

  *[Symbol.iterator](): IterableIterator<[Key, Value]> {
    for (const [key, { value }] of this.#boxes) yield [key, value!];
  }
}
