/** Which truncations and rectifications a plan takes: public, so that costs can be told and material dealt before any input. */
import { resultBits, shiftOf, unreducedValues } from '../graph/bits.js';
import { inputDependence } from '../graph/dependence.js';
import { type Plan, type PlanStep, valueSizes } from '../graph/plan.js';
import type { Operation } from '../protocols/protocol.js';
import { classComparisons } from './classes/index.js';

export interface StepOperations {
  readonly step: PlanStep;
  /** In the order in which they run. */
  readonly operations: readonly Operation[];
}

/** Maximum pooling is a tournament: its rectifications, as `runPlan` makes them. */
function tournament(cells: number): number[] {
  const matches: number[] = [];
  for (let count = cells; count > 1; count = Math.ceil(count / 2)) matches.push(Math.floor(count / 2));
  return matches;
}

/** The operations of a batch of `batch` samples, step by step. */
export function planOperations(plan: Plan, batch: number): readonly StepOperations[] {
  const bits = resultBits(plan);
  const unreduced = unreducedValues(plan);
  const sizes = valueSizes(plan);
  const takesInput = inputDependence(plan).steps;
  return plan.steps.map((step, index): StepOperations => {
    if (!('activationBits' in step)) return { step, operations: [] };
    const shift = shiftOf(step, plan, unreduced);
    const reduction = { shift, activationBits: step.activationBits, bits: bits[index]! };
    const n = batch * sizes[step.output]!;
    const ofResults = !takesInput.has(step);
    const rectifications = (counts: readonly number[]): StepOperations => ({
      step,
      operations: counts.map((count) => ({
        kind: 'rectify',
        n: n * count,
        reduction,
        ofResults,
        blocks: count,
      })),
    });
    if (step.op === 'topClasses') {
      const comparisons = classComparisons(step, bits[index]!);
      return {
        step,
        operations: comparisons.map((each) => ({
          kind: 'rectify',
          n: batch * each.values,
          reduction: each.reduction,
          ofResults,
        })),
      };
    }
    if (step.op === 'piecewiseLinear') return rectifications([step.pieces.length]);
    if (step.op !== 'maxPool2d') return { step, operations: [{ kind: step.op, n, reduction, ofResults }] };
    return rectifications(tournament(step.geometry.poolHeight * step.geometry.poolWidth));
  });
}
