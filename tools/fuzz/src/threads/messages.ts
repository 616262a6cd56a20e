/** What the program and its fuzzing thread tell each other. */

import type { FuzzResult } from '../fuzz-target.js';
import type { Finding } from '../oracle.js';

export interface Job {
  readonly target: string;
  readonly seed: number;
  readonly maxMs: number;
  readonly maxCases: number;
  readonly coverage: boolean;
}

/** Sent to a thread when it starts. */
export interface ThreadData {
  readonly shared: SharedArrayBuffer;
}

export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly result: FuzzResult }
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'done'; readonly result: FuzzResult }
  | { readonly kind: 'failed'; readonly reason: string };

/** Memory of both: which input is being run, for the case that it never ends. */
export class CurrentCase {
  static readonly HEADER_BYTES = 16;
  readonly #header: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(shared: SharedArrayBuffer) {
    this.#header = new Int32Array(shared, 0, 4);
    this.#bytes = new Uint8Array(shared, CurrentCase.HEADER_BYTES);
  }

  set(input: Uint8Array): void {
    this.#bytes.set(input);
    Atomics.store(this.#header, 1, input.length);
    Atomics.add(this.#header, 0, 1);
  }

  /** Changes with every input. */
  get number(): number {
    return Atomics.load(this.#header, 0);
  }

  get input(): Uint8Array {
    return this.#bytes.slice(0, Atomics.load(this.#header, 1));
  }
}
