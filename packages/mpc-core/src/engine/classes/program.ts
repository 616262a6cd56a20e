/**
 * What finding the largest of n values takes: public linear maps, moves, and comparisons. A *bit* [t > 0] of a whole number t is
 * max(0, t) - max(0, t - 1), so that a protocol needs no operation for it but the rectification that it has, with nothing
 * cut off, which is exact. Nothing is opened but what the rectifications open under their masks.
 */
import type { TopClassesStep } from '../../graph/plan.js';
import { PAIRWISE_CLASSES } from '../../graph/reveal.js';
import type { Pointer } from '../../kernels/kernels.js';
import type { Reduction } from '../../protocols/protocol.js';

/** A public matrix [inputs, outputs] of small whole numbers, and a row of offsets. */
export interface PublicMap {
  readonly inputs: number;
  readonly outputs: number;
  readonly matrix: BigInt64Array;
  readonly offsets: BigInt64Array;
}

/** The same in the kernels' memory, with one party's summands of the offsets. */
export interface LoadedMap {
  readonly inputs: number;
  readonly outputs: number;
  readonly matrix: Pointer;
  readonly offsets: Pointer;
}

export function publicMap(inputs: number, outputs: number): PublicMap {
  return {
    inputs,
    outputs,
    matrix: new BigInt64Array(inputs * outputs),
    offsets: new BigInt64Array(outputs),
  };
}

/** A rectification of `values` whole numbers a sample. */
export interface Comparison {
  readonly values: number;
  readonly reduction: Reduction;
}

/** Every value is compared with every other; else tournaments. */
export function isPairwise({ classes }: TopClassesStep): boolean {
  return classes <= PAIRWISE_CLASSES;
}

/** Of counts of classes, with their sign: at most 2^22. */
const FEW_COUNT_BITS = 16;
const MANY_COUNT_BITS = 24;

/** How the values themselves are compared; results count modulo 2^bits. */
export function valueReduction({ activationBits }: TopClassesStep, bits: number): Reduction {
  return { shift: 0, activationBits, bits: Math.max(bits, activationBits + 1) };
}

/** How counts of classes are compared. */
export function countReduction({ classes }: TopClassesStep, bits: number): Reduction {
  const activationBits = classes < 2 ** (FEW_COUNT_BITS - 2) ? FEW_COUNT_BITS : MANY_COUNT_BITS;
  return { shift: 0, activationBits, bits: Math.max(bits, activationBits + 1) };
}
