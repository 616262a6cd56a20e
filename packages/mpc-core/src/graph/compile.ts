/**
 * The model compiler: from the layers a model was trained with to the plan that the workers run.
 *
 * support check -> normal form -> shapes -> folding -> steps -> range analysis -> validation.
 */

import { shiftOf, unreducedValues } from './bits.js';
import { InvalidModelError, ModelRangeError, UnsupportedLayersError } from './errors.js';
import { evaluatePlan } from './evaluate.js';
import { type Folded, fold } from './fold.js';
import type { LayerGraph } from './layers.js';
import { lower } from './lower.js';
import { normalise } from './normalise.js';
import { multiplicationsOf } from './operations.js';
import { type CompiledModel, inputsOf, type Plan, type PlanStep } from './plan.js';
import { type Bounds, boundValues, type InputRange, openingLimit, valueLimits } from './range.js';
import { type Reveal, revealTop, topOf } from './reveal.js';
import { inferShapes } from './shapes.js';
import { liveNodes } from './structure.js';
import { checkSupport } from './support.js';
import { validatePlan } from './validate.js';

export interface CompileOptions {
  /** f, 1 to 24; 16 when left out. */
  readonly fractionalBits?: number;
  /** Every input must lie in it; [0, 1] when left out. */
  readonly inputRange?: InputRange;
  /** k of every step; for each the smallest multiple of 4 from 16 to 48 that the range analysis allows when left out. */
  readonly activationBits?: number;
  /** What clients receive of the output; all of it when left out. */
  readonly reveal?: Reveal;
  /** `count` samples to report the largest values that really occur. */
  readonly calibration?: { readonly inputs: ArrayLike<number>; readonly count: number };
}

/** What one step of the plan costs and how much room its values have. */
export interface StepReport {
  readonly name: string;
  readonly op: PlanStep['op'];
  /** Shape of the result for one sample. */
  readonly outputShape: readonly number[];
  /** Products of two secrets, for one sample. */
  readonly multiplications: number;
  /** No input within the range can make a value larger than this. */
  readonly bound: number;
  /** The largest absolute value over the calibration inputs, or null without them. */
  readonly observed: number | null;
  /** Bits between the bound and what k allows; never negative. */
  readonly bitsLeft: number;
}

export interface CompilationResult extends CompiledModel {
  readonly inputRange: InputRange;
  readonly report: readonly StepReport[];
  /** Layers that are gone because another does their work, in the order in which they were folded. */
  readonly folded: readonly Folded[];
  /** Sum over the plan, for one sample. */
  readonly multiplications: number;
}

export const DEFAULT_FRACTIONAL_BITS = 16;
export const MOST_FRACTIONAL_BITS = 24;
const DEFAULT_INPUT_RANGE: InputRange = { min: 0, max: 1 };
const ACTIVATION_BITS = [16, 20, 24, 28, 32, 36, 40, 44, 48] as const;
const RING_BITS = 64;
const LEAST_OUTPUT_BITS = 40;

/**
 * @throws UnsupportedLayersError listing every layer that cannot be evaluated
 * @throws InvalidModelError naming the layer that does not fit
 * @throws ModelRangeError naming the first layer whose values can outgrow the fixed-point format
 * @throws RangeError when an option is out of range
 */
