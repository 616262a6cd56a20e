/**
 * The largest of many values, in about log2 n + 2 rectifications of at most n values each. A tournament gives the maximum m:
 * max(a, b) = b + max(0, a - b), all pairs of a level at once. Then e_i = 1 - [m - x_i > 0] says who reaches it, and, with P_i the
 * number of those up to i, max(0, 2 e_i - P_i) is 1 for the first of them and 0 for all others. That one is told, and for
 * the next place 2^(k-2) is taken from it, which is more than two values can differ by.
 */
import type { TopClassesStep } from '../../graph/plan.js';
import type { Pointer } from '../../kernels/kernels.js';
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

/** Values that play, and, for an odd number of them, how the one that is left over gets behind the winners. */
interface Level<List> {
  readonly count: number;
  readonly left: List;
  readonly right: List;
  readonly carried: { readonly winners: List; readonly last: List } | null;
}

/** Public constants of a tournament of n values, as arrays, or in the kernels' memory. */
export interface TournamentTables<List, Numbers> {
  readonly levels: readonly Level<List>[];
  /** n times the only value of a sample. */
  readonly broadcast: List;
  /** For each power of two below n: every value that many places on. */
  readonly shifts: readonly List[];
  /** For each place, a row in which one value stands there. */
  readonly places: readonly List[];
  readonly negate: Numbers;
  readonly minusOne: Numbers;
  readonly oneMinus: Numbers;
  readonly double: Numbers;
  /** Times -2^(k-2). */
  readonly takeOut: Numbers;
  /** From n bits to the index of the one that is set. */
  readonly index: Numbers;
}

const range = (from: number, count: number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => from + i);

function scalar(slope: bigint, offset: bigint): PublicMap {
  const map = publicMap(1, 1);
  map.matrix[0] = slope;
  map.offsets[0] = offset;
  return map;
}

function level(count: number): Level<Int32Array> {
  const half = Math.floor(count / 2);
  const winners = new Int32Array(half + 1).fill(-1);
  winners.set(range(0, half));
  const last = new Int32Array(half + 1).fill(-1);
  last[half] = count - 1;
  return {
    count,
    left: range(0, half),
    right: range(half, half),
    carried: count % 2 === 0 ? null : { winners, last },
  };
}

export function tournamentTables({
  classes,
  top,
  activationBits,
}: TopClassesStep): TournamentTables<Int32Array, PublicMap> {
  const levels: Level<Int32Array>[] = [];
  for (let count = classes; count > 1; count = Math.ceil(count / 2)) levels.push(level(count));
  const shifts: Int32Array[] = [];
  for (let by = 1; by < classes; by *= 2) shifts.push(range(0, classes).map((i) => Math.max(-1, i - by)));
  const index = publicMap(classes, 1);
  for (let i = 0; i < classes; i++) index.matrix[i] = BigInt(i);
  return {
    levels,
    broadcast: new Int32Array(classes),
    shifts,
    places: Array.from({ length: top }, (_, place) => range(0, top).map((i) => (i === place ? 0 : -1))),
    negate: scalar(-1n, 0n),
    minusOne: scalar(1n, -1n),
    oneMinus: scalar(-1n, 1n),
    double: scalar(2n, 0n),
    takeOut: scalar(-(1n << BigInt(activationBits - 2)), 0n),
    index,
  };
}

/** The same tables with other lists and numbers: loading. */
export function mapTables<FromList, FromNumbers, ToList, ToNumbers>(
  tables: TournamentTables<FromList, FromNumbers>,
  list: (from: FromList) => ToList,
  numbers: (from: FromNumbers) => ToNumbers,
): TournamentTables<ToList, ToNumbers> {
  return {
    levels: tables.levels.map(({ count, left, right, carried }) => ({
      count,
      left: list(left),
      right: list(right),
      carried: carried && { winners: list(carried.winners), last: list(carried.last) },
    })),
    broadcast: list(tables.broadcast),
    shifts: tables.shifts.map(list),
    places: tables.places.map(list),
    negate: numbers(tables.negate),
    minusOne: numbers(tables.minusOne),
    oneMinus: numbers(tables.oneMinus),
    double: numbers(tables.double),
    takeOut: numbers(tables.takeOut),
    index: numbers(tables.index),
  };
}

/** How the values are compared, and how the counts; the bits of the latter are multiplied by 2^(k-2) and added to values. */
function reductions(step: TopClassesStep, bits: number) {
  return {
    values: valueReduction(step, step.activationBits),
    counts: countReduction(step, Math.max(bits, step.activationBits)),
  };
}

export function tournamentComparisons(step: TopClassesStep, bits: number): readonly Comparison[] {
  const { classes, top } = step;
  const { values, counts } = reductions(step, bits);
  const once: Comparison[] = [];
  for (let count = classes; count > 1; count = Math.ceil(count / 2)) {
    once.push({ values: Math.floor(count / 2), reduction: values });
  }
  once.push({ values: classes, reduction: values }, { values: classes, reduction: counts });
  return Array.from({ length: top }, () => once).flat();
}

/** @returns for each sample the indices at its first places, as summands */
export async function tournamentClasses(
  session: ProtocolSession,
  input: Additive,
  step: TopClassesStep,
  tables: TournamentTables<Pointer, LoadedMap>,
  batch: number,
  bits: number,
): Promise<Additive> {
  const { classes, top } = step;
  const reduction = reductions(step, bits);
  const each = (x: Additive, { matrix, offsets }: LoadedMap) =>
    session.publicLinear(x, matrix, offsets, x.n, 1, 1);
  const minus = (x: Additive, y: Additive) => session.sum(x, each(y, tables.negate));
  const moved = (x: Additive, list: Pointer, n: number) =>
    session.gatherAdditive(x, list, n, batch, x.n / batch);

  let x = input;
  let told: Additive | null = null;
  for (const place of tables.places) {
    let cells = x;
    for (const { count, left, right, carried } of tables.levels) {
      const half = Math.floor(count / 2);
      const [a, b] = [moved(cells, left, half), moved(cells, right, half)];
      const excess = session.additive(await session.rectify(minus(a, b), reduction.values));
      const winners = session.sum(b, excess);
      cells =
        carried === null
          ? winners
          : session.sum(moved(winners, carried.winners, half + 1), moved(cells, carried.last, half + 1));
    }
    const distance = minus(moved(cells, tables.broadcast, classes), x);
    const beyond = session.additive(await session.rectify(each(distance, tables.minusOne), reduction.values));
    const reaches = each(minus(distance, beyond), tables.oneMinus);
    let upTo = reaches;
    for (const shift of tables.shifts) upTo = session.sum(upTo, moved(upTo, shift, classes));
    const isFirst = minus(each(reaches, tables.double), upTo);
    const winner = session.additive(await session.rectify(isFirst, reduction.counts));

    const { matrix, offsets } = tables.index;
    const index = session.publicLinear(winner, matrix, offsets, batch, classes, 1);
    const row = moved(index, place, top);
    told = told === null ? row : session.sum(told, row);
    x = session.sum(x, each(winner, tables.takeOut));
  }
  return told!;
}
