/**
 * Plans that tell classes only, under every protocol and `plaintext`: the classes are those of the values that the same plan
 * without that step gives, ties go to the lower index, and what it costs is what is declared.
 */
import { describe, expect, it } from 'vitest';
import { predictCost } from '../src/engine/cost.js';
import { compile } from '../src/graph/compile.js';
import { InvalidModelError, ModelRangeError } from '../src/graph/errors.js';
import { evaluatePlan } from '../src/graph/evaluate.js';
import type { LayerGraph } from '../src/graph/layers.js';
import { parseReveal, type Reveal, revealOf } from '../src/graph/reveal.js';
import { validatePlan } from '../src/graph/validate.js';
import { fss } from '../src/protocols/fss/index.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { securenn } from '../src/protocols/securenn/index.js';
import { dense, numbers, relu, sequential } from './graph/builders.js';
import { predictInTheClear } from './support/plaintext.js';
import { preparePrediction } from './support/predict.js';

const UNIT = 2 ** -16;
const RANGE = { min: -100, max: 100 };

/** Gives its inputs: the values that are compared are the test's to choose. */
function identity(n: number): LayerGraph {
  const values = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  return sequential(
    [n],
    [
      {
        type: 'Dense',
        kernel: { shape: [n, n], values },
        bias: { shape: [n], values: new Float64Array(n) },
        activation: 'linear',
      },
    ],
  );
}

/** Rows of values: the same everywhere, steps of one unit, both ends of the range, ties of the first, few different ones. */
function rowsOf(n: number): number[][] {
  const next = numbers(n);
  const row = (value: (i: number) => number) => Array.from({ length: n }, (_, i) => value(i));
  return [
    row(() => 0),
    row(() => -100),
    row((i) => i * UNIT),
    row((i) => -i * UNIT),
    row((i) => (i % 2 === 0 ? -100 : 100)),
    row((i) => (i % 2 === 0 ? 100 : -100)),
    row((i) => (i >= n - 2 ? 3 : 3 - UNIT)),
    row(() => Math.round(3 * next())),
    ...[1, 2, 3, 4].map(() => row(() => Math.round(100 * next() * 2 ** 16) * UNIT)),
  ];
}

function largest(row: readonly number[], top: number): number[] {
  const scores = row.length === 1 ? [0, ...row] : row;
  return scores
    .map((_, index) => index)
    .sort((left, right) => scores[right]! - scores[left]! || left - right)
    .slice(0, top);
}

const protocols = [
  ['replicated', replicated(), false],
  ['replicated, dealt ahead', replicated(1), true],
  ['fss', fss(2), false],
  ['fss, dealt ahead', fss(1), true],
  ['securenn', securenn(1), false],
] as const;

const shapes: readonly (readonly [number, Reveal])[] = [
  [1, 'label'],
  [2, 'label'],
  [2, 'top-2'],
  [3, 'label'],
  [10, 'label'],
  [10, 'top-3'],
  [5, 'top-5'],
  [33, 'label'],
  [35, 'top-2'],
];

describe.each(protocols)('%s', (_, protocol, ahead) => {
  it.each(shapes)(
    'tells of %i values the %s',
    async (n, reveal) => {
      const model = compile(identity(n), { inputRange: RANGE, reveal });
      const top = model.plan.outputShape[0]!;
      const rows = ahead ? rowsOf(n).slice(6, 8) : rowsOf(n);
      const { predict } = await preparePrediction(model, protocol, 'wasm', { ahead });
      const expected = rows.flatMap((row) => largest(row, top));
      const found: number[] = [];
      const batch = ahead ? Math.min(rows.length, protocol.maxPreparedBatch ?? rows.length) : rows.length;
      for (let at = 0; at < rows.length; at += batch) {
        const run = await predict(Float32Array.from(rows.slice(at, at + batch).flat()), batch);
        found.push(...run.logits);
        const predicted = predictCost(model.plan, protocol, batch, ahead);
        expect(run.rounds).toBe(predicted.rounds);
        run.results.forEach(({ statistics }, party) => {
          expect(statistics.bytesSent).toBe(predicted.bytesSent[party]);
          expect(statistics.bytesDealt).toBe(predicted.bytesDealt[party]);
        });
      }
      expect(found).toEqual(expected);
    },
    60_000,
  );
});

describe('plaintext and the float evaluator', () => {
  it.each(shapes)('tell of %i values the same %s', async (n, reveal) => {
    const model = compile(identity(n), { inputRange: RANGE, reveal });
    const rows = rowsOf(n);
    const expected = rows.flatMap((row) => largest(row, model.plan.outputShape[0]!));
    const inputs = Float32Array.from(rows.flat());
    expect([...(await predictInTheClear(model, inputs, rows.length))]).toEqual(expected);
    expect([...evaluatePlan(model, inputs, rows.length)]).toEqual(expected);
  });
});