export function compile(graph: LayerGraph, options: CompileOptions = {}): CompilationResult {
  const fractionalBits = options.fractionalBits ?? DEFAULT_FRACTIONAL_BITS;
  const inputRange = options.inputRange ?? DEFAULT_INPUT_RANGE;
  checkOptions(fractionalBits, inputRange, options.activationBits);

  const live = liveNodes(graph);
  checkSupport(live);
  const normal = normalise(graph.input, graph.output, live);
  const { outputActivation } = normal;
  const { graph: operations, outputShape } = inferShapes(graph.inputShape, normal);
  if (outputActivation === 'softmax' && outputShape.length !== 1) {
    throw softmaxOverImage(live, outputShape);
  }
  const { graph: foldedGraph, folded } = fold(operations);
  const widestBits = ACTIVATION_BITS.findLast((bits) => fractionalBits + bits <= RING_BITS)!;
  const { steps, weightSpecs, weights, outputFractionalBits } = lower(
    foldedGraph,
    fractionalBits,
    widestBits,
  );
  const whole: Plan = {
    inputShape: graph.inputShape,
    outputShape,
    fractionalBits,
    outputBits: RING_BITS,
    outputFractionalBits,
    outputActivation,
    weights: weightSpecs,
    steps,
  };
  const { plan: widest, bounds } = bounded(whole, weights, inputRange, options.reveal ?? 'logits');
  const model: CompiledModel = { plan: narrow(widest, bounds, options.activationBits), weights };
  const limits = valueLimits(model.plan);
  const observed = options.calibration === undefined ? null : calibrate(model, options.calibration);
  const shapes = stepShapes(model.plan);
  const report = model.plan.steps.map((step, index) => ({
    name: step.name,
    op: step.op,
    outputShape:
      index === model.plan.steps.length - 1
        ? model.plan.outputShape
        : index >= steps.length - 1
          ? outputShape
          : shapes[index]!,
    multiplications: multiplications(step),
    bound: bounds.steps[index]!,
    observed: observed?.[index] ?? null,
    bitsLeft: Math.log2(limits.steps[index]! / Math.max(bounds.steps[index]!, 2 ** -fractionalBits)),
  }));
  return {
    ...model,
    inputRange,
    report,
    folded,
    multiplications: report.reduce((total, { multiplications }) => total + multiplications, 0),
  };
}

/** The plan with what is revealed as its end, and how large its values can become. */
function bounded(
  whole: Plan,
  weights: readonly Float64Array[],
  inputRange: InputRange,
  reveal: Reveal,
): { readonly plan: Plan; readonly bounds: Bounds } {
  const top = topOf(reveal);
  const check = (plan: Plan) => {
    validatePlan(plan);
    checkWeights(plan, weights);
    return { plan, bounds: boundValues({ plan, weights }, inputRange) };
  };
  if (top === 0) return check(whole);
  const widestBits = RING_BITS - whole.fractionalBits;
  const bits = ACTIVATION_BITS.findLast((each) => each <= widestBits)!;
  const exact = check(revealTop(whole, top, bits, false));
  const last = exact.plan.steps.at(-1)!;
  const limit = openingLimit(last, bits, whole.fractionalBits, unreducedValues(exact.plan));
  if (exact.bounds.steps.at(-2)! < limit) return exact;
  return check(revealTop(whole, top, bits, true));
}

function checkOptions(fractionalBits: number, range: InputRange, activationBits: number | undefined): void {
  if (!Number.isInteger(fractionalBits) || fractionalBits < 1 || fractionalBits > MOST_FRACTIONAL_BITS) {
    throw new RangeError(
      `fractionalBits must be a whole number from 1 to ${MOST_FRACTIONAL_BITS}, not ${fractionalBits}.`,
    );
  }
  if (!Number.isFinite(range.min) || !Number.isFinite(range.max) || range.min > range.max) {
    throw new RangeError(`The input range [${range.min}, ${range.max}] is not a range of finite numbers.`);
  }
  // Inputs are encoded as 32-bit integers.
  if (Math.max(Math.abs(range.min), Math.abs(range.max)) * 2 ** fractionalBits >= 2 ** 31) {
    throw new RangeError(
      `Inputs of [${range.min}, ${range.max}] do not fit 32 bits at 2^-${fractionalBits}.`,
    );
  }
  if (activationBits === undefined) return;
  if (!Number.isInteger(activationBits) || activationBits < 16 || activationBits > 48) {
    throw new RangeError(`activationBits must be a whole number from 16 to 48, not ${activationBits}.`);
  }
  if (fractionalBits + activationBits > RING_BITS) {
    throw new RangeError(`fractionalBits + activationBits must be at most ${RING_BITS}.`);
  }
}

