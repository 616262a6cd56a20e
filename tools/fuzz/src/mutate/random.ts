/** Choices of the fuzzer, from one seed. */
import { SeededRandom } from '@trivet/seeded-random';

export class Choices extends SeededRandom {
  /** From 1 up, small ones most often. */
  small(most: number): number {
    return 1 + Math.floor(most ** this.next() - 1e-9);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }
}
