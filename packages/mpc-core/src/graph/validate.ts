/**
 * What a worker checks about a plan that comes from outside, before it spends memory or time on it. A plan that
 * passes can be run without a look at any extent again: values exist when they are read, shapes fit each other,
 * each operation gets the sharing it takes, and no tensor, weight or product outgrows its limit.
 */

import { shiftOf, unreducedValues } from './bits.js';
import { InvalidModelError } from './errors.js';
import { multiplicationsOf, paddingAfter, windowExtent } from './operations.js';
import {
  type Conv2DGeometry,
  type Conv2DStep,
  type DepthwiseConv2DStep,
  inputsOf,
  type Piece,
  type Plan,
  type PlanStep,
  type PoolGeometry,
  sizeOf,
  type TopClassesStep,
} from './plan.js';
import { comparisonsOf, MAX_CLASSES, MAX_TOP, topClassesOf } from './reveal.js';

/** The same for every model; all well below 2^31, so that products of two of them are exact in a double. */
export const PLAN_LIMITS = {
  maxSteps: 512,
  maxWeights: 1024,
  /** Elements of one value for one sample. */
  maxTensorElements: 10_000_000,
  /** Elements of all weights together. */
  maxWeightElements: 50_000_000,
  /** Multiplications of linear steps and cells of pooling windows, for one sample. */
  maxOperations: 2 ** 36,
  /** Values that one step joins. */
  maxJoined: 64,
  /** Pieces of a piecewise linear function. */
  maxPieces: 64,
} as const;

/** Slopes and offsets are below it: products with activations then fit the ring. */
const PIECE_LIMIT = 2 ** 31;

type Sharing = 'shared' | 'unreduced';

interface Value {
  readonly size: number;
  readonly sharing: Sharing;
}

/** What each operation takes and gives. */
const SHARINGS: Record<PlanStep['op'], { readonly takes: readonly Sharing[]; readonly gives: Sharing }> = {
  conv2d: { takes: ['shared'], gives: 'unreduced' },
  depthwiseConv2d: { takes: ['shared'], gives: 'unreduced' },
  piecewiseLinear: { takes: ['shared', 'unreduced'], gives: 'shared' },
  // Of values that are all shared; with an unreduced one among them, they give an unreduced one.
  add: { takes: ['shared', 'unreduced'], gives: 'shared' },
  concatenate: { takes: ['shared', 'unreduced'], gives: 'shared' },
  averagePool2d: { takes: ['shared'], gives: 'unreduced' },
  truncate: { takes: ['unreduced'], gives: 'shared' },
  rectify: { takes: ['shared', 'unreduced'], gives: 'shared' },
  maxPool2d: { takes: ['shared'], gives: 'shared' },
  pad2d: { takes: ['shared'], gives: 'shared' },
  topClasses: { takes: ['shared', 'unreduced'], gives: 'shared' },
};

