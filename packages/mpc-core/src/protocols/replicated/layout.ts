/** Sizes of everything that truncation and rectification of n values exchange; the one place where they are defined. */
import { planeWords } from '../../kernels/kernels.js';
import { type ComparisonTree, comparisonTree } from './tree.js';

/** Widths and sizes of an opening of n values, and of their results. */
export interface Layout {
  readonly n: number;
  readonly shift: number;
  /** k */
  readonly bits: number;
  /** Bytes of an opened value: it counts modulo 2^(shift + k). */
  readonly openedWidth: number;
  /** Bytes of a share of a result: it counts modulo 2^(f + k). */
  readonly resultWidth: number;
  /** Bytes of a share of a top bit, used times 2^k: it counts modulo 2^f. */
  readonly topWidth: number;
  readonly openedBytes: number;
  readonly resultBytes: number;
}

export interface RectifyLayout extends Layout {
  readonly tree: ComparisonTree;
  /** 64-bit words of a plane. */
  readonly words: number;
  readonly planeBytes: number;
  /** Dealt planes: blocks' subset products, the top bit, groups' products. */
  readonly dealtPlanes: number;
  /** Mask planes: those of the groups, and sigma. */
  readonly maskPlanes: number;
  readonly dealtBytes: number;
}

export interface TruncateLayout extends Layout {
  readonly dealtBytes: number;
}

function layout(n: number, shift: number, fractionalBits: number, bits: number): Layout {
  const openedWidth = Math.ceil((shift + bits) / 8);
  const resultWidth = Math.ceil((fractionalBits + bits) / 8);
  return {
    n,
    shift,
    bits,
    openedWidth,
    resultWidth,
    topWidth: Math.ceil(fractionalBits / 8),
    openedBytes: n * openedWidth,
    resultBytes: n * resultWidth,
  };
}

/** Columns of `Kernels.selectMaterial`: three of whole words, two of top bits. */
export const SELECT_WORD_COLUMNS = 3;
export const SELECT_TOP_COLUMNS = 2;

export function rectifyLayout(n: number, shift: number, fractionalBits: number, bits: number): RectifyLayout {
  const base = layout(n, shift, fractionalBits, bits);
  const tree = comparisonTree(bits - 1);
  const words = planeWords(n);
  const planeBytes = 8 * words;
  const dealtPlanes = tree.blockPlanes + 1 + tree.productPlanes;
  return {
    ...base,
    tree,
    words,
    planeBytes,
    dealtPlanes,
    maskPlanes: tree.maskPlanes + 1,
    dealtBytes:
      dealtPlanes * planeBytes +
      n * (SELECT_WORD_COLUMNS * base.resultWidth + SELECT_TOP_COLUMNS * base.topWidth),
  };
}

export function truncateLayout(
  n: number,
  shift: number,
  fractionalBits: number,
  bits: number,
): TruncateLayout {
  const base = layout(n, shift, fractionalBits, bits);
  return { ...base, dealtBytes: n * (base.resultWidth + base.topWidth) };
}
