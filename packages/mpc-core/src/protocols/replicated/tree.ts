/**
 * The shape of the comparison: how the k - 1 low bits are cut into blocks, and how the blocks' results are combined.
 *
 * A block of m bits costs 2^m - 1 dealt planes and no round; a group of g blocks one round, at most 2^g products.
 * For few values a round is dear and blocks and groups of five are best: 25 bits compare in one round, 125 in two. For
 * many the dealt bytes are dear and smaller ones are best: at k = 24 they cost one round more and 40 % fewer planes.
 */

interface Limits {
  readonly blockBits: number;
  readonly group: number;
}

const FOR_FEW: Limits = { blockBits: 5, group: 5 };
const FOR_MANY: Limits = { blockBits: 4, group: 4 };
/** At this number of values a round costs as much as the bytes that it saves (docs/decisions/0002). */
export const MANY_VALUES = 2048;

/** A group of `size` neighbouring results; `low` is 1 for the least significant group, whose equality nobody needs. */
export interface Group {
  readonly size: number;
  readonly low: 0 | 1;
  /** Number of masked bits that are opened for it. */
  readonly masks: number;
  /** Number of dealt products of its masks. */
  readonly products: number;
}

export interface ComparisonTree {
  /** Bits of each block, least significant first. */
  readonly blocks: readonly number[];
  /** Groups of each level, least significant first; the last level has one. */
  readonly levels: readonly (readonly Group[])[];
  /** Dealt planes of subset products of all blocks. */
  readonly blockPlanes: number;
  readonly maskPlanes: number;
  readonly productPlanes: number;
}

/** Cuts `total` into as few parts of at most `limit` as possible, as even as possible, larger ones first. */
function split(total: number, limit: number): number[] {
  const parts = Math.ceil(total / limit);
  return Array.from({ length: parts }, (_, i) => Math.floor(total / parts) + (i < total % parts ? 1 : 0));
}

function group(size: number, low: 0 | 1): Group {
  const epsilons = size - low;
  const pure = 2 ** epsilons - 1 - epsilons;
  // For each j < size - 1, every non-empty subset of the size - 1 - j masks above it.
  const mixed = Array.from({ length: size - 1 }, (_, j) => 2 ** (size - 1 - j) - 1).reduce(
    (a, b) => a + b,
    0,
  );
  return { size, low, masks: epsilons + size - 1, products: pure + mixed };
}

const trees = new Map<string, ComparisonTree>();

/**
 * @param bits number of bits compared, at least 6
 * @param n number of values compared at once
 */
export function comparisonTree(bits: number, n: number): ComparisonTree {
  const limits = n >= MANY_VALUES ? FOR_MANY : FOR_FEW;
  const key = `${bits},${limits.blockBits}`;
  const known = trees.get(key);
  if (known) return known;
  const blocks = split(bits, limits.blockBits);
  const levels: Group[][] = [];
  for (let items = blocks.length; items > 1; items = levels[levels.length - 1].length) {
    levels.push(split(items, limits.group).map((size, i) => group(size, i === 0 ? 1 : 0)));
  }
  const groups = levels.flat();
  const tree: ComparisonTree = {
    blocks,
    levels,
    blockPlanes: blocks.reduce((total, m) => total + 2 ** m - 1, 0),
    maskPlanes: groups.reduce((total, g) => total + g.masks, 0),
    productPlanes: groups.reduce((total, g) => total + g.products, 0),
  };
  trees.set(key, tree);
  return tree;
}