/** @throws InvalidModelError saying which step, and what about it, is wrong */
export function validatePlan(plan: Plan): void {
  checkHead(plan);
  const values: Value[] = [{ size: elements('The input', plan.inputShape), sharing: 'shared' }];
  const uses = [0];
  const weightUses = plan.weights.map(() => 0);
  const unreduced = unreducedValues(plan);
  let operations = 0;
  plan.steps.forEach((step, index) => {
    const fail = (problem: string) => new InvalidModelError(`Step ${index} "${step.name}": ${problem}.`);
    const inputs = inputsOf(step).map((value) => {
      const input = values[value];
      if (input === undefined) throw fail(`it reads value ${value}, which no earlier step computes`);
      return input;
    });
    if (inputs.length === 0 || inputs.length > PLAN_LIMITS.maxJoined) {
      throw fail(`it joins ${inputs.length} values`);
    }
    if (step.output !== values.length) throw fail(`its result must be value ${values.length}`);
    const sharing = SHARINGS[step.op];
    if (sharing === undefined) throw fail('it is of no known kind');
    const wrong = inputs.find((input) => !sharing.takes.includes(input.sharing));
    if (wrong !== undefined) throw fail(`${step.op} cannot take an ${wrong.sharing} value`);
    if ('activationBits' in step) {
      const shift = Math.max(plan.fractionalBits, shiftOf(step, plan, unreduced));
      if (!isWhole(step.activationBits, 16, Math.min(48, 64 - shift))) {
        throw fail(`its activationBits are out of range`);
      }
    }
    const sizes = inputs.map((input) => input.size);
    const outputSize = 'inputs' in step ? joinedSize(step, sizes, fail) : singleSize(step, sizes[0]!, fail);
    if (step.op === 'piecewiseLinear') {
      checkPieces(step.pieces, fail);
      operations += outputSize * step.pieces.length;
    }
    if (step.op === 'conv2d' || step.op === 'depthwiseConv2d') {
      checkWeights(step, plan, weightUses, fail);
      operations += multiplicationsOf(step.geometry, step.op === 'depthwiseConv2d');
    } else if (step.op === 'averagePool2d' || step.op === 'maxPool2d') {
      operations += outputSize * step.geometry.poolHeight * step.geometry.poolWidth;
    }
    if (step.op === 'topClasses') {
      if (index !== plan.steps.length - 1) throw fail('classes are what a plan ends in');
      operations += comparisonsOf(step);
    }
    for (const input of inputsOf(step)) uses[input]!++;
    uses.push(0);
    values.push({ size: outputSize, sharing: unreduced.has(step.output) ? 'unreduced' : sharing.gives });
  });
  if (operations > PLAN_LIMITS.maxOperations) {
    throw new InvalidModelError(`The plan takes ${operations} operations for one sample, too many.`);
  }
  checkTail(plan, values, uses, weightUses);
}

function checkHead(plan: Plan): void {
  const { fractionalBits: f, outputBits } = plan;
  if (!isWhole(f, 1, 24)) throw new InvalidModelError(`fractionalBits must be 1 to 24, not ${f}.`);
  if (!isWhole(outputBits, 40, 64))
    throw new InvalidModelError(`outputBits must be 40 to 64, not ${outputBits}.`);
  if (plan.steps.length === 0 || plan.steps.length > PLAN_LIMITS.maxSteps) {
    throw new InvalidModelError(`A plan has 1 to ${PLAN_LIMITS.maxSteps} steps, not ${plan.steps.length}.`);
  }
  if (plan.weights.length > PLAN_LIMITS.maxWeights) {
    throw new InvalidModelError(`A plan has at most ${PLAN_LIMITS.maxWeights} weights.`);
  }
  let total = 0;
  for (const { name, shape } of plan.weights)
    total += elements(`Weight "${name}"`, shape, PLAN_LIMITS.maxWeightElements);
  if (total > PLAN_LIMITS.maxWeightElements) {
    throw new InvalidModelError(`All weights together have ${total} elements, too many.`);
  }
}

function checkTail(
  plan: Plan,
  values: readonly Value[],
  uses: readonly number[],
  weightUses: readonly number[],
): void {
  const unused = uses.findIndex((count, value) => count === 0 && value !== values.length - 1);
  if (unused !== -1) throw new InvalidModelError(`No step reads value ${unused}.`);
  const unusedWeight = weightUses.findIndex((count) => count !== 1);
  if (unusedWeight !== -1) {
    throw new InvalidModelError(
      `Weight ${unusedWeight} is used ${weightUses[unusedWeight]} times, not once.`,
    );
  }
  const output = values.at(-1)!;
  if (output.size !== elements('The output', plan.outputShape)) {
    throw new InvalidModelError(
      `The output has ${output.size} elements, its shape is [${plan.outputShape.join(', ')}].`,
    );
  }
  const scales = topClassesOf(plan) !== null ? 0 : output.sharing === 'unreduced' ? 2 : 1;
  const bits = scales * plan.fractionalBits;
  if (plan.outputFractionalBits !== bits) {
    throw new InvalidModelError(`outputFractionalBits must be ${bits}, not ${plan.outputFractionalBits}.`);
  }
  if (scales === 0 && plan.outputActivation !== 'linear') {
    throw new InvalidModelError(`Class indices take no ${plan.outputActivation}.`);
  }
  if (plan.outputActivation === 'softmax' && plan.outputShape.length !== 1) {
    throw new InvalidModelError('A softmax needs an output of one row of classes.');
  }
}

