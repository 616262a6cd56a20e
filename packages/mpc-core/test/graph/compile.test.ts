import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/graph/compile.js';
import { InvalidModelError, ModelRangeError, UnsupportedLayersError } from '../../src/graph/errors.js';
import { evaluateGraph, evaluatePlan, softmax } from '../../src/graph/evaluate.js';
import type { Layer, LayerGraph } from '../../src/graph/layers.js';
import { type Plan, sizeOf } from '../../src/graph/plan.js';
import {
  batchNormalization,
  conv2d,
  dense,
  flatten,
  numbers,
  pooling,
  relu,
  sequential,
  tensor,
  tutorialModel,
} from './builders.js';

const operations = (plan: Plan) => plan.steps.map(({ op }) => op);

/** Both evaluators on the same random inputs, and the largest difference. */
function foldingError(graph: LayerGraph, seed = 7): number {
  const next = numbers(seed);
  const inputs = Float64Array.from({ length: 2 * sizeOf(graph.inputShape) }, () => Math.abs(next()));
  const plain = evaluateGraph(graph, inputs, 2);
  const folded = evaluatePlan(compile(graph), inputs, 2);
  expect(folded.length).toBe(plain.length);
  return plain.reduce((most, value, index) => Math.max(most, Math.abs(value - folded[index]!)), 0);
}

describe('the tutorial model', () => {
  const model = compile(tutorialModel(numbers(1)));

  it('becomes three 4x4 convolutions with stride 2 and a dense layer', () => {
    expect(operations(model.plan)).toEqual([
      'conv2d',
      'rectify',
      'conv2d',
      'rectify',
      'conv2d',
      'rectify',
      'conv2d',
    ]);
    const convolutions = model.plan.steps.filter((step) => step.op === 'conv2d');
    for (const { geometry } of convolutions.slice(0, 3)) {
      expect(geometry).toMatchObject({ kernelHeight: 4, kernelWidth: 4, strideHeight: 2, strideWidth: 2 });
    }
    const outputs = convolutions.map(({ geometry: g }) => g.outHeight * g.outWidth * g.outChannels);
    expect(outputs.reduce((a, b) => a + b)).toBe(2564);
    expect(model.multiplications).toBe(188_448);
    expect(model.plan).toMatchObject({
      outputShape: [10],
      outputActivation: 'softmax',
      fractionalBits: 16,
      outputFractionalBits: 32,
    });
    expect(model.folded.map(({ layer }) => layer)).toEqual([
      'averagepooling2d_1',
      'averagepooling2d_4',
      'averagepooling2d_7',
    ]);
  });

  it('computes what its layers say', () => {
    expect(foldingError(tutorialModel(numbers(1)))).toBeLessThan(1e-9);
  });

  it('reports costs and room of every step', () => {
    expect(model.report.map(({ outputShape }) => outputShape)).toEqual([
      [13, 13, 10],
      [13, 13, 10],
      [5, 5, 32],
      [5, 5, 32],
      [1, 1, 64],
      [1, 1, 64],
      [10],
    ]);
    expect(model.report.map(({ multiplications }) => multiplications)).toEqual([
      27_040, 0, 128_000, 0, 32_768, 0, 640,
    ]);
    for (const { bitsLeft } of model.report) expect(bitsLeft).toBeGreaterThan(0);
  });
});

