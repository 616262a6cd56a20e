/**
 * Memory for sessions and models above the kernels' linear memory: blocks by size class that are reused, and a
 * stack (arena) of blocks for each session. After the first requests nothing is allocated any more.
 */
import type { LinearMemory, Pointer } from './kernels.js';

const ALIGNMENT = 64;
const CHUNK_BYTES = 1 << 20;

/**
 * Blocks of whole size classes (powers of two from 1 KiB). Freed blocks are not zeroed: one worker's shares are uniform
 * randomness to whoever reads them alone, and zeroing a session's memory took longer than a layer. Keys are another
 * matter: whoever puts one here takes it out again.
 */
export class Allocator {
  private readonly free = new Map<number, Pointer[]>();
  private top: Pointer;
  private used = 0;

  constructor(readonly memory: LinearMemory) {
    this.top = Math.ceil(memory.base / ALIGNMENT) * ALIGNMENT;
  }

  /** Bytes in blocks that are allocated now. */
  get bytesInUse(): number {
    return this.used;
  }

  /** Size of the block that `bytes` gets. */
  static classOf(bytes: number): number {
    return Math.max(1024, 2 ** Math.ceil(Math.log2(bytes)));
  }

  allocate(bytes: number): Pointer {
    const size = Allocator.classOf(bytes);
    this.used += size;
    const reused = this.free.get(size)?.pop();
    if (reused !== undefined) return reused;
    const pointer = this.top;
    this.memory.ensure(pointer + size);
    this.top += size;
    return pointer;
  }

  /** `bytes` as it was given to `allocate`. */
  release(pointer: Pointer, bytes: number): void {
    const size = Allocator.classOf(bytes);
    this.used -= size;
    const list = this.free.get(size);
    if (list) list.push(pointer);
    else this.free.set(size, [pointer]);
  }
}

interface Chunk {
  readonly pointer: Pointer;
  readonly bytes: number;
}

/** A position to which an arena can be wound back. */
export interface Mark {
  readonly chunk: number;
  readonly offset: number;
}

/** A stack of memory: allocate in order, wind back to a mark, release everything at the end. */
export class Arena {
  private readonly chunks: Chunk[] = [];
  private current = -1;
  private offset = 0;

  constructor(private readonly allocator: Allocator) {}

  allocate(bytes: number): Pointer {
    const aligned = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    let chunk = this.chunks[this.current];
    if (!chunk || this.offset + aligned > chunk.bytes) {
      this.current++;
      this.offset = 0;
      chunk = this.chunks[this.current];
      if (!chunk || chunk.bytes < aligned) {
        // A chunk too small for this step was left by an earlier one: nothing above it is in use.
        for (const old of this.chunks.splice(this.current)) this.allocator.release(old.pointer, old.bytes);
        const size = Allocator.classOf(Math.max(aligned, CHUNK_BYTES));
        chunk = { pointer: this.allocator.allocate(size), bytes: size };
        this.chunks.push(chunk);
      }
    }
    const pointer = chunk.pointer + this.offset;
    this.offset += aligned;
    return pointer;
  }

  words(n: number): Pointer {
    return this.allocate(8 * n);
  }

  /** Of all its chunks. */
  get bytes(): number {
    return this.chunks.reduce((total, chunk) => total + chunk.bytes, 0);
  }

  mark(): Mark {
    return { chunk: this.current, offset: this.offset };
  }

  /** Everything allocated after `mark` may be overwritten from now on. */
  rewind(mark: Mark): void {
    this.current = mark.chunk;
    this.offset = mark.offset;
  }

  /** Gives all memory back. */
  release(): void {
    for (const chunk of this.chunks) this.allocator.release(chunk.pointer, chunk.bytes);
    this.chunks.length = 0;
    this.current = -1;
    this.offset = 0;
  }
}