type Fail = (problem: string) => InvalidModelError;

type SingleStep = Exclude<PlanStep, { readonly inputs: readonly number[] }>;

function singleSize(step: SingleStep, size: number, fail: Fail): number {
  const { inputSize, outputSize } = checkGeometry(step, size, fail);
  if (inputSize !== size) {
    throw fail(`it reads ${inputSize} elements, but value ${step.input} has ${size}`);
  }
  return outputSize;
}

/** Of a step that joins values. */
function joinedSize(step: Exclude<PlanStep, SingleStep>, sizes: readonly number[], fail: Fail): number {
  if (step.op === 'add') {
    if (sizes.some((size) => size !== sizes[0]))
      throw fail(`it adds values of ${sizes.join(' and ')} elements`);
    return sizes[0]!;
  }
  const { channels } = step;
  const fits = channels.length === sizes.length && channels.every((each) => isWhole(each, 1, 1_000_000));
  const positions = sizes.map((size, index) => size / channels[index]!);
  if (!fits || !Number.isInteger(positions[0]) || positions.some((each) => each !== positions[0])) {
    throw fail(`values of ${sizes.join(', ')} elements have no ${channels.join(', ')} channels side by side`);
  }
  return elements(`Step "${step.name}"`, [positions[0]!, channels.reduce((total, each) => total + each, 0)]);
}

function checkPieces(pieces: readonly Piece[], fail: Fail): void {
  const valid = ({ sign, slope, offset }: Piece) =>
    (sign === 1 || sign === -1) &&
    isWhole(slope, -PIECE_LIMIT, PIECE_LIMIT) &&
    isWhole(offset, -PIECE_LIMIT, PIECE_LIMIT);
  const rises = pieces.some(({ sign }) => sign === 1);
  if (!rises || pieces.length > PLAN_LIMITS.maxPieces || !pieces.every(valid)) {
    throw fail('its pieces are out of range');
  }
}

function checkGeometry(
  step: SingleStep,
  size: number,
  fail: Fail,
): { readonly inputSize: number; readonly outputSize: number } {
  if (step.op === 'truncate' || step.op === 'rectify' || step.op === 'piecewiseLinear') {
    return { inputSize: size, outputSize: size };
  }
  if (step.op === 'topClasses') return checkTopClasses(step, size, fail);
  const g = step.geometry;
  for (const [name, extent] of Object.entries(g)) {
    const minimum = name.startsWith('pad') ? 0 : 1;
    if (!isWhole(extent, minimum, 1_000_000)) throw fail(`its ${name} of ${extent} is out of range`);
  }
  const [inChannels, outChannels] =
    'channels' in g ? [g.channels, g.channels] : [g.inChannels, g.outChannels];
  if (step.op === 'depthwiseConv2d' && inChannels !== outChannels) {
    throw fail(`it reads ${inChannels} channels and gives ${outChannels}`);
  }
  if (step.op === 'conv2d' || step.op === 'depthwiseConv2d') checkConvolutionWindows(step.geometry, fail);
  else if (step.op === 'pad2d') {
    if (g.padTop + g.inHeight > g.outHeight || g.padLeft + g.inWidth > g.outWidth) {
      throw fail('the padded image does not hold the image');
    }
  } else checkPoolWindows(step.geometry, fail);
  return {
    inputSize: g.inHeight * g.inWidth * inChannels,
    outputSize: elements(`Step "${step.name}"`, [g.outHeight, g.outWidth, outChannels]),
  };
}