describe('folding', () => {
  const next = numbers(3);

  it.each<[string, readonly number[], readonly Layer[], readonly string[]]>([
    [
      'batch normalization into the convolution before it, also a padded one',
      [6, 6, 2],
      [conv2d(next, [3, 3, 2, 3], { padding: 'same' }), batchNormalization(next, 3)],
      ['conv2d'],
    ],
    [
      'batch normalization and average pooling together',
      [8, 8, 2],
      [conv2d(next, [3, 3, 2, 3]), batchNormalization(next, 3), pooling('AveragePooling2D'), relu],
      ['conv2d', 'rectify'],
    ],
    [
      'batch normalization after average pooling',
      [8, 8, 2],
      [conv2d(next, [3, 3, 2, 3]), pooling('AveragePooling2D'), batchNormalization(next, 3)],
      ['conv2d'],
    ],
    [
      'batch normalization into the convolution after it',
      [6, 6, 2],
      [relu, batchNormalization(next, 2), conv2d(next, [3, 3, 2, 3])],
      ['rectify', 'conv2d'],
    ],
    [
      'batch normalization into the dense layer behind a flatten',
      [4, 4, 3],
      [batchNormalization(next, 3), flatten, dense(next, 48, 5)],
      ['conv2d'],
    ],
    [
      'batch normalization before a padded convolution: a convolution of its own',
      [5, 5, 2],
      [relu, batchNormalization(next, 2), conv2d(next, [3, 3, 2, 3], { padding: 'same' })],
      ['rectify', 'depthwiseConv2d', 'truncate', 'conv2d'],
    ],
    [
      'batch normalization at the end, after a ReLU',
      [5],
      [dense(next, 5, 4, 'relu'), batchNormalization(next, 4)],
      ['conv2d', 'rectify', 'depthwiseConv2d'],
    ],
    [
      'zero padding into a convolution with a stride',
      [7, 7, 2],
      [
        {
          type: 'ZeroPadding2D',
          padding: [
            [1, 0],
            [2, 1],
          ],
        },
        conv2d(next, [3, 4, 2, 3], { strides: [2, 3], activation: 'relu' }),
      ],
      ['conv2d', 'rectify'],
    ],
    [
      'zero padding before a pooling: stays',
      [4, 4, 1],
      [
        {
          type: 'ZeroPadding2D',
          padding: [
            [1, 1],
            [1, 1],
          ],
        },
        pooling('MaxPooling2D', 3, 2),
      ],
      ['pad2d', 'maxPool2d'],
    ],
    [
      'zero padding wider than the window: stays',
      [4, 4, 1],
      [
        {
          type: 'ZeroPadding2D',
          padding: [
            [3, 0],
            [0, 0],
          ],
        },
        conv2d(next, [2, 2, 1, 1]),
      ],
      ['pad2d', 'conv2d'],
    ],
    [
      'average pooling with overlapping windows, after a strided and dilated convolution',
      [17, 16, 2],
      [
        conv2d(next, [3, 2, 2, 3], { strides: [2, 1], dilationRate: [1, 2] }),
        pooling('AveragePooling2D', 3, 2),
      ],
      ['conv2d'],
    ],
    [
      'average pooling with padding: stays',
      [7, 7, 2],
      [conv2d(next, [3, 3, 2, 3]), pooling('AveragePooling2D', 2, 2, 'same'), relu],
      ['conv2d', 'truncate', 'averagePool2d', 'rectify'],
    ],
    [
      'average pooling after a ReLU: stays',
      [6, 6, 1],
      [conv2d(next, [3, 3, 1, 2], { activation: 'relu' }), pooling('AveragePooling2D'), flatten],
      ['conv2d', 'rectify', 'averagePool2d'],
    ],
    [
      'conv, max pooling, relu: the ReLU goes first',
      [6, 6, 1],
      [conv2d(next, [3, 3, 1, 2]), pooling('MaxPooling2D'), relu, conv2d(next, [1, 1, 2, 2])],
      ['conv2d', 'rectify', 'maxPool2d', 'conv2d'],
    ],
    [
      'conv, relu, max pooling, relu: one ReLU',
      [6, 6, 1],
      [conv2d(next, [3, 3, 1, 2], { activation: 'relu' }), pooling('MaxPooling2D', 3, 2, 'same'), relu],
      ['conv2d', 'rectify', 'maxPool2d'],
    ],
    [
      'dropout and linear activations: gone',
      [3],
      [
        { type: 'Dropout' },
        dense(next, 3, 2),
        { type: 'Activation', activation: 'linear' },
        dense(next, 2, 2),
      ],
      ['conv2d', 'truncate', 'conv2d'],
    ],
    [
      'dense over the last axis of an image, reshape',
      [4, 3, 2],
      [dense(next, 2, 5, 'relu'), { type: 'Reshape', targetShape: [-1, 10] }, dense(next, 10, 3)],
      ['conv2d', 'rectify', 'conv2d'],
    ],
  ])('%s', (_, inputShape, layers, expected) => {
    const graph = sequential(inputShape, layers);
    expect(operations(compile(graph).plan)).toEqual(expected);
    expect(foldingError(graph)).toBeLessThan(1e-9);
  });

  it('does not fold a pooling that would make the convolution much dearer', () => {
    const graph = sequential([9, 9, 2], [conv2d(next, [1, 1, 2, 3]), pooling('AveragePooling2D', 3, 1)]);
    expect(operations(compile(graph).plan)).toEqual(['conv2d', 'truncate', 'averagePool2d']);
    expect(foldingError(graph)).toBeLessThan(1e-9);
  });

  it('preserves the function of random chains, and bounds every value', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat(7), { minLength: 1, maxLength: 7 }), (seed, kinds) => {
        const graph = randomChain(seed, kinds);
        const inputs = Float64Array.from({ length: 3 * sizeOf(graph.inputShape) }, numbers(seed + 1));
        const model = compile(graph, {
          inputRange: { min: -1, max: 1 },
          fractionalBits: 12,
          calibration: { inputs, count: 3 },
        });
        const plain = evaluateGraph(graph, inputs, 3);
        const planned = evaluatePlan(model, inputs, 3);
        plain.forEach((value, index) => {
          expect(Math.abs(planned[index]! - value)).toBeLessThan(1e-9 * (1 + Math.abs(value)));
        });
        for (const { observed, bound } of model.report) expect(observed!).toBeLessThanOrEqual(bound + 1e-3);
      }),
      { numRuns: 300 },
    );
  });
});

