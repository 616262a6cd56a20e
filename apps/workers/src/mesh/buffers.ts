/**
 * Buffers of large frames, used again and again. A frame of a batch has megabytes: allocating each anew costs a page fault
 * every four kilobytes, and garbage collections that wait for nobody. What is in a used buffer is overwritten by the
 * next frame, which has its exact length, so nothing of the old one is ever read.
 */

/** Smaller buffers are Node's own business: it cuts the smallest out of a shared slab. */
const SMALLEST_BYTES = 16 * 1024;
/** What may lie idle in all. */
const MAX_IDLE_BYTES = 64 * 1024 * 1024;

export class BufferPool {
  readonly #idle = new Map<number, ArrayBufferLike[]>();
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #idleBytes = 0;

  /** A buffer of exactly `bytes` bytes, with anything in it. */
  take(bytes: number): Buffer {
    if (bytes < SMALLEST_BYTES) return Buffer.allocUnsafe(bytes);
    const size = 2 ** Math.ceil(Math.log2(bytes));
    const reused = this.#idle.get(size)?.pop();
    if (reused !== undefined) this.#idleBytes -= size;
    const memory = reused ?? Buffer.allocUnsafeSlow(size).buffer;
    this.#lent.add(memory);
    return Buffer.from(memory, 0, bytes);
  }

  /** Takes back the buffer of which `view` is a part. Nobody may read it any more; others than `take`'s are ignored. */
  give(view: Uint8Array): void {
    const memory = view.buffer;
    if (!this.#lent.delete(memory)) return;
    const size = memory.byteLength;
    if (this.#idleBytes + size > MAX_IDLE_BYTES) return;
    this.#idleBytes += size;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [memory]);
    else idle.push(memory);
  }
}