/** The same plan with the smallest k for each step, and the whole bytes that the output needs. */
function narrow(widest: Plan, bounds: Bounds, forced: number | undefined): Plan {
  const { fractionalBits, outputFractionalBits } = widest;
  const candidates = forced === undefined ? ACTIVATION_BITS : [forced];
  const unreduced = unreducedValues(widest);
  const producers = new Map(widest.steps.map((step, index) => [step.output, index]));
  const steps = widest.steps.map((step, index): PlanStep => {
    if (!('activationBits' in step)) return step;
    const producer = producers.get(step.input);
    const bound = producer === undefined ? bounds.input : bounds.steps[producer]!;
    const limit = (bits: number): number => openingLimit(step, bits, fractionalBits, unreduced);
    const room = RING_BITS - Math.max(fractionalBits, shiftOf(step, widest, unreduced));
    const wanted = step.op === 'topClasses' ? ACTIVATION_BITS : candidates;
    const possible = wanted.filter((bits) => bits <= room);
    // A sum of pieces may be larger than what is compared for it. Classes are no values.
    const made = step.op === 'topClasses' ? 0 : bounds.steps[index]!;
    const activationBits = possible.find(
      (bits) => bound < limit(bits) && made < 2 ** (bits - 1 - fractionalBits),
    );
    if (activationBits !== undefined) return { ...step, activationBits };
    const name = producer === undefined ? 'input' : widest.steps[producer]!.name;
    const most = possible.at(-1) ?? ACTIVATION_BITS[0];
    throw new ModelRangeError(name, bound, limit(most), most, fractionalBits);
  });
  const largestOutput = bounds.steps.at(-1)!;
  const bytes = Math.ceil((Math.floor(Math.log2(largestOutput * 2 ** outputFractionalBits)) + 2) / 8);
  if (bytes * 8 > RING_BITS) {
    const limit = 2 ** (RING_BITS - 1 - outputFractionalBits);
    throw new ModelRangeError(
      widest.steps.at(-1)!.name,
      largestOutput,
      limit,
      RING_BITS,
      outputFractionalBits,
    );
  }
  return { ...widest, steps, outputBits: Math.max(LEAST_OUTPUT_BITS, bytes * 8) };
}

/** Weights become signed 64-bit words; a product with a value of k bits must make sense, so 62 bits at most. */
function checkWeights(plan: Plan, weights: readonly Float64Array[]): void {
  plan.weights.forEach(({ name, fractionalBits }, index) => {
    const limit = 2 ** (62 - fractionalBits);
    if (weights[index]!.some((value) => Math.abs(value) >= limit)) {
      throw new ModelRangeError(name, limit, limit, 62, fractionalBits);
    }
  });
}

function calibrate(
  model: CompiledModel,
  { inputs, count }: NonNullable<CompileOptions['calibration']>,
): readonly number[] {
  const largest = model.plan.steps.map(() => 0);
  evaluatePlan(model, inputs, count, (step, value) => {
    largest[step] = value.reduce((most, element) => Math.max(most, Math.abs(element)), largest[step]!);
  });
  return largest;
}

function multiplications(step: PlanStep): number {
  if (step.op !== 'conv2d' && step.op !== 'depthwiseConv2d') return 0;
  return multiplicationsOf(step.geometry, step.op === 'depthwiseConv2d');
}

/** Shape of each step's result for one sample, as far as the plan tells it. */
function stepShapes(plan: Plan): readonly (readonly number[])[] {
  const shapes: (readonly number[])[] = [plan.inputShape];
  for (const step of plan.steps) {
    const input = shapes[inputsOf(step)[0]!]!;
    if ('geometry' in step) {
      const g = step.geometry;
      shapes.push([g.outHeight, g.outWidth, 'channels' in g ? g.channels : g.outChannels]);
    } else if (step.op === 'concatenate') {
      const channels = step.channels.reduce((total, each) => total + each, 0);
      shapes.push([...input.slice(0, -1), channels]);
    } else if (step.op === 'topClasses') {
      shapes.push([step.top]);
    } else {
      shapes.push(input);
    }
  }
  return shapes.slice(1);
}

function softmaxOverImage(live: ReturnType<typeof liveNodes>, outputShape: readonly number[]): Error {
  const softmax = live.findLast(
    ({ node }) => 'activation' in node.layer && node.layer.activation === 'softmax',
  );
  if (softmax === undefined) return new InvalidModelError('The model has no softmax.');
  const { position, node } = softmax;
  const reason = `softmax over an output of shape [${outputShape.join(', ')}]; only one row of classes is supported`;
  return new UnsupportedLayersError([{ position, name: node.name, className: node.layer.type, reason }]);
}
