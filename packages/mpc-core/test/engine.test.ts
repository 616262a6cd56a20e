/** Whole models under the engine: private outputs against the float evaluation of the layers as they were written. */
import { describe, expect, it } from 'vitest';
import { predictCost } from '../src/engine/cost.js';
import { createParty } from '../src/engine/party.js';
import { compile } from '../src/graph/compile.js';
import { InvalidModelError } from '../src/graph/errors.js';
import { evaluateGraph } from '../src/graph/evaluate.js';
import type { FloatTensor, Layer, LayerGraph } from '../src/graph/layers.js';
import { createKernels } from '../src/kernels/create.js';
import { fss } from '../src/protocols/fss/index.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { securenn } from '../src/protocols/securenn/index.js';
import { shareModel } from '../src/sharing/weights.js';
import { preparePrediction } from './support/predict.js';

/** Small pseudo-random numbers, the same in every run: a model has to be reproducible, not secret. */
function tensor(seed: number, ...shape: number[]): FloatTensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: n }, (_, i) => Math.sin(seed * 1000 + i * 12.9898) / 2);
  return { shape, values };
}

function sequential(inputShape: number[], layers: Layer[]): LayerGraph {
  return {
    name: 'test',
    input: 'input',
    inputShape,
    nodes: layers.map((layer, i) => ({
      name: `layer_${i}`,
      inputs: [i === 0 ? 'input' : `layer_${i - 1}`],
      layer,
    })),
    output: `layer_${layers.length - 1}`,
  };
}

const conv = (
  seed: number,
  [kh, kw, cin, cout]: [number, number, number, number],
  options: Partial<Extract<Layer, { type: 'Conv2D' }>> = {},
): Layer => ({
  type: 'Conv2D',
  kernel: tensor(seed, kh, kw, cin, cout),
  bias: tensor(seed + 1, cout),
  strides: [1, 1],
  padding: 'valid',
  dilationRate: [1, 1],
  activation: 'linear',
  ...options,
});

const dense = (
  seed: number,
  inputs: number,
  units: number,
  activation: 'linear' | 'relu' | 'softmax',
): Layer => ({
  type: 'Dense',
  kernel: tensor(seed, inputs, units),
  bias: tensor(seed + 1, units),
  activation,
});

const models: readonly (readonly [string, LayerGraph])[] = [
  ['a dense layer', sequential([7], [dense(1, 7, 3, 'linear')])],
  ['two dense layers and softmax', sequential([9], [dense(1, 9, 8, 'relu'), dense(2, 8, 4, 'softmax')])],
  [
    'convolutions with strides, dilation and padding',
    sequential(
      [9, 8, 2],
      [
        {
          type: 'ZeroPadding2D',
          padding: [
            [1, 0],
            [2, 1],
          ],
        },
        conv(1, [3, 2, 2, 5], { strides: [2, 1], padding: 'same', activation: 'relu' }),
        conv(2, [2, 3, 5, 4], { dilationRate: [2, 2], activation: 'relu' }),
        { type: 'Flatten' },
        dense(3, 3 * 7 * 4, 3, 'linear'),
      ],
    ),
  ],
  [
    'folded average pooling and batch normalization',
    sequential(
      [10, 10, 1],
      [
        conv(1, [3, 3, 1, 4]),
        { type: 'AveragePooling2D', poolSize: [2, 2], strides: [2, 2], padding: 'valid' },
        {
          type: 'BatchNormalization',
          gamma: { shape: [4], values: Float64Array.of(1.5, 0.5, 1, 2) },
          beta: tensor(5, 4),
          movingMean: tensor(6, 4),
          movingVariance: { shape: [4], values: Float64Array.of(1, 0.5, 2, 1.5) },
          epsilon: 0.001,
        },
        { type: 'Activation', activation: 'relu' },
        { type: 'Dropout' },
        { type: 'Reshape', targetShape: [-1] },
        dense(3, 64, 5, 'softmax'),
      ],
    ),
  ],
  [
    'max pooling with odd and clipped windows',
    sequential(
      [8, 7, 1],
      [
        conv(1, [3, 3, 1, 3], { activation: 'relu', padding: 'same' }),
        { type: 'MaxPooling2D', poolSize: [3, 2], strides: [2, 2], padding: 'same' },
        conv(2, [2, 2, 3, 4]),
        { type: 'MaxPooling2D', poolSize: [2, 2], strides: [1, 1], padding: 'valid' },
        { type: 'Flatten' },
      ],
    ),
  ],
  [
    'average pooling that cannot be folded',
    sequential(
      [7, 7, 2],
      [
        conv(1, [2, 2, 2, 3], { activation: 'relu' }),
        { type: 'AveragePooling2D', poolSize: [3, 3], strides: [2, 2], padding: 'same' },
        { type: 'Activation', activation: 'relu' },
        { type: 'Flatten' },
        dense(4, 27, 2, 'linear'),
      ],
    ),
  ],
];