/** A chain of layers that fit each other, on a small image. */
function randomChain(seed: number, kinds: readonly number[]): LayerGraph {
  const next = numbers(seed);
  const pick = (count: number) => Math.floor(((next() + 1) / 2) * count);
  const inputShape = [5 + pick(5), 5 + pick(5), 1 + pick(3)] as const;
  let [height, width, channels]: [number, number, number] = [...inputShape];
  const layers: Layer[] = [];
  for (const kind of kinds) {
    const padding = pick(2) === 0 ? 'valid' : 'same';
    const window = Math.min(height, width, 1 + pick(3));
    const stride = 1 + pick(2);
    const extent = (size: number, covered: number) =>
      padding === 'same' ? Math.ceil(size / stride) : Math.floor((size - covered) / stride) + 1;
    if (kind <= 2) {
      const filters = 1 + pick(3);
      const dilation = Math.min(height, width) >= 2 * (window - 1) + 1 ? 1 + pick(2) : 1;
      layers.push(
        conv2d(next, [window, window, channels, filters], {
          strides: [stride, stride],
          padding,
          dilationRate: [dilation, dilation],
          activation: pick(2) === 0 ? 'linear' : 'relu',
        }),
      );
      const covered = (window - 1) * dilation + 1;
      [height, width, channels] = [extent(height, covered), extent(width, covered), filters];
    } else if (kind <= 4) {
      const type = kind === 3 ? 'AveragePooling2D' : 'MaxPooling2D';
      layers.push(pooling(type, window, stride, padding));
      [height, width] = [extent(height, window), extent(width, window)];
    } else if (kind === 5) {
      layers.push(batchNormalization(next, channels));
    } else if (kind === 6) {
      layers.push(relu);
    } else {
      const [top, bottom, left, right] = [pick(2), pick(2), pick(2), pick(2)];
      layers.push({
        type: 'ZeroPadding2D',
        padding: [
          [top, bottom],
          [left, right],
        ],
      });
      [height, width] = [height + top + bottom, width + left + right];
    }
  }
  return sequential(inputShape, [...layers, flatten, dense(next, height * width * channels, 3)]);
}

