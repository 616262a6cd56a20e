import { describe, expect, it } from 'vitest';
import { compile } from '../../src/graph/compile.js';
import { InvalidModelError } from '../../src/graph/errors.js';
import type { Plan, PlanStep } from '../../src/graph/plan.js';
import { validatePlan } from '../../src/graph/validate.js';
import { conv2d, dense, flatten, numbers, pooling, relu, sequential } from './builders.js';

const next = numbers(11);
const { plan } = compile(
  sequential(
    [9, 9, 1],
    [
      {
        type: 'ZeroPadding2D',
        padding: [
          [4, 4],
          [4, 4],
        ],
      },
      conv2d(next, [3, 3, 1, 2], { strides: [2, 2] }),
      pooling('MaxPooling2D'),
      relu,
      pooling('AveragePooling2D', 2, 2, 'same'),
      flatten,
      dense(next, 8, 3, 'softmax'),
    ],
  ),
);

/** A deep, writable copy. */
function copy(): Record<string, unknown> & {
  steps: Record<string, unknown>[];
  weights: Record<string, unknown>[];
} {
  return structuredClone(plan) as never;
}

const indexOf = (op: PlanStep['op']) => plan.steps.findIndex((step) => step.op === op);

describe('steps that join and bend', () => {
  const joining = compile({
    name: 'joining',
    input: 'input',
    inputShape: [4],
    nodes: [
      { name: 'a', inputs: ['input'], layer: dense(next, 4, 4) },
      { name: 'b', inputs: ['input', 'a'], layer: { type: 'Concatenate' } },
      { name: 'c', inputs: ['b', 'b'], layer: { type: 'Add' } },
      { name: 'd', inputs: ['c'], layer: { type: 'LeakyReLU', slope: 0.25 } },
      {
        name: 'e',
        inputs: ['d'],
        layer: { type: 'Scale', scale: { shape: [8], values: new Float64Array(8).fill(2) } },
      },
    ],
    output: 'e',
  }).plan;
  const step = (op: PlanStep['op']) => joining.steps.findIndex((each) => each.op === op);
  const changed = (op: PlanStep['op'], change: object): Plan => {
    const steps = [...joining.steps];
    steps[step(op)] = { ...steps[step(op)]!, ...change } as PlanStep;
    return { ...joining, steps };
  };

  it('pass as the compiler makes them', () => {
    expect(joining.steps.map(({ op }) => op)).toEqual([
      'conv2d',
      'truncate',
      'concatenate',
      'add',
      'piecewiseLinear',
      'depthwiseConv2d',
    ]);
    validatePlan(joining);
  });

  const manyPieces = Array.from({ length: 65 }, () => ({ sign: 1, slope: 1, offset: 0 }));
  it.each<[string, PlanStep['op'], object, RegExp]>([
    ['a sum of nothing', 'add', { inputs: [] }, /joins 0 values/],
    ['a sum of too many values', 'add', { inputs: new Array(65).fill(3) }, /joins 65 values/],
    ['a sum of values of other sizes', 'add', { inputs: [3, 0] }, /adds values of 8 and 4/],
    ['a sum of a value to come', 'add', { inputs: [3, 5] }, /value 5, which no earlier step/],
    ['other channels', 'concatenate', { channels: [4, 3] }, /no 4, 3 channels/],
    ['channels too few', 'concatenate', { channels: [4] }, /channels side by side/],
    ['no channels', 'concatenate', { channels: [0, 8] }, /channels side by side/],
    ['no pieces', 'piecewiseLinear', { pieces: [] }, /pieces/],
    ['too many pieces', 'piecewiseLinear', { pieces: manyPieces }, /pieces/],
    ['a piece of no sign', 'piecewiseLinear', { pieces: [{ sign: 2, slope: 1, offset: 0 }] }, /pieces/],
    [
      'a slope of no whole number',
      'piecewiseLinear',
      { pieces: [{ sign: 1, slope: 0.5, offset: 0 }] },
      /pieces/,
    ],
    ['more bits than the ring has', 'piecewiseLinear', { activationBits: 49 }, /activationBits/],
  ])('%s', (_, op, change, message) => {
    expect(() => validatePlan(changed(op, change))).toThrow(message);
    expect(() => validatePlan(changed(op, change))).toThrow(InvalidModelError);
  });

  it('a depthwise layer that changes the number of channels', () => {
    const own = joining.steps[step('depthwiseConv2d')]!;
    const geometry = { ...('geometry' in own ? own.geometry : {}), outChannels: 4 };
    expect(() => validatePlan(changed('depthwiseConv2d', { geometry }))).toThrow(
      /reads 8 channels and gives 4/,
    );
  });
});

