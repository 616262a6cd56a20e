/** Functional graphs and the layers that are no convolution: compiled, as floats, and on shares. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { predictCost } from '../../src/engine/cost.js';
import { ACTIVATION_ERRORS, activate, evaluatePieces, piecesOf } from '../../src/graph/activations.js';
import { compile } from '../../src/graph/compile.js';
import { UnsupportedLayersError } from '../../src/graph/errors.js';
import { evaluateGraph, evaluatePlan } from '../../src/graph/evaluate.js';
import type { Layer, LayerGraph } from '../../src/graph/layers.js';
import { fss } from '../../src/protocols/fss/index.js';
import { replicated } from '../../src/protocols/replicated/index.js';
import { securenn } from '../../src/protocols/securenn/index.js';
import { preparePrediction } from '../support/predict.js';
import { conv2d, dense, flatten, numbers, pooling, relu, sequential, tensor } from './builders.js';

type Nodes = readonly (readonly [name: string, inputs: readonly string[], layer: Layer])[];

function functional(inputShape: readonly number[], nodes: Nodes): LayerGraph {
  return {
    name: 'functional',
    input: 'input',
    inputShape,
    nodes: nodes.map(([name, inputs, layer]) => ({ name, inputs, layer })),
    output: nodes.at(-1)![0],
  };
}

const add: Layer = { type: 'Add' };
const concatenate: Layer = { type: 'Concatenate' };
const next = numbers(31);
const normalization = (channels: number): Layer => ({
  type: 'BatchNormalization',
  gamma: tensor([channels], next),
  movingMean: tensor([channels], next),
  movingVariance: { shape: [channels], values: Float64Array.from({ length: channels }, (_, i) => 1 + i / 2) },
  epsilon: 0.001,
});
const same = (kernel: readonly [number, number, number, number], options = {}): Layer =>
  conv2d(next, kernel, { padding: 'same', ...options });
const depthwise = (channels: number, multiplier: number, options = {}): Layer => ({
  type: 'DepthwiseConv2D',
  kernel: tensor([3, 3, channels, multiplier], next),
  bias: tensor([channels * multiplier], next),
  strides: [1, 1],
  padding: 'same',
  dilationRate: [1, 1],
  activation: 'linear',
  ...options,
});

/** Name, graph, and how far the plan may be from the layers, for activations that are approximated. */
const GRAPHS: readonly (readonly [string, LayerGraph, number])[] = [
  [
    'a residual block: the sum stays unreduced until its ReLU',
    functional(
      [6, 6, 2],
      [
        ['stem', ['input'], same([3, 3, 2, 4], { activation: 'relu' })],
        ['a', ['stem'], same([3, 3, 4, 4], { activation: 'relu' })],
        ['b', ['a'], same([3, 3, 4, 4])],
        ['b_bn', ['b'], normalization(4)],
        ['sum', ['stem', 'b_bn'], add],
        ['sum_relu', ['sum'], relu],
        ['flat', ['sum_relu'], flatten],
        ['out', ['flat'], dense(next, 144, 3, 'softmax')],
      ],
    ),
    0,
  ],
  [
    'branches of unlike kinds side by side',
    functional(
      [6, 5, 2],
      [
        ['one', ['input'], same([1, 1, 2, 3])],
        ['three', ['input'], same([3, 3, 2, 2])],
        ['pool', ['input'], { type: 'MaxPooling2D', poolSize: [3, 3], strides: [1, 1], padding: 'same' }],
        ['joined', ['one', 'three', 'pool'], concatenate],
        ['joined_relu', ['joined'], relu],
        ['mean', ['joined_relu'], { type: 'GlobalAveragePooling2D', keepDims: false }],
        ['out', ['mean'], dense(next, 7, 3)],
      ],
    ),
    0,
  ],
  [
    'one unreduced and one shared value side by side, and a sum of shared ones',
    functional(
      [5, 5, 1],
      [
        ['a', ['input'], same([3, 3, 1, 2], { activation: 'relu' })],
        ['b', ['a'], same([3, 3, 2, 2])],
        ['joined', ['a', 'b'], concatenate],
        ['c', ['joined'], same([1, 1, 4, 2], { activation: 'relu' })],
        ['sum', ['a', 'c'], add],
        ['max', ['sum'], { type: 'GlobalMaxPooling2D', keepDims: true }],
        ['flat', ['max'], flatten],
        ['out', ['flat'], dense(next, 2, 2)],
      ],
    ),
    0,
  ],
  [
    'a value that three layers read, itself among the summands',
    functional(
      [4],
      [
        ['a', ['input'], dense(next, 4, 4)],
        ['twice', ['a', 'a'], add],
        ['b', ['a'], dense(next, 4, 4, 'relu')],
        ['sum', ['twice', 'b', 'input'], add],
      ],
    ),
    0,
  ],
  [
    'the input is joined as it is',
    functional(
      [3],
      [
        ['out', ['input', 'input'], concatenate],
        ['sum', ['out'], dense(next, 6, 2)],
      ],
    ),
    0,
  ],
  [
    'depthwise and separable convolutions with ReLU6',
    sequential(
      [7, 7, 3],
      [
        depthwise(3, 1, { strides: [2, 2], activation: 'relu6' }),
        normalization(3),
        depthwise(3, 2, { padding: 'valid' }),
        {
          type: 'SeparableConv2D',
          depthwiseKernel: tensor([2, 2, 6, 1], next),
          pointwiseKernel: tensor([1, 1, 6, 4], next),
          bias: tensor([4], next),
          strides: [1, 1],
          padding: 'same',
          dilationRate: [1, 1],
          activation: 'relu6',
        },
        pooling('AveragePooling2D'),
        flatten,
      ],
    ),
    0,
  ],
  [
    'LeakyReLU of an unreduced and of a shared value',
    sequential(
      [5, 5, 2],
      [
        conv2d(next, [3, 3, 2, 3]),
        { type: 'LeakyReLU', slope: 0.3 },
        pooling('MaxPooling2D'),
        { type: 'LeakyReLU', slope: 0.01 },
        flatten,
        dense(next, 3, 3),
      ],
    ),
    0.0001,
  ],
  [
    'a negative slope, and one above one',
    sequential(
      [6],
      [
        dense(next, 6, 5),
        { type: 'LeakyReLU', slope: -0.5 },
        dense(next, 5, 5),
        { type: 'LeakyReLU', slope: 1.5 },
      ],
    ),
    0.0001,
  ],
  [
    'sigmoid and tanh between layers',
    sequential(
      [6],
      [
        dense(next, 6, 8),
        { type: 'Activation', activation: 'tanh' },
        dense(next, 8, 8),
        { type: 'Activation', activation: 'sigmoid' },
        dense(next, 8, 2),
      ],
    ),
    8 * ACTIVATION_ERRORS.sigmoid + 64 * ACTIVATION_ERRORS.tanh,
  ],
  [
    'explicit padding',
    sequential(
      [5, 6, 1],
      [
        conv2d(next, [3, 3, 1, 2], {
          padding: [
            [2, 0],
            [1, 2],
          ],
        }),
        {
          type: 'MaxPooling2D',
          poolSize: [3, 3],
          strides: [2, 2],
          padding: [
            [1, 1],
            [1, 0],
          ],
        },
      ],
    ),
    0,
  ],
  [
    'the input joins what was made of it, and pieces of many kinds follow',
    functional(
      [5, 4, 2],
      [
        ['stem', ['input'], same([3, 3, 2, 2], { activation: 'relu' })],
        ['sum', ['input', 'stem'], add],
        ['again', ['sum'], same([3, 3, 2, 3], { activation: 'relu' })],
        ['pool', ['again'], { type: 'MaxPooling2D', poolSize: [2, 2], strides: [2, 2], padding: 'same' }],
        ['flat', ['pool'], flatten],
        ['hidden', ['flat'], dense(next, 18, 5, 'sigmoid')],
        ['out', ['hidden'], dense(next, 5, 3, 'linear')],
      ],
    ),
    0.02,
  ],
  [
    'pooling and pieces of results alone',
    functional(
      [5, 4, 2],
      [
        ['stem', ['input'], same([3, 3, 2, 2], { activation: 'relu' })],
        ['pool', ['stem'], { type: 'MaxPooling2D', poolSize: [2, 2], strides: [2, 2], padding: 'same' }],
        ['mean', ['pool'], { type: 'AveragePooling2D', poolSize: [2, 2], strides: [1, 1], padding: 'valid' }],
        ['flat', ['mean'], flatten],
        ['hidden', ['flat'], dense(next, 4, 5, 'tanh')],
        ['out', ['hidden'], dense(next, 5, 3, 'linear')],
      ],
    ),
    0.02,
  ],
];

