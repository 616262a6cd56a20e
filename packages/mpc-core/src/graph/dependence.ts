/** How a plan's values depend on the input: directly, through linear steps, or only through results of comparisons and truncations. */
import { inputsOf, type Plan, type PlanStep } from './plan.js';

/** Steps whose output is made of results alone, whatever they take. */
const FRESH: ReadonlySet<PlanStep['op']> = new Set(['truncate', 'rectify', 'piecewiseLinear']);

export interface InputDependence {
  /** Steps that take the input, or a value that still has summands of it. */
  readonly steps: ReadonlySet<PlanStep>;
  /**
   * Whether results and what has summands of the input never come together: those steps take nothing else, what they give is
   * either, and the output is not one of them.
   */
  readonly isSeparate: boolean;
}

export function inputDependence({ steps }: Plan): InputDependence {
  const direct = new Set<number>([0]);
  const taking = new Set<PlanStep>();
  let isSeparate = steps.length > 0;
  for (const step of steps) {
    const inputs = inputsOf(step);
    const some = inputs.some((input) => direct.has(input));
    if (!some) continue;
    taking.add(step);
    // What compares and is not fresh, such as maximum pooling, adds results to what it took.
    const mixes = 'activationBits' in step && !FRESH.has(step.op);
    isSeparate &&= !mixes && inputs.every((input) => direct.has(input));
    if (!FRESH.has(step.op)) direct.add(step.output);
  }
  const last = steps.at(-1);
  return { steps: taking, isSeparate: isSeparate && last !== undefined && !direct.has(last.output) };
}