function checkTopClasses(
  { classes, top }: TopClassesStep,
  size: number,
  fail: Fail,
): { readonly inputSize: number; readonly outputSize: number } {
  if (!isWhole(classes, 2, MAX_CLASSES)) throw fail(`it tells ${classes} classes apart`);
  if (!isWhole(top, 1, Math.min(classes, MAX_TOP))) throw fail(`it tells ${top} of ${classes} classes`);
  return { inputSize: size === 1 && classes === 2 ? 1 : classes, outputSize: top };
}

function checkConvolutionWindows(g: Conv2DGeometry, fail: Fail): void {
  const height = windowExtent(g.kernelHeight, g.dilationHeight);
  const width = windowExtent(g.kernelWidth, g.dilationWidth);
  checkWindows('rows', g.inHeight, g.outHeight, height, g.strideHeight, g.padTop, fail);
  checkWindows('columns', g.inWidth, g.outWidth, width, g.strideWidth, g.padLeft, fail);
}

function checkPoolWindows(g: PoolGeometry, fail: Fail): void {
  checkWindows('rows', g.inHeight, g.outHeight, g.poolHeight, g.strideHeight, g.padTop, fail);
  checkWindows('columns', g.inWidth, g.outWidth, g.poolWidth, g.strideWidth, g.padLeft, fail);
}

/** No window lies wholly in the padding, and no window that would fit is missing. */
function checkWindows(
  axis: string,
  input: number,
  output: number,
  window: number,
  stride: number,
  before: number,
  fail: Fail,
): void {
  const after = paddingAfter(input, output, window, stride, before);
  if (before >= window || after >= window || after <= -stride) {
    throw fail(
      `${output} windows of ${window} with stride ${stride} and padding ${before} do not fit ${input} ${axis}`,
    );
  }
}

function checkWeights(step: Conv2DStep | DepthwiseConv2DStep, plan: Plan, uses: number[], fail: Fail): void {
  const g = step.geometry;
  const expect = (what: string, index: number, shape: readonly number[], fractionalBits: number) => {
    const spec = plan.weights[index];
    if (spec === undefined) throw fail(`its ${what} is weight ${index}, which is not there`);
    if (spec.shape.length !== shape.length || !spec.shape.every((extent, axis) => extent === shape[axis])) {
      throw fail(`its ${what} has the shape [${spec.shape.join(', ')}], expected [${shape.join(', ')}]`);
    }
    if (spec.fractionalBits !== fractionalBits) {
      throw fail(`its ${what} has ${spec.fractionalBits} fractional bits, expected ${fractionalBits}`);
    }
    uses[index]!++;
  };
  const kernelShape = [
    g.kernelHeight,
    g.kernelWidth,
    g.inChannels,
    step.op === 'depthwiseConv2d' ? 1 : g.outChannels,
  ];
  expect('kernel', step.kernel, kernelShape, plan.fractionalBits);
  if (step.bias !== null) expect('bias', step.bias, [g.outChannels], 2 * plan.fractionalBits);
}

/** The number of elements of a shape from outside, within the limit. */
function elements(
  what: string,
  shape: readonly number[],
  limit: number = PLAN_LIMITS.maxTensorElements,
): number {
  if (shape.length === 0 || shape.length > 4 || !shape.every((extent) => isWhole(extent, 1, 1_000_000))) {
    throw new InvalidModelError(`${what}: [${shape.join(', ')}] is not a shape.`);
  }
  const size = sizeOf(shape);
  if (size > limit) {
    throw new InvalidModelError(`${what} has ${size} elements, more than ${limit}.`);
  }
  return size;
}

function isWhole(value: number, minimum: number, maximum: number): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum;
}
