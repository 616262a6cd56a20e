/**
 * How many low bits of each value of a plan matter. Opening a value takes the bits that the step says, the client
 * takes `outputBits` of the output, and a linear step needs of its input what is needed of its result. Shares of a
 * result are made, sent and dealt with that many bits and no more.
 */
import type { Plan, PlanStep } from './plan.js';

/** Whether the step leaves an additive sharing at scale 2f. */
export function leavesUnreduced(step: PlanStep): boolean {
  return step.op === 'conv2d' || step.op === 'averagePool2d';
}

/** For each step, in order, the bits that are needed of its output. */
export function resultBits(plan: Plan): readonly number[] {
  const needed = new Map<number, number>();
  const need = (value: number, bits: number): void => {
    needed.set(value, Math.max(bits, needed.get(value) ?? 0));
  };
  // A result is never made narrower than the comparison it comes from.
  const own = (step: PlanStep): number => ('activationBits' in step ? step.activationBits + 1 : 1);
  const bitsOf = (step: PlanStep): number => Math.max(needed.get(step.output) ?? 0, own(step));
  const unreduced = new Set(plan.steps.filter(leavesUnreduced).map((step) => step.output));
  const last = plan.steps.at(-1);
  if (last) need(last.output, plan.outputBits);
  for (const step of [...plan.steps].reverse()) {
    if (step.op === 'truncate' || step.op === 'rectify') {
      need(step.input, step.activationBits + (unreduced.has(step.input) ? plan.fractionalBits : 0));
    } else {
      // The maximum of two values is one of them, so all of its bits come from the input.
      need(step.input, bitsOf(step));
    }
  }
  return plan.steps.map(bitsOf);
}
