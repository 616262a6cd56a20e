/** The kernels of `fss`: blocks of ChaCha8 are nearly all that they do. */
import type { Kernels } from '@trivet/mpc-core';
import { align, BITS, COLUMN, type KernelCase, SHIFT, VALUES } from './case.js';

/** Of the tree of a comparison of 24 bits: see comparisonLevels and comparisonKeyBytes. */
const LEVELS = 8;
const KEY_BYTES = 404;
/** 512 vector operations for four blocks (32 quarter-rounds of 16), three a cycle. */
const BLOCK_CYCLES = 512 / 4 / 3;
const TAG = 64;
const KEYS = align(VALUES * KEY_BYTES);

function gates(
  name: string,
  blocks: number,
  run: (kernels: Kernels, keys: number, column: (index: number) => number) => void,
): KernelCase {
  return {
    name,
    unit: 'gate',
    units: VALUES,
    bound: blocks * BLOCK_CYCLES,
    because: `${blocks} block${blocks === 1 ? '' : 's'} of ChaCha8, 128 vector operations each, three a cycle`,
    bytes: () => KEYS + 8 * COLUMN,
    run: (kernels, base) => run(kernels, base, (index) => base + KEYS + index * COLUMN),
  };
}

export const DISTRIBUTED_CASES: readonly KernelCase[] = [
  gates('comparisonKeys', 2 * LEVELS, (kernels, keys, column) =>
    kernels.comparisonKeys(keys, column(0), column(1), column(3), VALUES, 0, SHIFT, BITS, TAG, 1, 2),
  ),
  gates('expandRoots', 1, (kernels, keys, column) =>
    kernels.expandRoots(keys, column(1), VALUES, 0, BITS, TAG, 1, 2, true),
  ),
  gates('compareWithKeys', LEVELS - 1, (kernels, keys, column) =>
    kernels.compareWithKeys(
      column(6),
      column(0),
      keys,
      column(1),
      column(3),
      VALUES,
      0,
      SHIFT,
      BITS,
      TAG,
      1,
      2,
      true,
    ),
  ),
];
