/** Sizes of everything that truncation and rectification of n values exchange; the one place where they are defined. */
import { planeWords } from '../../kernels/kernels.js';
import type { Operation, Reduction } from '../protocol.js';
import { type ComparisonTree, comparisonTree } from './tree.js';

/** Widths and sizes of an opening of n values, and of their results. */
export interface Layout {
  readonly n: number;
  readonly shift: number;
  /** k */
  readonly activationBits: number;
  /** Bytes of an opened value: it counts modulo 2^(shift + k). */
  readonly openedWidth: number;
  /** Bytes of a share of a result. */
  readonly resultWidth: number;
  /** Bytes of a share of a top bit, which is used times 2^k. */
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
  readonly tree: null;
  readonly planeBytes: 0;
  readonly maskPlanes: 0;
  readonly dealtBytes: number;
}

export type OperationLayout = RectifyLayout | TruncateLayout;

function layout(n: number, { shift, bits, activationBits }: Reduction): Layout {
  const openedWidth = Math.ceil((shift + activationBits) / 8);
  const resultWidth = Math.ceil(bits / 8);
  return {
    n,
    shift,
    activationBits,
    openedWidth,
    resultWidth,
    topWidth: Math.ceil((bits - activationBits) / 8),
    openedBytes: n * openedWidth,
    resultBytes: n * resultWidth,
  };
}

/** Columns of `Kernels.selectMaterial`: three of whole words, two of top bits. */
export const SELECT_WORD_COLUMNS = 3;
export const SELECT_TOP_COLUMNS = 2;

/** Layouts of the sizes met so far: a served model meets few. */
const known = new Map<string, RectifyLayout>();
const MAX_KNOWN = 4096;

export function rectifyLayout(n: number, reduction: Reduction): RectifyLayout {
  const key = `${n},${reduction.shift},${reduction.activationBits},${reduction.bits}`;
  let found = known.get(key);
  if (found === undefined) {
    if (known.size >= MAX_KNOWN) known.clear();
    found = computeRectifyLayout(n, reduction);
    known.set(key, found);
  }
  return found;
}

function computeRectifyLayout(n: number, reduction: Reduction): RectifyLayout {
  const base = layout(n, reduction);
  const tree = comparisonTree(reduction.activationBits - 1, n);
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

export function truncateLayout(n: number, reduction: Reduction): TruncateLayout {
  const base = layout(n, reduction);
  return {
    ...base,
    tree: null,
    planeBytes: 0,
    maskPlanes: 0,
    dealtBytes: n * (base.resultWidth + base.topWidth),
  };
}

export function operationLayout(kind: Operation['kind'], n: number, reduction: Reduction): OperationLayout {
  return kind === 'rectify' ? rectifyLayout(n, reduction) : truncateLayout(n, reduction);
}
