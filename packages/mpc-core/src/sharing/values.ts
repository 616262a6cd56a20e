/** Shared values in the kernels' memory, as one party holds them. */
import type { Pointer } from '../kernels/kernels.js';

/** Replicated pair of party i: words of x_i and x_{i+1}. */
export interface Shared {
  readonly first: Pointer;
  readonly second: Pointer;
  /** Number of words in each. */
  readonly n: number;
}

/** One summand a party. */
export interface Additive {
  readonly words: Pointer;
  readonly n: number;
}

/** A linear layer's weights as a party keeps them: w_i, w_i + w_{i+1}, and b_i at scale 2f (or null). */
export interface LinearWeights {
  readonly first: Pointer;
  readonly sum: Pointer;
  readonly bias: Pointer | null;
}
