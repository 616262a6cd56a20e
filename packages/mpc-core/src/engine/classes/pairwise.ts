/**
 * The largest of a few values, in two rectifications. Of each pair i < j, g = [x_j > x_i] says that j is before i; otherwise i is
 * before j, also when they are equal. So every value's rank, how many others it is before, is a sum of bits and their
 * opposites, and ranks are 0 to n - 1, each once. The value of rank n - 1 is the largest.
 *
 * The second rectification takes h_r = max(0, rank - (n - 1 - r) + 1), for r = 0 up to the places that are told. The second
 * difference h_r - 2 h_(r-1) + h_(r-2) is 1 for the value at place r and 0 for all others, so the index at place r is linear in
 * the h. Nobody learns a rank.
 */
import type { TopClassesStep } from '../../graph/plan.js';
import type { ProtocolSession } from '../../protocols/protocol.js';
import type { Additive } from '../../sharing/values.js';
import {
  type Comparison,
  countReduction,
  type LoadedMap,
  type PublicMap,
  publicMap,
  valueReduction,
} from './program.js';

/** Of which pairs i < j, in their order. */
function pairsOf(classes: number): readonly (readonly [number, number])[] {
  return Array.from({ length: classes }, (_, i) => i).flatMap((i) =>
    Array.from({ length: classes - 1 - i }, (_, k) => [i, i + 1 + k] as const),
  );
}

/** One pair: its bit says the order of both at once, and no rank is needed. */
function isSinglePair({ classes }: TopClassesStep): boolean {
  return classes === 2;
}

/** From the values to t = x_j - x_i and t - 1 for every pair; `single`: the value itself is x_1 - x_0. */
function differences(classes: number, single: boolean): PublicMap {
  const pairs = pairsOf(classes);
  const map = publicMap(single ? 1 : classes, 2 * pairs.length);
  pairs.forEach(([i, j], pair) => {
    for (const column of [2 * pair, 2 * pair + 1]) {
      if (single) map.matrix[column] = 1n;
      else {
        map.matrix[i * map.outputs + column] = -1n;
        map.matrix[j * map.outputs + column] = 1n;
      }
    }
    map.offsets[2 * pair + 1] = -1n;
  });
  return map;
}

/** From max(0, t) and max(0, t - 1) of every pair to rank - (n - 1 - r) + 1 of every value, for each place r in turn. */
function ranks(classes: number, top: number): PublicMap {
  const pairs = pairsOf(classes);
  const map = publicMap(2 * pairs.length, classes * top);
  for (let place = 0; place < top; place++) {
    const add = (value: number, pair: number, sign: bigint): void => {
      map.matrix[2 * pair * map.outputs + place * classes + value] = sign;
      map.matrix[(2 * pair + 1) * map.outputs + place * classes + value] = -sign;
    };
    pairs.forEach(([i, j], pair) => {
      add(j, pair, 1n);
      add(i, pair, -1n);
      map.offsets[place * classes + i]! += 1n;
    });
    for (let value = 0; value < classes; value++) {
      map.offsets[place * classes + value]! += BigInt(place + 2 - classes);
    }
  }
  return map;
}

/** From the h of every place to the index there. */
function indices(classes: number, top: number): PublicMap {
  const map = publicMap(classes * top, top);
  for (let place = 0; place < top; place++) {
    [1n, -2n, 1n].slice(0, place + 1).forEach((factor, back) => {
      for (let value = 0; value < classes; value++) {
        map.matrix[((place - back) * classes + value) * top + place] = factor * BigInt(value);
      }
    });
  }
  return map;
}

/** From the bit of the only pair to the index at each place. */
function indicesOfPair(top: number): PublicMap {
  const map = publicMap(2, top);
  map.matrix.set(top === 1 ? [1n, -1n] : [1n, -1n, -1n, 1n]);
  if (top === 2) map.offsets[1] = 1n;
  return map;
}

/** @param inputs values of a sample */
export function pairwiseMaps(step: TopClassesStep, inputs: number): readonly PublicMap[] {
  const { classes, top } = step;
  const first = differences(classes, inputs === 1);
  return isSinglePair(step)
    ? [first, indicesOfPair(top)]
    : [first, ranks(classes, top), indices(classes, top)];
}

export function pairwiseComparisons(step: TopClassesStep, bits: number): readonly Comparison[] {
  const { classes, top } = step;
  const values = classes * (classes - 1);
  if (isSinglePair(step)) return [{ values, reduction: valueReduction(step, bits) }];
  const counts = countReduction(step, bits);
  return [
    { values, reduction: valueReduction(step, counts.activationBits) },
    { values: classes * top, reduction: counts },
  ];
}

/** @returns for each sample the indices at its first places, as summands */
export async function pairwiseClasses(
  session: ProtocolSession,
  x: Additive,
  maps: readonly LoadedMap[],
  comparisons: readonly Comparison[],
  batch: number,
): Promise<Additive> {
  let value = x;
  for (const [index, { inputs, outputs, matrix, offsets }] of maps.entries()) {
    value = session.publicLinear(value, matrix, offsets, batch, inputs, outputs);
    const comparison = comparisons[index];
    if (comparison !== undefined) {
      value = session.additive(await session.rectify(value, comparison.reduction));
    }
  }
  return value;
}
