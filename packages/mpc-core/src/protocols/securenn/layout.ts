/** Sizes of everything that rectifications exchange; the one place where they are defined. */
import { digitLanes, planeWords } from '../../kernels/kernels.js';
import type { Reduction } from '../protocol.js';
import { type TruncateLayout, truncateLayout } from '../replicated/layout.js';

export interface RectifyLayout {
  readonly n: number;
  /** The masked opening, what is dealt for removing its mask, and the result: as in a truncation. */
  readonly opening: TruncateLayout;
  /** l = k + 1: comparisons work modulo 2^l and 2^l - 1. */
  readonly ringBits: number;
  /** Bytes of a word modulo 2^l or 2^l - 1. */
  readonly ringWidth: number;
  readonly ringBytes: number;
  /** Bytes of a row of digits, one byte a value. */
  readonly lanes: number;
  /** Digits of all l rows: one byte each. */
  readonly digitBytes: number;
  /** 64-bit words of a plane. */
  readonly words: number;
  readonly planeBytes: number;
  /** Of the three columns with which values are selected. */
  readonly selectBytes: number;
}

export function rectifyLayout(n: number, reduction: Reduction): RectifyLayout {
  const opening = truncateLayout(n, reduction);
  const ringBits = reduction.activationBits + 1;
  const ringWidth = Math.ceil(ringBits / 8);
  const lanes = digitLanes(n);
  const words = planeWords(n);
  return {
    n,
    opening,
    ringBits,
    ringWidth,
    ringBytes: n * ringWidth,
    lanes,
    digitBytes: ringBits * lanes,
    words,
    planeBytes: 8 * words,
    selectBytes: n * (2 * opening.resultWidth + opening.topWidth),
  };
}