const protocols = [
  ['replicated', replicated(), false],
  ['replicated, dealt ahead', replicated(1), true],
  ['securenn', securenn(2), false],
  ['fss', fss(1), false],
  ['fss, dealt ahead', fss(2), true],
] as const;
const cases = protocols.flatMap(([name, protocol, ahead]) =>
  models.map(([what, graph]) => [`${name}: ${what}`, graph, protocol, ahead] as const),
);

describe.each(cases)('%s', (_, graph, protocol, ahead) => {
  const size = graph.inputShape.reduce((a, b) => a * b, 1);
  const count = ahead ? Math.min(3, protocol.maxPreparedBatch ?? 3) : 3;
  const inputs = Float32Array.from({ length: size * count }, (_v, i) => Math.abs(Math.sin(i * 7.31)));

  it.each(['wasm', 'typescript'] as const)(
    'gives the float logits within 0.002 (%s kernels)',
    async (kind) => {
      const model = compile(graph);
      const { predict } = await preparePrediction(model, protocol, kind, { ahead });
      const { logits } = await predict(inputs, count);
      const withoutSoftmax: LayerGraph = {
        ...graph,
        nodes: graph.nodes.map((node) =>
          'activation' in node.layer && node.layer.activation === 'softmax'
            ? { ...node, layer: { ...node.layer, activation: 'linear' } }
            : node,
        ),
      };
      const expected = evaluateGraph(withoutSoftmax, Float64Array.from(inputs), count);
      expect(logits).toHaveLength(expected.length);
      const worst = Math.max(...expected.map((value, i) => Math.abs(value - logits[i])));
      expect(worst).toBeLessThan(0.002);
    },
  );

  it('costs the rounds and bytes that are predicted', async () => {
    const model = compile(graph);
    const { predict } = await preparePrediction(model, protocol, 'wasm', { ahead });
    const run = await predict(inputs, count);
    const predicted = predictCost(model.plan, protocol, count, ahead);
    const dealtBefore = ahead ? predicted.bytesDealt : [0, 0, 0];
    expect(run.bytesSent).toEqual(predicted.bytesSent.map((bytes, party) => bytes - dealtBefore[party]));
    expect(run.rounds).toBe(predicted.rounds);
    run.results.forEach(({ statistics }, party) => {
      expect(statistics.bytesSent).toBe(predicted.bytesSent[party]);
      expect(statistics.bytesDealt).toBe(predicted.bytesDealt[party]);
      expect(statistics.steps.map((step) => step.bytesSent)).toEqual(
        predicted.steps.map((step) => step.bytesSent[party]),
      );
    });
    expect(Math.max(...run.results.map(({ statistics }) => statistics.rounds))).toBe(run.rounds);
  });
});

describe('a party', () => {
  it('refuses share files that are not its own, truncated, extended or of another model', async () => {
    const [, graph] = models[0];
    const model = compile(graph);
    const kernels = await createKernels();
    const files = shareModel(model, kernels);
    const party = createParty(1, await createKernels());
    expect(() => party.load(model.plan, files[1])).not.toThrow();
    const longer = new Uint8Array(files[1].length + 1);
    longer.set(files[1]);
    const flipped = (at: number) => files[1].map((byte, i) => (i === at ? byte ^ 0x80 : byte));
    const bad = [
      files[0],
      files[2],
      files[1].subarray(1),
      files[1].subarray(0, -1),
      longer,
      new Uint8Array(0),
    ];
    for (const file of [...bad, ...[0, 3, 4, 5, 6, 7, 8, 11].map(flipped)]) {
      expect(() => party.load(model.plan, file)).toThrow(InvalidModelError);
    }
  });

  it.each(protocols)('keeps its memory flat over many runs of %s', async (_, protocol, ahead) => {
    const [, graph] = models[3];
    const { predict, memoryBytes } = await preparePrediction(compile(graph), protocol, 'wasm', { ahead });
    const inputs = new Float32Array(100);
    await predict(inputs, 1);
    const before = memoryBytes();
    for (let i = 0; i < 50; i++) await predict(inputs, 1);
    expect(memoryBytes()).toBe(before);
  });
});
