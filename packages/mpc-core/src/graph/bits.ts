/**
 * How many low bits of each value of a plan matter. Opening a value takes f + k bits of it, the client takes
 * `outputBits` of the output, and a linear step needs of its input what is needed of its result. Shares of a result
 * are made, sent and dealt with that many bits and no more.
 */
import type { Plan } from './plan.js';

/** For each step, in order, the bits that are needed of its output. */
export function resultBits(plan: Plan): readonly number[] {
  const opened = plan.fractionalBits + plan.activationBits;
  const needed = new Map<number, number>();
  const need = (value: number, bits: number): void => {
    needed.set(value, Math.max(bits, needed.get(value) ?? opened));
  };
  const last = plan.steps.at(-1);
  if (last) need(last.output, plan.outputBits);
  for (const step of [...plan.steps].reverse()) {
    const bits = needed.get(step.output) ?? opened;
    // The maximum of two values is made of one of them, so all of its bits come from the input.
    need(step.input, step.op === 'truncate' || step.op === 'rectify' ? opened : bits);
  }
  return plan.steps.map((step) => needed.get(step.output) ?? opened);
}