describe('the range analysis', () => {
  const affine = (kernel: number, bias: number, activation: 'linear' | 'relu' = 'linear'): LayerGraph =>
    sequential(
      [1],
      [
        {
          type: 'Dense',
          kernel: tensor([1, 1], () => kernel),
          bias: tensor([1], () => bias),
          activation,
        },
      ],
    );

  const kOf = ({ plan }: { plan: Plan }): number[] | number => {
    const all = plan.steps.flatMap((step) => ('activationBits' in step ? [step.activationBits] : []));
    return all.length === 1 ? all[0] : all;
  };

  it('gives each step its own', () => {
    const grow = (by: number) => dense(() => by, 1, 1);
    const relu: Layer = { type: 'Activation', activation: 'relu' };
    const graph = sequential([1], [grow(30), relu, grow(100), relu, grow(0.001), relu, grow(1)]);
    expect(kOf(compile(graph))).toEqual([24, 32, 20]);
  });

  it.each([
    [0.3, 16],
    [5, 20],
    [30, 24],
    [70, 24],
    [130, 28],
    [20_000, 32],
    [40_000, 36],
    [5_000_000, 40],
    [20_000_000, 44],
    [200_000_000, 48],
  ])('a compared value of up to %d takes %d bits', (kernel, bits) => {
    expect(kOf(compile(affine(kernel, 0, 'relu')))).toBe(bits);
  });

  it.each([
    [30, 40],
    [127, 40],
    [128, 48],
    [30_000, 48],
    [40_000, 56],
  ])('an output of up to %d takes %d bits, whatever the activations take', (kernel, bits) => {
    expect(compile(affine(kernel, 0)).plan.outputBits).toBe(bits);
  });

  it('is exact at the border: inputs and truncations may be a unit off', () => {
    expect(kOf(compile(affine(127.99, 0, 'relu')))).toBe(24);
    expect(kOf(compile(affine(128, 0, 'relu')))).toBe(28);
    expect(kOf(compile(affine(1, -126.99, 'relu')))).toBe(24);
    expect(kOf(compile(affine(1, -128, 'relu')))).toBe(28);
  });

  it('refuses a model that can overflow, and names the layer', () => {
    const next = () => 3000;
    const graph = sequential([4], [dense(next, 4, 4), dense(next, 4, 4), dense(next, 4, 2)]);
    expect(() => compile(graph)).toThrow(ModelRangeError);
    expect(() => compile(graph)).toThrow(/Layer "dense_2" can reach/);
    expect(() => compile(affine(130, 0, 'relu'), { activationBits: 24 })).toThrow(ModelRangeError);
    expect(() =>
      compile(affine(1, 0, 'relu'), { inputRange: { min: -130, max: 130 }, activationBits: 24 }),
    ).toThrow(/Layer "dense_0"|Layer/);
    expect(kOf(compile(affine(20, 0, 'relu'), { activationBits: 40 }))).toBe(40);
  });

  it('reports what calibration inputs reach', () => {
    const { report } = compile(affine(2, 1), { calibration: { inputs: [0.25, 0.5], count: 2 } });
    expect(report[0]).toMatchObject({ observed: 2 });
    expect(report[0]!.bound).toBeCloseTo(3, 3);
  });

  it.each([
    [{ fractionalBits: 0 }],
    [{ fractionalBits: 25 }],
    [{ fractionalBits: 1.5 }],
    [{ inputRange: { min: 1, max: 0 } }],
    [{ inputRange: { min: 0, max: Number.NaN } }],
    [{ inputRange: { min: 0, max: 40_000 } }],
    [{ activationBits: 15 }],
    [{ activationBits: 49 }],
    [{ fractionalBits: 20, activationBits: 48 }],
  ])('refuses the options %j', (options) => {
    expect(() => compile(affine(1, 0), options)).toThrow(RangeError);
  });
});

