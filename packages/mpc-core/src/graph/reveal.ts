/**
 * What of a model's output its clients receive: all values, or no more than the classes of the largest ones. The owner
 * chooses when it compiles the model, and the plan says so: it then ends in a step that finds the classes on shares.
 */
import { unreducedValues } from './bits.js';
import { InvalidModelError } from './errors.js';
import { type Plan, type PlanStep, sizeOf, type TopClassesStep } from './plan.js';

/** All values; the class of the largest; or the classes of the K largest, in order: `top-K`. */
export type Reveal = 'logits' | 'label' | `top-${number}`;

/** Up to so many classes, all pairs of values are compared at once; above, tournaments find the largest. */
export const PAIRWISE_CLASSES = 32;

/** Classes that one answer may name. */
export const MAX_TOP = 100;

/** The values of a plan's output, of which classes are told. */
export const MAX_CLASSES = 100_000;

/** @returns null when the text says nothing that can be revealed */
export function parseReveal(text: string): Reveal | null {
  if (text === 'logits' || text === 'label') return text;
  const top = /^top-([1-9]\d{0,5})$/.exec(text)?.[1];
  return top === undefined ? null : `top-${Number(top)}`;
}

/** Classes that an answer names; 0 when it has all values. */
export function topOf(reveal: Reveal): number {
  if (reveal === 'logits') return 0;
  return reveal === 'label' ? 1 : Number(reveal.slice('top-'.length));
}

/** Whether who receives the one knows more than who receives the other. */
export function revealsMore(one: Reveal, other: Reveal): boolean {
  if (other === 'logits') return false;
  return one === 'logits' || topOf(one) > topOf(other);
}

/** The step that ends a plan which tells classes only; null when the plan gives all values. */
export function topClassesOf(plan: Plan): TopClassesStep | null {
  const last = plan.steps.at(-1);
  return last?.op === 'topClasses' ? last : null;
}

/** Comparisons that finding the classes takes, for one sample. */
export function comparisonsOf({ classes, top }: TopClassesStep): number {
  if (classes <= PAIRWISE_CLASSES) return classes * (classes - 1) + top * classes;
  return 3 * classes * top;
}

/** What the clients of a plan receive. */
export function revealOf(plan: Plan): Reveal {
  const step = topClassesOf(plan);
  if (step === null) return 'logits';
  return step.top === 1 ? 'label' : `top-${step.top}`;
}

/** Classes of a model, however much of them its answers tell. */
export function classCount(plan: Plan): number {
  return topClassesOf(plan)?.classes ?? sizeOf(plan.outputShape);
}

/**
 * The plan of the same model whose answers are `top` class indices.
 *
 * @param plan one that gives all values
 * @param truncated compare values at scale f instead of 2f: for values that are too large to be compared exactly
 * @param activationBits k of the new steps; the range analysis narrows it
 * @throws InvalidModelError when the output is no row of classes, or has fewer than `top`
 */
export function revealTop(plan: Plan, top: number, activationBits: number, truncated: boolean): Plan {
  const values = sizeOf(plan.outputShape);
  const classes = Math.max(2, values);
  const refuse = (why: string) => new InvalidModelError(`The model's classes cannot be revealed: ${why}.`);
  if (values > 1 && plan.outputShape.length !== 1) {
    throw refuse(`its output of shape [${plan.outputShape.join(', ')}] is no row of classes`);
  }
  if (values === 1 && plan.outputActivation === 'softmax') {
    throw refuse('a softmax over a single value is always 1');
  }
  if (classes > MAX_CLASSES) throw refuse(`it has ${classes}, and at most ${MAX_CLASSES} can be compared`);
  if (!Number.isInteger(top) || top < 1 || top > Math.min(classes, MAX_TOP)) {
    throw refuse(`top-${top} of ${classes}; 1 to ${Math.min(classes, MAX_TOP)} can be told`);
  }
  const steps: PlanStep[] = [...plan.steps];
  const before = steps.at(-1)!;
  if (truncated && unreducedValues(plan).has(before.output)) {
    const { name, output } = before;
    steps.push({ op: 'truncate', name, activationBits, input: output, output: output + 1 });
  }
  const input = steps.at(-1)!.output;
  steps.push({
    op: 'topClasses',
    name: top === 1 ? 'label' : `top-${top}`,
    activationBits,
    classes,
    top,
    input,
    output: input + 1,
  });
  return { ...plan, steps, outputShape: [top], outputFractionalBits: 0, outputActivation: 'linear' };
}
