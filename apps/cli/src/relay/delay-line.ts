/**
 * A queue that releases each item a fixed time after it was put in, in order. Node's timers are whole milliseconds
 * and late by up to one more, which over 27 rounds would be most of a round trip: so the last stretch is spent
 * turning the event loop, and items leave within some ten microseconds of their time.
 */

/** The last stretch: longer than a timer is late. */
const TURNING_MS = 1.5;

interface Entry<Item> {
  readonly item: Item;
  readonly dueAt: number;
}

export class DelayLine<Item> {
  #entries: Entry<Item>[] = [];
  #armed = false;
  #closed = false;

  constructor(
    private readonly delayMs: number,
    private readonly release: (item: Item) => void,
  ) {}

  push(item: Item): void {
    if (this.#closed) return;
    this.#entries.push({ item, dueAt: performance.now() + this.delayMs });
    if (!this.#armed) this.#arm();
  }

  /** Drops what is still inside. */
  close(): void {
    this.#closed = true;
    this.#entries = [];
  }

  #arm(): void {
    const [next] = this.#entries;
    this.#armed = next !== undefined;
    if (next === undefined) return;
    const waitMs = next.dueAt - performance.now();
    if (waitMs > TURNING_MS) setTimeout(() => this.#releaseDue(), Math.floor(waitMs - TURNING_MS));
    else setImmediate(() => this.#releaseDue());
  }

  #releaseDue(): void {
    const now = performance.now();
    const entries = this.#entries;
    let due = 0;
    while (due < entries.length && entries[due]!.dueAt <= now) due++;
    if (due > 0) {
      this.#entries = entries.slice(due);
      for (let index = 0; index < due; index++) this.release(entries[index]!.item);
    }
    this.#arm();
  }
}