describe.each(GRAPHS)('%s', (_, graph, approximation) => {
  const size = graph.inputShape.reduce((a, b) => a * b, 1);
  const count = 2;
  const draw = numbers(5);
  const inputs = Float32Array.from({ length: size * count }, draw);
  const compiled = compile(graph, { inputRange: { min: -1, max: 1 } });
  const expected = evaluateGraph(graph, inputs, count);
  const worst = (values: Float64Array) =>
    Math.max(...values.map((value, i) => Math.abs(value - expected[i]!)));

  it('is the same plan in floats', () => {
    const values = evaluatePlan(compiled, inputs, count);
    expect(values).toHaveLength(expected.length);
    expect(worst(values)).toBeLessThanOrEqual(approximation + 1e-9);
  });

  it.each([
    ['replicated', replicated(), false],
    ['replicated, dealt ahead', replicated(1), true],
    ['fss', fss(), false],
    ['fss, dealt ahead', fss(2), true],
    ['securenn', securenn(), false],
  ] as const)('is within 0.002 of that on shares under %s', async (_name, protocol, ahead) => {
    const samples = ahead ? Math.min(count, protocol.maxPreparedBatch ?? count) : count;
    const { predict } = await preparePrediction(compiled, protocol, 'wasm', { ahead });
    const run = await predict(inputs.slice(0, size * samples), samples);
    expect(worst(run.logits)).toBeLessThan(approximation + 0.002);
    const predicted = predictCost(compiled.plan, protocol, samples, ahead);
    const dealt = ahead ? predicted.bytesDealt : [0, 0, 0];
    expect(run.bytesSent).toEqual(predicted.bytesSent.map((bytes, party) => bytes - dealt[party]!));
    expect(run.rounds).toBe(predicted.rounds);
  });

  it('stays within its bounds', () => {
    const largest = compiled.plan.steps.map(() => 0);
    evaluatePlan(compiled, inputs, count, (step, value) => {
      for (const x of value) largest[step] = Math.max(largest[step]!, Math.abs(x));
    });
    compiled.report.forEach(({ bound, bitsLeft }, step) => {
      expect(largest[step]).toBeLessThanOrEqual(bound);
      expect(bitsLeft).toBeGreaterThanOrEqual(0);
    });
  });
});

