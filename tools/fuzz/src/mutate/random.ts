/** Choices of the fuzzer, from one seed. */
import { SeededRandom } from '../../../train/src/random.js';

export class Choices {
  readonly #random: SeededRandom;

  constructor(seed: number, stream: number) {
    this.#random = new SeededRandom(seed, stream);
  }

  /** A whole number from 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }

  /** From 1 up, small ones most often. */
  small(most: number): number {
    return 1 + Math.floor(most ** this.#random.next() - 1e-9);
  }

  chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}
