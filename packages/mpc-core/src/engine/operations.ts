/** Which truncations and rectifications a plan takes: public, so that costs can be told and material dealt before any input. */
import { leavesUnreduced, resultBits } from '../graph/bits.js';
import { type Plan, type PlanStep, sizeOf } from '../graph/plan.js';
import type { Operation } from '../protocols/protocol.js';

export interface StepOperations {
  readonly step: PlanStep;
  /** In the order in which they run. */
  readonly operations: readonly Operation[];
}

function outputSize(step: PlanStep, inputSize: number): number {
  switch (step.op) {
    case 'conv2d':
      return step.geometry.outHeight * step.geometry.outWidth * step.geometry.outChannels;
    case 'averagePool2d':
    case 'maxPool2d':
    case 'pad2d':
      return step.geometry.outHeight * step.geometry.outWidth * step.geometry.channels;
    case 'truncate':
    case 'rectify':
      return inputSize;
  }
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
  const values = new Map([[0, { size: sizeOf(plan.inputShape), unreduced: false }]]);
  return plan.steps.map((step, index): StepOperations => {
    const input = values.get(step.input) ?? { size: 0, unreduced: false };
    const size = outputSize(step, input.size);
    values.set(step.output, { size, unreduced: leavesUnreduced(step) });
    if (!('activationBits' in step)) return { step, operations: [] };
    const shift = input.unreduced ? plan.fractionalBits : 0;
    const reduction = { shift, activationBits: step.activationBits, bits: bits[index]! };
    const n = batch * size;
    if (step.op !== 'maxPool2d') return { step, operations: [{ kind: step.op, n, reduction }] };
    const matches = tournament(step.geometry.poolHeight * step.geometry.poolWidth);
    return { step, operations: matches.map((pairs) => ({ kind: 'rectify', n: n * pairs, reduction })) };
  });
}