describe('a plan that tells classes', () => {
  const next = numbers(5);
  const network = sequential([12], [dense(next, 12, 9, 'relu'), dense(next, 9, 6, 'softmax')]);

  it('has one step more than the one that tells values, and the same weights', () => {
    const values = compile(network);
    const label = compile(network, { reveal: 'label' });
    expect(label.plan.steps.slice(0, -1)).toEqual(values.plan.steps);
    expect(label.plan.weights).toEqual(values.plan.weights);
    expect(label.plan).toMatchObject({
      outputShape: [1],
      outputFractionalBits: 0,
      outputActivation: 'linear',
      outputBits: 40,
    });
    expect([values.plan, label.plan, compile(network, { reveal: 'top-3' }).plan].map(revealOf)).toEqual([
      'logits',
      'label',
      'top-3',
    ]);
    expect(label.report.at(-1)).toMatchObject({ op: 'topClasses', outputShape: [1] });
  });

  it('compares values that need no truncation as they are', async () => {
    const rectified = sequential([6], [dense(next, 6, 5), relu]);
    const inputs = Float32Array.from({ length: 60 }, (_, i) => Math.abs(Math.sin(i)));
    const values = await predictInTheClear(compile(rectified), inputs, 10);
    const labels = await predictInTheClear(compile(rectified, { reveal: 'label' }), inputs, 10);
    const expected = Array.from({ length: 10 }, (_, i) => largest([...values.slice(5 * i, 5 * i + 5)], 1));
    expect([...labels]).toEqual(expected.flat());
  });

  it('truncates values that are too large to be compared exactly, and refuses larger ones', async () => {
    const scaled = (factor: number): LayerGraph => {
      const graph = identity(4);
      const [node] = graph.nodes;
      const layer = node!.layer as Extract<(typeof node & object)['layer'], { type: 'Dense' }>;
      const values = layer.kernel.values.map((value) => value * factor);
      return { ...graph, nodes: [{ ...node!, layer: { ...layer, kernel: { shape: [4, 4], values } } }] };
    };
    const ops = (factor: number) =>
      compile(scaled(factor), { inputRange: RANGE, reveal: 'label' }).plan.steps.map(({ op }) => op);
    expect(ops(100)).toEqual(['conv2d', 'topClasses']);
    expect(ops(10_000)).toEqual(['conv2d', 'truncate', 'topClasses']);
    const model = compile(scaled(10_000), { inputRange: RANGE, reveal: 'label' });
    const rows = [
      [1, 2, 3, -4],
      [-1, -2, -3, -4],
      [5, 99, -99, 5],
    ];
    const { predict } = await preparePrediction(model, replicated());
    expect([...(await predict(Float32Array.from(rows.flat()), 3)).logits]).toEqual([2, 0, 1]);
    expect(() => ops(1e9)).toThrow(ModelRangeError);
  });

  it('is refused where there is no row of classes, or not so many', () => {
    expect(() => compile(network, { reveal: 'top-7' })).toThrow(/top-7 of 6; 1 to 6/);
    const image = sequential([4, 4, 1], [relu]);
    expect(() => compile(image, { reveal: 'label' })).toThrow(/shape \[4, 4, 1\] is no row of classes/);
    const single = sequential([3], [dense(next, 3, 1, 'softmax')]);
    expect(() => compile(single, { reveal: 'label' })).toThrow(/single value is always 1/);
    expect(
      ['label', 'top-10', 'logits', 'top-0', 'top-', 'top-1e3', 'Label', 'top-01'].map(parseReveal),
    ).toEqual(['label', 'top-10', 'logits', null, null, null, null, null]);
  });

  it.each([
    ['top', { top: 7 }],
    ['top', { top: 0 }],
    ['classes', { classes: 7 }],
    ['classes', { classes: 2 }],
  ])('is not run when %s is out of range', (_, change) => {
    const { plan } = compile(network, { reveal: 'label' });
    const broken = {
      ...plan,
      steps: plan.steps.map((step) => ({ ...step, ...(step.op === 'topClasses' ? change : {}) })),
    };
    expect(() => validatePlan(broken as typeof plan)).toThrow(InvalidModelError);
  });

  it('is not run when something follows the classes, or its output says otherwise', () => {
    const { plan } = compile(network, { reveal: 'label' });
    const last = plan.steps.at(-1)!;
    const twice = { ...last, input: last.output, output: last.output + 1, classes: 2 } as typeof last;
    expect(() => validatePlan({ ...plan, steps: [...plan.steps, twice] })).toThrow(/ends in/);
    expect(() => validatePlan({ ...plan, outputFractionalBits: 32 })).toThrow(
      /outputFractionalBits must be 0/,
    );
    expect(() => validatePlan({ ...plan, outputActivation: 'softmax' })).toThrow(/take no softmax/);
    expect(() => validatePlan({ ...plan, outputShape: [6] })).toThrow(InvalidModelError);
  });
});