describe('validatePlan', () => {
  it('passes what the compiler makes, from JSON too', () => {
    expect(plan.steps.map(({ op }) => op)).toEqual([
      'pad2d',
      'conv2d',
      'rectify',
      'maxPool2d',
      'averagePool2d',
      'truncate',
      'conv2d',
    ]);
    validatePlan(plan);
    validatePlan(JSON.parse(JSON.stringify(plan)) as Plan);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['fractional bits', { fractionalBits: 25 }, /fractionalBits/],
    ['output bits', { outputBits: 65 }, /outputBits/],
    ['too few output bits', { outputBits: 39 }, /outputBits/],
    ['no steps', { steps: [] }, /1 to 512 steps/],
    ['an input of another size', { inputShape: [9, 8, 1] }, /it reads 81 elements, but value 0 has 72/],
    ['an input without extent', { inputShape: [] }, /is not a shape/],
    ['a huge input', { inputShape: [10_000, 10_000, 1] }, /more than 10000000/],
    ['an overflowing input', { inputShape: [1e6, 1e6, 1e6, 1e6] }, /more than/],
    ['an output of another size', { outputShape: [4] }, /output has 3 elements/],
    ['an output at another scale', { outputFractionalBits: 16 }, /must be 32/],
    ['a softmax over an image', { outputShape: [1, 3] }, /softmax/],
    ['a missing weight', { weights: plan.weights.slice(0, 3) }, /weight 3, which is not there/],
    ['a weight too many', { weights: [...plan.weights, plan.weights[0]] }, /Weight 4 is used 0 times/],
  ])('refuses %s', (_, change, message) => {
    const changed = { ...copy(), ...change } as unknown as Plan;
    expect(() => validatePlan(changed)).toThrow(InvalidModelError);
    expect(() => validatePlan(changed)).toThrow(message);
  });

  it.each<[string, PlanStep['op'], Record<string, unknown>, RegExp]>([
    ['a value from later', 'rectify', { input: 5 }, /reads value 5, which no earlier/],
    ['a negative value', 'rectify', { input: -1 }, /reads value -1/],
    ['a result in the wrong place', 'rectify', { output: 9 }, /must be value 3/],
    ['too many activation bits', 'rectify', { activationBits: 49 }, /activationBits/],
    ['too few activation bits', 'truncate', { activationBits: 8 }, /activationBits/],
    ['no activation bits', 'maxPool2d', { activationBits: 24.5 }, /activationBits/],
    [
      'a linear step on an unreduced value',
      'truncate',
      { op: 'rectify', input: 3 },
      /No step reads value 5|elements/,
    ],
    [
      'truncation of a shared value',
      'rectify',
      { op: 'truncate', input: 1 },
      /truncate cannot take an? shared/,
    ],
    ['an unknown operation', 'rectify', { op: 'reveal' }, /no known kind/],
    ['a kernel used twice', 'conv2d', { kernel: 2 }, /its kernel has the shape/],
    ['a bias used as another', 'conv2d', { bias: 3 }, /its bias has the shape/],
  ])('refuses %s', (_, op, change, message) => {
    const changed = copy();
    Object.assign(changed.steps[indexOf(op)]!, change);
    expect(() => validatePlan(changed as unknown as Plan)).toThrow(message);
  });

  it.each<[PlanStep['op'], Record<string, number>, RegExp]>([
    ['conv2d', { outHeight: 10 }, /10 windows of 3 with stride 2 and padding 0 do not fit 17 rows/],
    ['conv2d', { outWidth: 6 }, /do not fit 17 columns/],
    ['conv2d', { padTop: 3 }, /do not fit 17 rows/],
    ['conv2d', { padLeft: -1 }, /padLeft of -1 is out of range/],
    ['conv2d', { strideHeight: 0 }, /strideHeight of 0/],
    ['conv2d', { outChannels: 3 }, /its kernel has the shape \[3, 3, 1, 2\]/],
    ['conv2d', { kernelHeight: 2, strideHeight: 2 }, /its kernel has the shape/],
    ['conv2d', { inHeight: 1.5 }, /inHeight of 1.5/],
    ['conv2d', { outHeight: 1_000_000, inHeight: 1_000_000 }, /do not fit/],
    ['maxPool2d', { channels: 3 }, /reads 192 elements, but value 3 has 128/],
    ['maxPool2d', { poolHeight: 1_000_000, poolWidth: 1_000_000 }, /operations for one sample, too many/],
    ['pad2d', { padTop: 9 }, /does not hold the image/],
    ['pad2d', { outHeight: 1_000_000, outWidth: 1_000_000 }, /more than 10000000/],
  ])('refuses %s with the geometry %j', (op, change, message) => {
    const changed = copy();
    Object.assign(changed.steps[indexOf(op)]!.geometry as object, change);
    expect(() => validatePlan(changed as unknown as Plan)).toThrow(InvalidModelError);
    expect(() => validatePlan(changed as unknown as Plan)).toThrow(message);
  });

  it('refuses a weight at another scale', () => {
    const changed = copy();
    changed.weights[1]!.fractionalBits = 16;
    expect(() => validatePlan(changed as unknown as Plan)).toThrow(/16 fractional bits, expected 32/);
  });

  it('refuses a linear step on an unreduced value', () => {
    const changed = copy();
    changed.steps.at(-1)!.input = 5;
    expect(() => validatePlan(changed as unknown as Plan)).toThrow(/conv2d cannot take an unreduced value/);
  });

  it('refuses values that nobody reads', () => {
    const changed = copy();
    changed.steps.push({ op: 'rectify', name: 'side', activationBits: 24, input: 2, output: 8 });
    expect(() => validatePlan(changed as unknown as Plan)).toThrow(/No step reads value 7/);
  });

  it('refuses work without end', () => {
    const geometry = {
      inHeight: 1099,
      inWidth: 1099,
      inChannels: 1,
      outHeight: 1000,
      outWidth: 1000,
      outChannels: 10,
      kernelHeight: 100,
      kernelWidth: 100,
      strideHeight: 1,
      strideWidth: 1,
      dilationHeight: 1,
      dilationWidth: 1,
      padTop: 0,
      padLeft: 0,
    };
    const wide = (change: Partial<typeof geometry>): Plan => {
      const g = { ...geometry, ...change };
      return {
        ...plan,
        inputShape: [g.inHeight, g.inWidth, 1],
        outputShape: [g.outHeight, g.outWidth, 10],
        outputActivation: 'linear',
        weights: [{ name: 'w', shape: [g.kernelHeight, 100, 1, 10], fractionalBits: 16 }],
        steps: [{ op: 'conv2d', name: 'wide', input: 0, output: 1, kernel: 0, bias: null, geometry: g }],
      };
    };
    expect(() => validatePlan(wide({}))).toThrow(/100000000000 operations/);
    validatePlan(wide({ kernelHeight: 1, inHeight: 1000 }));
  });
});
