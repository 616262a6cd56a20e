/**
 * Buffers of frames, used again and again: under a steady load none is allocated. A frame of a batch has megabytes:
 * allocating each anew costs a page fault every four kilobytes, and garbage collections that wait for nobody; a frame of one
 * digit has kilobytes, which malloc gives and takes back as slowly. What is in a used buffer is overwritten by the next
 * frame, which has its exact length, so nothing of the old one is ever read.
 */

/** A frame without a payload takes as much as one with a little. */
const SMALLEST_BYTES = 256;
/** What may lie idle in all. */
const MAX_IDLE_BYTES = 64 * 1024 * 1024;
/** All that one read of a TLS socket can give: the largest record (RFC 8446, section 5.1). */
const READ_BYTES = 16 * 1024;

export class BufferPool {
  readonly #idle = new Map<number, ArrayBufferLike[]>();
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #idleBytes = 0;
  /** How many buffers were made since this pool was. */
  made = 0;

  /** A buffer of exactly `bytes` bytes, with anything in it. */
  take(bytes: number): Buffer {
    const size = bytes <= SMALLEST_BYTES ? SMALLEST_BYTES : 2 ** (32 - Math.clz32(bytes - 1));
    const reused = this.#idle.get(size)?.pop();
    if (reused !== undefined) this.#idleBytes -= size;
    const memory = reused ?? this.make(size).buffer;
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

  /** A buffer that is the caller's to keep, with anything in it. */
  make(bytes: number): Buffer {
    this.made += 1;
    return Buffer.allocUnsafeSlow(bytes);
  }

  /** Whether `view` is a part of a buffer that `take` gave and nobody has given back. */
  lends(view: Uint8Array): boolean {
    return this.#lent.has(view.buffer);
  }
}

/** Where one socket's bytes go: a few buffers in turn, so that frames can be read where they lie. */
export class ReadBuffers {
  readonly #all: { readonly buffer: Buffer; views: number }[] = [];

  constructor(private readonly pool: BufferPool) {}

  /** Room for the next bytes, of which nobody holds a view. */
  next(): Buffer {
    let free = this.#all.find(({ views }) => views === 0);
    if (free === undefined) {
      free = { buffer: this.pool.make(READ_BYTES), views: 0 };
      this.#all.push(free);
    }
    return free.buffer;
  }

  /** Nothing is read over `view` until it is released. Views of other memory are ignored, here and there. */
  hold(view: Uint8Array): void {
    this.#change(view, 1);
  }

  release(view: Uint8Array): void {
    this.#change(view, -1);
  }

  #change({ buffer: memory }: Uint8Array, by: number): void {
    const found = this.#all.find(({ buffer }) => buffer.buffer === memory);
    if (found !== undefined) found.views += by;
  }
}