describe('models that cannot be compiled', () => {
  const next = numbers(5);

  it('lists every unsupported layer by position and name', () => {
    const lstm: Layer = {
      type: 'Unsupported',
      className: 'LSTM',
      reason: 'recurrent layers are not supported',
    };
    const graph = sequential(
      [4],
      [dense(next, 4, 4, 'softmax'), dense(next, 4, 4), lstm, { ...lstm, className: 'GRU' }],
    );
    const error = (() => {
      try {
        compile(graph);
      } catch (thrown) {
        return thrown as UnsupportedLayersError;
      }
      return null;
    })();
    expect(error).toBeInstanceOf(UnsupportedLayersError);
    expect(error!.layers.map(({ position, name, className }) => [position, name, className])).toEqual([
      [0, 'dense_0', 'Dense'],
      [2, 'unsupported_2', 'LSTM'],
      [3, 'unsupported_3', 'GRU'],
    ]);
    expect(error!.message).toContain('3 unsupported layers');
  });

  it('names nodes that join several inputs', () => {
    const graph = sequential([4], [dense(next, 4, 4), dense(next, 4, 4), dense(next, 4, 2)]);
    const nodes = [...graph.nodes.slice(0, 2), { ...graph.nodes[2]!, inputs: ['dense_0', 'dense_1'] }];
    expect(() => compile({ ...graph, nodes })).toThrow(/layer 2 "dense_2" \(Dense\): it joins 2 inputs/);
  });

  it('ignores layers that the output does not depend on', () => {
    const graph = sequential([4], [dense(next, 4, 2), dense(next, 2, 2)]);
    const unused: Layer = { type: 'Unsupported', className: 'LSTM', reason: 'recurrent' };
    const nodes = [...graph.nodes, { name: 'side', inputs: ['dense_0'], layer: unused }];
    expect(compile({ ...graph, nodes }).plan.steps.length).toBe(3);
  });

  it.each<[string, LayerGraph, RegExp]>([
    [
      'a window too large',
      sequential([2, 2, 1], [conv2d(next, [3, 3, 1, 1])]),
      /"conv2d_0": a window of 3 does not fit into an input of 2/,
    ],
    [
      'other channels',
      sequential([4, 4, 2], [conv2d(next, [3, 3, 1, 1])]),
      /reads 1 channels, its input has 2/,
    ],
    [
      'a dense layer of other inputs',
      sequential([4, 4, 2], [flatten, dense(next, 31, 1)]),
      /"dense_1": its kernel reads 31 inputs/,
    ],
    ['a convolution over a row', sequential([4], [conv2d(next, [1, 1, 4, 1])]), /it takes images/],
    [
      'a reshape that does not fit',
      sequential([4], [{ type: 'Reshape', targetShape: [3, -1] }]),
      /cannot be reshaped/,
    ],
    [
      'two unknown extents',
      sequential([4], [{ type: 'Reshape', targetShape: [-1, -1] }]),
      /cannot be reshaped/,
    ],
    [
      'batch normalization of other channels',
      sequential([4], [batchNormalization(next, 3)]),
      /its gamma has the shape \[3\], expected \[4\]/,
    ],
    [
      'a bias of another size',
      sequential([4, 4, 1], [conv2d(next, [3, 3, 1, 2], { bias: tensor([3], next) })]),
      /its bias has the shape/,
    ],
    [
      'a stride of zero',
      sequential([4, 4, 1], [conv2d(next, [3, 3, 1, 2], { strides: [0, 1] })]),
      /strides must be two positive/,
    ],
    ['nothing to compute', sequential([4], [flatten]), /computes anything/],
    ['weights that are not numbers', sequential([1], [dense(() => Number.NaN, 1, 1)]), /not a finite number/],
    [
      'missing weights',
      sequential(
        [1],
        [{ type: 'Dense', kernel: { shape: [1, 2], values: new Float64Array(1) }, activation: 'linear' }],
      ),
      /1 values for the shape \[1, 2\]/,
    ],
    ['an unknown output', { ...sequential([1], [dense(next, 1, 1)]), output: 'x' }, /output "x" is none/],
    [
      'an unknown input',
      { ...sequential([1], [dense(next, 1, 1)]), input: 'x' },
      /reads "input", which no earlier/,
    ],
    ['an input without extent', sequential([0], [dense(next, 1, 1)]), /not a list of positive extents/],
  ])('refuses %s', (_, graph, message) => {
    expect(() => compile(graph)).toThrow(InvalidModelError);
    expect(() => compile(graph)).toThrow(message);
  });

  it('refuses a softmax over an image', () => {
    const graph = sequential([2, 2, 3], [conv2d(next, [1, 1, 3, 3], { activation: 'softmax' })]);
    expect(() => compile(graph)).toThrow(/softmax over an output of shape \[2, 2, 3\]/);
  });
});

describe('the float evaluator', () => {
  it('refuses inputs of another length', () => {
    const graph = sequential([2], [dense(numbers(1), 2, 1)]);
    expect(() => evaluateGraph(graph, [1, 2, 3], 1)).toThrow(RangeError);
  });

  it('gives softmax rows that sum to one, however large the logits', () => {
    const rows = softmax(Float64Array.from([1000, 1000, -1000, 0]), 2);
    expect([...rows]).toEqual([0.5, 0.5, 0, 1]);
  });
});
