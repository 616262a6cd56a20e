/** Sizes of everything that truncation and rectification of n values exchange; the one place where they are defined. */
import { comparisonKeyBytes, planeWords } from '../../kernels/kernels.js';
import type { Reduction } from '../protocol.js';
import {
  type Layout,
  SELECT_TOP_COLUMNS,
  SELECT_WORD_COLUMNS,
  truncateLayout,
} from '../replicated/layout.js';

export { type Layout, SELECT_TOP_COLUMNS, SELECT_WORD_COLUMNS } from '../replicated/layout.js';

/** Bytes of a root seed: 128-bit security. */
export const ROOT_BYTES = 16;

/**
 * What is dealt when an operation comes, and not ahead, is dealt in pieces of this many values: a piece of keys is a few
 * megabytes, whatever the batch.
 */
export const PIECE_VALUES = 16_384;

/**
 * How many of these the helper deals before both evaluators have used the first of them. Without a bound it would have a
 * gigabyte on its way for a request of a thousand digits, for it makes keys faster than they can be compared with.
 */
export const MAX_PIECES_AHEAD = 16;

/** How many kinds of dealt things an operation needs, and how wide they are. */
export interface DealtLayout extends Layout {
  /** Bytes of a comparison key, the same for both evaluators; 0 where nothing is compared. */
  readonly keyBytes: number;
  /** Bytes of the shared columns of a value. */
  readonly columnBytes: number;
}

function truncateDealt(n: number, reduction: Reduction): DealtLayout {
  const layout = truncateLayout(n, reduction);
  return { ...layout, keyBytes: 0, columnBytes: layout.resultWidth + layout.topWidth };
}

function rectifyDealt(n: number, reduction: Reduction): DealtLayout {
  const layout = truncateLayout(n, reduction);
  return {
    ...layout,
    keyBytes: comparisonKeyBytes(reduction.activationBits),
    columnBytes: SELECT_WORD_COLUMNS * layout.resultWidth + SELECT_TOP_COLUMNS * layout.topWidth,
  };
}

/** Layouts of the sizes met so far, which are few: to make one takes as long as to send a message of it. */
const known = new Map<string, DealtLayout>();
const MAX_KNOWN = 4096;

export function dealtLayout(kind: 'truncate' | 'rectify', n: number, reduction: Reduction): DealtLayout {
  const key = `${kind},${n},${reduction.shift},${reduction.activationBits},${reduction.bits}`;
  let found = known.get(key);
  if (found === undefined) {
    if (known.size >= MAX_KNOWN) known.clear();
    found = kind === 'truncate' ? truncateDealt(n, reduction) : rectifyDealt(n, reduction);
    known.set(key, found);
  }
  return found;
}

/** Bytes of a plane of n bits. */
export function planeBytes(n: number): number {
  return 8 * planeWords(n);
}

/** Sizes of the pieces in which n values are dealt. */
export function pieces(n: number): number[] {
  const sizes = Array.from({ length: Math.ceil(n / PIECE_VALUES) }, () => PIECE_VALUES);
  if (n % PIECE_VALUES !== 0) sizes[sizes.length - 1] = n % PIECE_VALUES;
  return sizes;
}
