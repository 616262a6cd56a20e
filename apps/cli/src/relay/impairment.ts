/** What can be wrong with a network between two programs. */
import { SeededRandom } from '@trivet/seeded-random';

export interface Impairment {
  /** Added to the relay's own one-way time, both ways. */
  readonly extraDelayMs?: number;
  /** Each way, for each connection. */
  readonly bytesPerSecond?: number;
  /** Nothing passes and nothing is closed, as when a cable is pulled: bytes wait, new connections too. */
  readonly stalled?: boolean;
  /** Connections are reset, and new ones as soon as they are made. */
  readonly cut?: boolean;
  /** Every connection has one of its two ways ended, properly; the other goes on. */
  readonly halfClosed?: boolean;
  /** Bytes are changed, lost, repeated or swapped, here and there. */
  readonly garbled?: { readonly seed: number; readonly everyBytes: number };
}

export const UNIMPAIRED: Impairment = {};

/** Damages a stream of bytes, the same way for the same seed and chunks. */
export class Garbler {
  readonly #random: SeededRandom;
  #until: number;

  constructor(private readonly options: NonNullable<Impairment['garbled']>) {
    this.#random = new SeededRandom(options.seed);
    this.#until = this.#gap();
  }

  /** The chunk, with a fault in it when one is due. */
  garble(chunk: Buffer): Buffer {
    this.#until -= chunk.length;
    if (this.#until > 0 || chunk.length === 0) return chunk;
    this.#until = this.#gap();
    const at = this.#random.below(chunk.length);
    const length = 1 + this.#random.below(Math.min(32, chunk.length - at));
    const [before, hit, after] = [
      chunk.subarray(0, at),
      chunk.subarray(at, at + length),
      chunk.subarray(at + length),
    ];
    switch (this.#random.below(4)) {
      case 0:
        return Buffer.concat([before, hit.map((byte) => byte ^ (1 << this.#random.below(8))), after]);
      case 1:
        return Buffer.concat([before, after]);
      case 2:
        return Buffer.concat([before, hit, hit, after]);
      default:
        return Buffer.concat([after, hit, before]);
    }
  }

  #gap(): number {
    return 1 + this.#random.below(2 * this.options.everyBytes);
  }
}
