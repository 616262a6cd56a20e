/**
 * Range analysis: how large can every value of a plan become?
 *
 * A guaranteed bound, by interval arithmetic over the actual weights: whatever the input within its range, each
 * element lies in its interval. The intervals hold for the fixed-point evaluation, not for ideal numbers: weights,
 * biases and reciprocals are rounded as they will be shared, inputs may be off by a unit in the last place, and
 * each truncation by one more. So a plan that passes can never overflow.
 */
import { evaluatePieces } from './activations.js';
import { unreducedValues } from './bits.js';
import {
  averagePool,
  convolve,
  convolveDepthwise,
  interleave,
  maxPool,
  padImage,
  rectify,
  sum,
} from './float-kernels.js';
import { type CompiledModel, inputsOf, type Plan, type PlanStep, sizeOf } from './plan.js';
import { PAIRWISE_CLASSES } from './reveal.js';

/** Values outside were never promised: the client refuses inputs beyond it. */
export interface InputRange {
  readonly min: number;
  readonly max: number;
}

/** Covers the rounding of the Float64 arithmetic of the analysis itself. */
const RELATIVE_SLACK = 2 ** -40;

interface Interval {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

export interface Bounds {
  /** Bound on the absolute value of every input, as encoded. */
  readonly input: number;
  /** For each step of the plan, a bound on the absolute value of every element of its result. */
  readonly steps: readonly number[];
}

/** Bounds every value of the plan, given that every input lies in `range`. */
export function boundValues(model: CompiledModel, range: InputRange): Bounds {
  const { plan, weights } = model;
  const unit = 2 ** -plan.fractionalBits;
  const rounded = weights.map((values, index) => {
    const scale = 2 ** plan.weights[index]!.fractionalBits;
    return values.map((value) => Math.round(value * scale) / scale);
  });
  const size = sizeOf(plan.inputShape);
  const values: Interval[] = [
    widen(
      { low: new Float64Array(size).fill(range.min), high: new Float64Array(size).fill(range.max) },
      unit,
    ),
  ];
  const unreduced = unreducedValues(plan);
  const steps = plan.steps.map((step) => {
    const inputs = inputsOf(step).map((input) => values[input]!);
    const result = stepInterval(step, inputs, rounded, plan.fractionalBits, unreduced);
    values[step.output] = result;
    return magnitude(result);
  });
  return { input: magnitude(values[0]!), steps };
}

/** Inputs are encoded as 32-bit integers. */
const INPUT_BITS = 32;
const RING_BITS = 64;

/**
 * What a step that opens values takes: |t| < 2^(k-1) to compare, |t| < 2^(k-2) to truncate or to pool, less the unit
 * that truncation may add.
 */
export function openingLimit(
  step: PlanStep,
  activationBits: number,
  fractionalBits: number,
  unreduced: ReadonlySet<number>,
): number {
  if (step.op === 'topClasses') {
    // A difference of two of them, less a unit; and, in a further tournament, less what takes the last winner out.
    const doubled = step.top > 1 && step.classes > PAIRWISE_CLASSES ? 2 : 1;
    const scale = unreduced.has(step.input) ? 2 * fractionalBits : fractionalBits;
    return (2 ** (activationBits - 1 - doubled) - 1) * 2 ** -scale;
  }
  const compares = step.op === 'rectify' || step.op === 'piecewiseLinear';
  const limit = (2 ** (activationBits - (compares ? 1 : 2)) - 1) * 2 ** -fractionalBits;
  if (step.op !== 'piecewiseLinear') return limit;
  // |slope x + offset| is what is compared.
  const unit = 2 ** -fractionalBits;
  const limits = step.pieces.map(({ slope, offset }) => {
    const rest = limit - Math.abs(offset * unit);
    return slope === 0 ? (rest > 0 ? Number.POSITIVE_INFINITY : 0) : rest / Math.abs(slope * unit);
  });
  return Math.max(0, Math.min(...limits));
}

/**
 * What every value must stay below, in magnitude, by the steps that read it, or by the client. A value that only linear
 * steps read wraps harmlessly; its limit is that of how it was made.
 */
export function valueLimits(plan: Plan): Bounds {
  const { fractionalBits: f } = plan;
  const unreduced = unreducedValues(plan);
  const made: number[] = [2 ** (INPUT_BITS - 1 - f)];
  for (const step of plan.steps) {
    const scale = unreduced.has(step.output) ? 2 * f : f;
    made[step.output] =
      'activationBits' in step ? 2 ** (step.activationBits - 1 - f) : 2 ** (RING_BITS - 1 - scale);
  }
  const limitOf = (value: number): number => {
    const readers = plan.steps.filter((step) => inputsOf(step).includes(value));
    if (readers.length === 0) return 2 ** (plan.outputBits - 1 - plan.outputFractionalBits);
    const limits = readers.map((step) =>
      'activationBits' in step ? openingLimit(step, step.activationBits, f, unreduced) : made[value]!,
    );
    return Math.min(...limits);
  };
  return { input: limitOf(0), steps: plan.steps.map((step) => limitOf(step.output)) };
}

function stepInterval(
  step: PlanStep,
  inputs: readonly Interval[],
  weights: readonly Float64Array[],
  fractionalBits: number,
  unreduced: ReadonlySet<number>,
): Interval {
  const unit = 2 ** -fractionalBits;
  const input = inputs[0]!;
  switch (step.op) {
    case 'conv2d':
    case 'depthwiseConv2d': {
      const kernel = weights[step.kernel]!;
      const bias = step.bias === null ? null : weights[step.bias]!;
      const positive = kernel.map((weight) => Math.max(0, weight));
      const negative = kernel.map((weight) => Math.min(0, weight));
      const part = (own: Float64Array, b: Float64Array | null, x: Float64Array) =>
        (step.op === 'conv2d' ? convolve : convolveDepthwise)(step.geometry, own, b, x);
      return {
        low: sum([part(positive, bias, input.low), part(negative, null, input.high)]),
        high: sum([part(positive, bias, input.high), part(negative, null, input.low)]),
      };
    }
    case 'averagePool2d':
      return both(input, (x) => averagePool(step.geometry, x, (n) => Math.round(1 / n / unit) * unit));
    case 'maxPool2d':
      return both(input, (x) => maxPool(step.geometry, x));
    case 'pad2d':
      return both(input, (x) => padImage(step.geometry, x));
    case 'truncate':
      return widen(input, unit);
    case 'rectify': {
      return both(unreduced.has(step.input) ? widen(input, unit) : input, rectify);
    }
    case 'piecewiseLinear': {
      const evaluate = (x: number) => evaluatePieces(step.pieces, fractionalBits, x);
      const knots = step.pieces
        .filter(({ slope }) => slope !== 0)
        .map(({ slope, offset }) => -offset / slope);
      const extreme = (pick: (...values: number[]) => number) =>
        input.low.map((low, index) => {
          const high = input.high[index]!;
          const inside = knots.filter((knot) => knot > low && knot < high);
          return pick(...[low, high, ...inside].map(evaluate));
        });
      // Each piece is truncated by itself.
      return widen({ low: extreme(Math.min), high: extreme(Math.max) }, unit * step.pieces.length);
    }
    case 'topClasses':
      return { low: new Float64Array(step.top), high: new Float64Array(step.top).fill(step.classes - 1) };
    case 'add':
      return all(inputs, sum);
    case 'concatenate':
      return all(inputs, (values) => interleave(values, step.channels));
  }
}

/** For operations that are monotone in every input. */
function both(input: Interval, operation: (values: Float64Array) => Float64Array): Interval {
  return { low: operation(input.low), high: operation(input.high) };
}

/** The same for operations of several values. */
function all(
  inputs: readonly Interval[],
  operation: (values: readonly Float64Array[]) => Float64Array,
): Interval {
  return {
    low: operation(inputs.map(({ low }) => low)),
    high: operation(inputs.map(({ high }) => high)),
  };
}

function widen({ low, high }: Interval, by: number): Interval {
  return { low: low.map((value) => value - by), high: high.map((value) => value + by) };
}

function magnitude({ low, high }: Interval): number {
  let largest = 0;
  for (const value of low) largest = Math.max(largest, Math.abs(value));
  for (const value of high) largest = Math.max(largest, Math.abs(value));
  return largest * (1 + RELATIVE_SLACK);
}
