/** WASM's memory as the kernels' linear memory. */
import { Redacted } from '../../random/redacted.js';
import type { LinearMemory } from '../kernels.js';

/** Pages of memory that a module asks for. */
export const INITIAL_PAGES = 2;
const PAGE = 65_536;
const LEAST_GROWTH_BYTES = 16 * 1024 * 1024;

export class WasmMemory extends Redacted implements LinearMemory {
  private view: Uint8Array;

  constructor(
    private readonly memory: WebAssembly.Memory,
    readonly base: number,
  ) {
    super();
    this.view = new Uint8Array(memory.buffer);
  }

  get byteLength(): number {
    return this.memory.buffer.byteLength;
  }

  toString(): string {
    return `[memory: ${this.byteLength} bytes]`;
  }

  get bytes(): Uint8Array {
    if (this.view.buffer !== this.memory.buffer) this.view = new Uint8Array(this.memory.buffer);
    return this.view;
  }

  /**
   * Grows in large steps: V8 takes each growth for so many bytes more to collect, and collects its whole heap. What is
   * never touched takes no memory but addresses.
   */
  ensure(bytes: number): void {
    const missing = bytes - this.byteLength;
    if (missing <= 0) return;
    const ample = Math.max(missing, LEAST_GROWTH_BYTES, this.byteLength / 2);
    try {
      this.memory.grow(Math.ceil(ample / PAGE));
    } catch {
      // There may be room for what is needed, and not for more.
      this.memory.grow(Math.ceil(missing / PAGE));
    }
  }
}
