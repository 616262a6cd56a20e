/** The last step of a plan that tells classes: how it is loaded, what it compares, and how it runs. */
import type { TopClassesStep } from '../../graph/plan.js';
import type { Pointer } from '../../kernels/kernels.js';
import type { ProtocolSession } from '../../protocols/protocol.js';
import type { Additive } from '../../sharing/values.js';
import { pairwiseClasses, pairwiseComparisons, pairwiseMaps } from './pairwise.js';
import { type Comparison, isPairwise, type LoadedMap, type PublicMap } from './program.js';
import {
  mapTables,
  type TournamentTables,
  tournamentClasses,
  tournamentComparisons,
  tournamentTables,
} from './tournament.js';

export type { LoadedMap, PublicMap } from './program.js';

/** A step's public constants in the kernels' memory. */
export type ClassTables =
  | { readonly kind: 'pairwise'; readonly maps: readonly LoadedMap[] }
  | { readonly kind: 'tournament'; readonly tables: TournamentTables<Pointer, LoadedMap> };

/** @param inputs values of one sample */
export function loadClassTables(
  step: TopClassesStep,
  inputs: number,
  list: (from: Int32Array) => Pointer,
  numbers: (from: PublicMap) => LoadedMap,
): ClassTables {
  if (isPairwise(step)) return { kind: 'pairwise', maps: pairwiseMaps(step, inputs).map(numbers) };
  return { kind: 'tournament', tables: mapTables(tournamentTables(step), list, numbers) };
}

/** The step's rectifications of one sample, in order. @param bits that are needed of the result */
export function classComparisons(step: TopClassesStep, bits: number): readonly Comparison[] {
  return isPairwise(step) ? pairwiseComparisons(step, bits) : tournamentComparisons(step, bits);
}

/** @returns [batch, top] class indices, as summands */
export function findClasses(
  session: ProtocolSession,
  x: Additive,
  step: TopClassesStep,
  tables: ClassTables,
  batch: number,
  bits: number,
): Promise<Additive> {
  if (tables.kind === 'tournament') {
    return tournamentClasses(session, x, step, tables.tables, batch, bits);
  }
  return pairwiseClasses(session, x, tables.maps, classComparisons(step, bits), batch);
}
