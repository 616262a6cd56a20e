/**
 * How many low bits of each value of a plan matter. Opening a value takes the bits that the step says, the client
 * takes `outputBits` of the output, and a linear step needs of its input what is needed of its result. Shares of a
 * result are made, sent and dealt with that many bits and no more.
 */
import { inputsOf, type Plan, type PlanStep } from './plan.js';

const LINEAR: ReadonlySet<PlanStep['op']> = new Set(['conv2d', 'depthwiseConv2d', 'averagePool2d']);

/** Steps that take of their input no more than they open of it. */
const OPENING: ReadonlySet<PlanStep['op']> = new Set([
  'truncate',
  'rectify',
  'piecewiseLinear',
  'topClasses',
]);

/** The values that are additive sharings at scale 2f. */
export function unreducedValues(plan: Plan): ReadonlySet<number> {
  const unreduced = new Set<number>();
  for (const step of plan.steps) {
    const joins = 'inputs' in step && step.inputs.some((input) => unreduced.has(input));
    if (LINEAR.has(step.op) || joins) unreduced.add(step.output);
  }
  return unreduced;
}

/** Bits that a step cuts off the values that it opens. */
export function shiftOf(step: PlanStep, plan: Plan, unreduced: ReadonlySet<number>): number {
  if (step.op === 'topClasses') return 0;
  const input = inputsOf(step)[0]!;
  const scales = (unreduced.has(input) ? 1 : 0) + (step.op === 'piecewiseLinear' ? 1 : 0);
  return scales * plan.fractionalBits;
}

/** For each step, in order, the bits that are needed of its output. */
export function resultBits(plan: Plan): readonly number[] {
  const needed = new Map<number, number>();
  const need = (value: number, bits: number): void => {
    needed.set(value, Math.max(bits, needed.get(value) ?? 0));
  };
  // A result is never made narrower than the comparison it comes from.
  const own = (step: PlanStep): number =>
    'activationBits' in step && step.op !== 'topClasses' ? step.activationBits + 1 : 1;
  const bitsOf = (step: PlanStep): number => Math.max(needed.get(step.output) ?? 0, own(step));
  const unreduced = unreducedValues(plan);
  const last = plan.steps.at(-1);
  if (last) need(last.output, plan.outputBits);
  for (const step of [...plan.steps].reverse()) {
    if (OPENING.has(step.op) && 'activationBits' in step) {
      need(step.input, step.activationBits + shiftOf(step, plan, unreduced));
    } else {
      // The maximum of two values is one of them, so all of its bits come from the input.
      for (const input of inputsOf(step)) need(input, bitsOf(step));
    }
  }
  return plan.steps.map(bitsOf);
}
