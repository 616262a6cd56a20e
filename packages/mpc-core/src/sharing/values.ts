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

/** Which combination of a party's two shares of the weights: w_i, w_{i+1}, or w_i + w_{i+1}. */
export type WeightForm = 'first' | 'second' | 'sum';

/** One form of a layer's kernel: its words, and the layout of `Kernels.conv2dNarrow` where that serves. */
export interface KernelForm {
  readonly words: Pointer;
  readonly narrow: Pointer | null;
}

/** A linear layer's weights as a party keeps them; forms are made on first use and kept. */
export interface LinearWeights {
  /** Each channel has a kernel of its own: [kh, kw, channels]. */
  readonly depthwise: boolean;
  form(which: WeightForm): KernelForm;
  /** b_i at scale 2f, or null. */
  readonly bias: Pointer | null;
}
