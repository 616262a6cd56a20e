/**
 * Writing what changes often: one write at a time, each of the state of that moment. Those that wait while one is under way
 * share the next.
 */

/** How long a change that nobody waits for may stay in memory. */
const LAZY_WRITE_MS = 500;

export class LatestWrite {
  #writing: Promise<void> | null = null;
  #following: Promise<void> | null = null;
  #lazy: NodeJS.Timeout | undefined;
  #dirty = false;

  /** @param write writes the state of now */
  constructor(private readonly write: () => Promise<void>) {}

  /** Resolves when the state of now, or a later one, is on disk. */
  now(): Promise<void> {
    if (this.#writing === null) {
      this.#writing = this.#begin().finally(() => {
        this.#writing = null;
      });
      return this.#writing;
    }
    this.#following ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#following = null;
        return this.now();
      });
    return this.#following;
  }

  /** Before long; what fails is tried again with the next change. */
  later(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#lazy = setTimeout(() => {
      this.now().catch(() => {
        this.#dirty = false;
      });
    }, LAZY_WRITE_MS);
  }

  /** Waits until everything is on disk. */
  async flush(): Promise<void> {
    clearTimeout(this.#lazy);
    await (this.#dirty ? this.now() : (this.#following ?? this.#writing));
  }

  async #begin(): Promise<void> {
    clearTimeout(this.#lazy);
    this.#dirty = false;
    await this.write();
  }
}