const operationsOf = (index: number) => compile(GRAPHS[index]![1]).plan.steps.map(({ op }) => op);

describe('what joins cost', () => {
  it('truncates a sum once, on the way through its ReLU', () => {
    expect(operationsOf(0)).toEqual([
      'conv2d',
      'rectify',
      'conv2d',
      'rectify',
      'conv2d',
      'add',
      'rectify',
      'conv2d',
    ]);
  });

  it('rectifies unreduced branches together', () => {
    expect(operationsOf(1)).toEqual([
      'conv2d',
      'conv2d',
      'maxPool2d',
      'concatenate',
      'rectify',
      'averagePool2d',
      'truncate',
      'conv2d',
    ]);
  });

  it('truncates what several layers read once', () => {
    expect(operationsOf(3).filter((op) => op === 'truncate')).toHaveLength(1);
  });
});

describe('activations', () => {
  it.each(['sigmoid', 'tanh'] as const)('%s errs no more than it says, everywhere', (kind) => {
    const pieces = piecesOf({ kind }, 16);
    let largest = 0;
    for (let x = -40; x <= 40; x += 1 / 512) {
      largest = Math.max(largest, Math.abs(evaluatePieces(pieces, 16, x) - activate({ kind }, x)));
    }
    expect(largest).toBeLessThan(ACTIVATION_ERRORS[kind]);
    // The stated bound is not a loose one.
    expect(largest).toBeGreaterThan(0.8 * ACTIVATION_ERRORS[kind]);
  });

  it('relu6 and leaky ReLU are exact, but for the rounding of the slope', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -100, max: 100, noNaN: true }),
        fc.double({ min: -2, max: 2, noNaN: true }),
        (x, slope) => {
          expect(evaluatePieces(piecesOf({ kind: 'relu6' }, 16), 16, x)).toBeCloseTo(
            activate({ kind: 'relu6' }, x),
            9,
          );
          const leaky = { kind: 'leakyRelu', slope } as const;
          expect(Math.abs(evaluatePieces(piecesOf(leaky, 16), 16, x) - activate(leaky, x))).toBeLessThan(
            0.001,
          );
        },
      ),
    );
  });

  it('leaves sigmoid and tanh at the end to the client', () => {
    for (const activation of ['sigmoid', 'tanh'] as const) {
      const { plan } = compile(sequential([3], [dense(next, 3, 2), { type: 'Activation', activation }]));
      expect(plan.outputActivation).toBe(activation);
      expect(plan.steps.map(({ op }) => op)).toEqual(['conv2d']);
    }
  });
});

describe('what is refused', () => {
  it('lists layers with too many inputs by name and position', () => {
    const graph = functional(
      [3],
      [
        ['a', ['input', 'input'], dense(next, 3, 3)],
        ['b', ['a', 'input'], relu],
      ],
    );
    expect(() => compile(graph)).toThrow(UnsupportedLayersError);
    expect(() => compile(graph)).toThrow(/layer 0 "a"[\s\S]*layer 1 "b"/);
  });

  it('names the layer whose inputs do not fit', () => {
    const sum = (other: Layer) =>
      functional(
        [4, 4, 1],
        [
          ['a', ['input'], same([3, 3, 1, 2])],
          ['b', ['input'], same([3, 3, 1, 3], { strides: [2, 2] })],
          ['join', ['a', 'b'], other],
        ],
      );
    expect(() => compile(sum(add))).toThrow(/"join": it adds \[4, 4, 2\] and \[2, 2, 3\]/);
    expect(() => compile(sum(concatenate))).toThrow(/"join": .* do not fit side by side/);
  });
});
