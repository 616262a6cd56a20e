/** The parts of the gateway that need no worker: numbers, paths, bodies. */
import type { SharedModel } from '@trivet/client';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFixed, formatRelative } from '../../src/gateway/decimal.js';
import { isLoopback } from '../../src/gateway/guard.js';
import { metadataJson, statusJson } from '../../src/gateway/model-view.js';
import { parsePredictBody } from '../../src/gateway/predict-request.js';
import { formatPredictions } from '../../src/gateway/predict-response.js';
import { parseRoute } from '../../src/gateway/routes.js';

const UNIT = 2 ** -16;

describe('answers as decimals', () => {
  it('are floats, never integers', () => {
    expect([2.5, 3, 4.5, -0, 0, -7, 1e6].map((value) => formatFixed(value, UNIT))).toEqual([
      '2.5',
      '3.0',
      '4.5',
      '0.0',
      '0.0',
      '-7.0',
      '1000000.0',
    ]);
  });

  it('show what the fixed point number names, not its own digits', () => {
    // 0.5 x + 2 for x = 0.1, which is encoded as 6554 / 65536.
    expect(formatFixed((0.5 * 6554) / 65536 + 2, UNIT)).toBe('2.05');
    expect(formatFixed(Math.round(123456.789 * 65536) / 65536, UNIT)).toBe('123456.789');
  });

  it('are within half a unit, and no shorter decimal is', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.integer({ min: 1, max: 24 }),
        (value, bits) => {
          const unit = 2 ** -bits;
          const text = formatFixed(value, unit);
          expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(unit / 2);
          // Very small numbers have an exponent, and then perhaps no point.
          let decimals = 0;
          while (Number(value.toFixed(decimals)) !== Number(text)) decimals++;
          if (decimals === 0) return;
          const shorter = Number(value.toFixed(decimals - 1));
          expect(Math.abs(shorter - value)).toBeGreaterThan(unit / 2);
        },
      ),
    );
  });

  it('of a fixed point number that is a short decimal rounded, are that decimal', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -99_999, max: 99_999 }),
        fc.integer({ min: 0, max: 4 }),
        (digits, decimals) => {
          const exact = digits / 10 ** decimals;
          expect(Number(formatFixed(Math.round(exact / UNIT) * UNIT, UNIT))).toBe(exact + 0);
        },
      ),
    );
  });

  it('are relative for probabilities, however small', () => {
    expect(formatRelative(0, UNIT)).toBe('0.0');
    expect(formatRelative(1, UNIT)).toBe('1.0');
    expect(formatRelative(1.23456789e-12, UNIT)).toBe('1.23457e-12');
    fc.assert(
      fc.property(fc.double({ min: 1e-30, max: 1, noNaN: true }), (value) => {
        expect(Math.abs(Number(formatRelative(value, UNIT)) - value)).toBeLessThanOrEqual((value * UNIT) / 2);
      }),
    );
  });
});

describe('paths', () => {
  const model = (name: string, version: number | null = null, label: string | null = null) => {
    return { name, version, label };
  };

  it.each([
    ['POST', '/v1/models/m:predict', { kind: 'predict', model: model('m') }],
    ['POST', '/v1/models/m/versions/12:predict', { kind: 'predict', model: model('m', 12) }],
    ['POST', '/v1/models/m/labels/stable:predict', { kind: 'predict', model: model('m', null, 'stable') }],
    ['POST', '/V1/Models/half_plus_two:Predict', { kind: 'predict', model: model('half_plus_two') }],
    ['POST', '/v1/models/m:classify', { kind: 'classify', model: model('m') }],
    ['POST', '/v1/models/a%20b:regress', { kind: 'regress', model: model('a b') }],
    ['GET', '/v1/models/m', { kind: 'status', model: model('m') }],
    ['GET', '/v1/models/m/versions/3', { kind: 'status', model: model('m', 3) }],
    ['GET', '/v1/models/m/versions/3/metadata', { kind: 'metadata', model: model('m', 3) }],
    ['GET', '/monitoring/prometheus/metrics', { kind: 'metrics' }],
  ])('%s %s', (method, path, route) => {
    expect(parseRoute(method, path)).toEqual(route);
  });

  it.each([
    ['GET', '/', 'NOT_FOUND'],
    ['GET', '/v2/models/m', 'NOT_FOUND'],
    ['GET', '/v1/models/m:predict', 'INVALID_ARGUMENT'],
    ['POST', '/v1/models/m', 'INVALID_ARGUMENT'],
    ['POST', '/v1/models/m:train', 'INVALID_ARGUMENT'],
    ['GET', '/v1/models/', 'INVALID_ARGUMENT'],
    ['GET', '/v1/models', 'INVALID_ARGUMENT'],
    ['GET', '/v1/models/m/versions/x', 'INVALID_ARGUMENT'],
    ['GET', '/v1/models/m/versions/9223372036854775808', 'INVALID_ARGUMENT'],
    ['GET', '/v1/models/%zz', 'INVALID_ARGUMENT'],
    ['POST', '/v1/models/m/versions/1/labels/l:predict', 'INVALID_ARGUMENT'],
  ])('%s %s is none', (method, path, code) => {
    expect(() => parseRoute(method, path)).toThrow(expect.objectContaining({ code }));
  });
});

/** As much of a shared model as the gateway looks at. */
function modelOf(inputShape: number[], outputShape: number[], rest: object = {}): SharedModel {
  const sizeOf = (shape: number[]) => shape.reduce((product, extent) => product * extent, 1);
  return {
    name: 'm',
    version: 7,
    state: 'AVAILABLE',
    inputSize: sizeOf(inputShape),
    outputSize: sizeOf(outputShape),
    reveal: 'logits',
    manifest: { plan: { inputShape, outputShape, fractionalBits: 16 }, preprocessing: null, ...rest },
  } as unknown as SharedModel;
}

const tensor = (name: string, shape: number[] | null) => {
  return { name, tensor: `${name}:0`, dtype: 'DT_FLOAT', shape };
};
const named = modelOf([1], [1], {
  signature: {
    name: 'serving_default',
    method: 'p',
    input: tensor('x', [-1, 1]),
    output: tensor('y', [-1, 1]),
  },
});
const matrix = modelOf([2, 3], [2]);
const read = (body: unknown, model: SharedModel) => {
  const { values, ...rest } = parsePredictBody(typeof body === 'string' ? body : JSON.stringify(body), model);
  return { ...rest, values: [...values] };
};

describe('bodies', () => {
  it.each([
    [{ instances: [1, 2, 5] }, 'row', []],
    [{ instances: [[1], [2], [5]] }, 'row', [1]],
    [{ instances: [{ x: 1 }, { x: 2 }, { x: 5 }] }, 'row', []],
    [{ instances: [{ x: [1] }, { x: [2] }, { x: [5] }] }, 'row', [1]],
    [{ signature_name: 'serving_default', inputs: [1, 2, 5] }, 'column', []],
    [{ signature_name: '', inputs: { x: [[1], [2], [5]] } }, 'column', [1]],
    [{ instances: [1, 2, 5].map((value) => ({ b64: floats(value) })) }, 'row', [1]],
    [{ instances: [1, 2, 5].map((value) => ({ x: { b64: floats(value) } })) }, 'row', [1]],
    [{ inputs: { x: [1, 2, 5].map((value) => ({ b64: floats(value) })) } }, 'column', [1]],
  ])('%j', (body, format, shape) => {
    expect(read(body, named)).toEqual({ format, shape, count: 3, values: [1, 2, 5] });
  });

  it('nested lists', () => {
    const sample = [
      [1, 2, 3],
      [4, 5, 6.5],
    ];
    const values = [1, 2, 3, 4, 5, 6.5];
    expect(read({ instances: [sample] }, matrix)).toMatchObject({ shape: [2, 3], count: 1, values });
    // Without a signature in the manifest, any name will do.
    expect(read({ inputs: { pixels: [sample, sample] } }, matrix)).toMatchObject({
      count: 2,
      values: [...values, ...values],
    });
  });

  it('pixels as bytes, where the model was shared for pictures', () => {
    const pictures = modelOf([2, 2, 1], [10], { preprocessing: { kind: 'mnist', divideBy: 255 } });
    const b64 = Buffer.from([0, 51, 102, 255]).toString('base64');
    const { values } = read({ instances: [{ b64 }] }, pictures);
    expect(values).toEqual([0, Math.fround(0.2), Math.fround(0.4), 1]);
  });

  it.each([
    ['', named, /not valid JSON/],
    ['{"instances": [1.0, 2.0', named, /not valid JSON/],
    ['[1]', named, /JSON object/],
    [{}, named, /neither/],
    [{ instances: [1], inputs: [1] }, named, /both/],
    [{ instances: 1 }, named, /list/],
    [{ instances: [] }, named, /no sample/],
    [{ inputs: [] }, named, /no sample/],
    [{ inputs: 1 }, named, /list/],
    [{ instances: [1], signature_name: 'other' }, named, /serving_default/],
    [{ instances: [1], signature_name: 3 }, named, /string/],
    [{ instances: [{ z: 1 }] }, named, /"x"/],
    [{ instances: [{ x: 1, z: 1 }] }, named, /"x"/],
    [{ instances: [{}] }, named, /"x"/],
    [{ instances: [{ x: 1 }, 2] }, named, /every sample, or in none/],
    [{ inputs: { z: [1] } }, named, /"x"/],
    [{ instances: ['1'] }, named, /not a number/],
    [{ instances: [true] }, named, /not a number/],
    [{ instances: [null] }, named, /not a number/],
    [{ instances: [1, [2]] }, named, /not a number/],
    [{ instances: [[1, 2]] }, named, /a sample of this model is \[1\], not \[2\]/],
    [{ instances: [[1, 2, 3, 4, 5, 6]] }, matrix, /\[2, 3\], not \[6\]/],
    [
      {
        instances: [
          [
            [1, 2, 3],
            [4, 5],
          ],
        ],
      },
      matrix,
      /shape \[2, 3\]/,
    ],
    [
      {
        instances: [
          [
            [1, 2, 3],
            [4, 5, [6]],
          ],
        ],
      },
      matrix,
      /element 5 is not a number/,
    ],
    [{ instances: [[[1, 2, 3], 4]] }, matrix, /shape \[2, 3\]/],
    [{ instances: [{ b64: '!' }] }, named, /not base64/],
    [{ instances: [{ b64: 3 }] }, named, /not base64/],
    [{ instances: [{ b64: 'AAA=' }] }, named, /2 bytes/],
  ])('%j is refused', (body, model, message) => {
    expect(() => read(body, model)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => read(body, model)).toThrow(message);
  });

  it('deep nesting neither overflows a stack nor takes long', () => {
    const deep = `{"instances": ${'['.repeat(100_000)}1${']'.repeat(100_000)}}`;
    expect(() => read(deep, matrix)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('any JSON is read or refused, never a fault', () => {
    const bodies = fc.oneof(
      fc.jsonValue(),
      fc.record({ instances: fc.jsonValue() }),
      fc.record({ inputs: fc.jsonValue(), signature_name: fc.jsonValue() }, { requiredKeys: ['inputs'] }),
      fc.record({ instances: fc.array(fc.oneof(fc.double(), fc.record({ x: fc.jsonValue() }))) }),
    );
    fc.assert(
      fc.property(bodies, fc.constantFrom(named, matrix), (body, model) => {
        try {
          const { values, count } = read(body, model);
          expect(values).toHaveLength(count * model.inputSize);
        } catch (error) {
          expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
        }
      }),
    );
  });

  it('never repeats a value in an error', () => {
    for (const body of [
      '{"instances": [8151623',
      { instances: ['8151623'] },
      { instances: [[8151623, 1]] },
    ]) {
      expect(() => read(body, named)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining('8151623') }),
      );
    }
  });
});

describe('answers', () => {
  const answer = (
    model: SharedModel,
    body: unknown,
    logits: number[],
    probabilities: number[] | null = null,
  ) => {
    const parsed = parsePredictBody(JSON.stringify(body), model);
    const prediction = {
      count: parsed.count,
      logits: Float64Array.from(logits),
      probabilities: probabilities && Float64Array.from(probabilities),
    };
    return formatPredictions(prediction as never, model, parsed);
  };

  it('in rows and columns, in the shape of the question where the model is one number to one', () => {
    expect(answer(named, { instances: [1, 2, 5] }, [2.5, 3, 4.5])).toBe('{"predictions": [2.5, 3.0, 4.5]}\n');
    expect(answer(named, { inputs: [1, 2, 5] }, [2.5, 3, 4.5])).toBe('{"outputs": [2.5, 3.0, 4.5]}\n');
    expect(answer(named, { instances: [[1], [2]] }, [2.5, 3])).toBe('{"predictions": [[2.5], [3.0]]}\n');
  });

  it('in the shape of the model otherwise', () => {
    const sample = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(answer(matrix, { instances: [sample, sample] }, [1, 2, 3, 4])).toBe(
      '{"predictions": [[1.0, 2.0], [3.0, 4.0]]}\n',
    );
    expect(answer(matrix, { inputs: [sample] }, [9, 9], [0.25, 0.75])).toBe('{"outputs": [[0.25, 0.75]]}\n');
  });

  it('as whole class numbers where the model reveals nothing else', () => {
    const told = (reveal: string, outputSize: number, instances: unknown[], topClasses: number[]) => {
      const model = { ...named, reveal, outputSize } as SharedModel;
      const parsed = parsePredictBody(JSON.stringify({ instances }), model);
      const prediction = { count: parsed.count, logits: null, probabilities: null, topClasses };
      const outputs = JSON.parse(metadataJson(model)).metadata.signature_def.signature_def.serving_default
        .outputs;
      return { text: formatPredictions(prediction as never, model, parsed), outputs };
    };
    const label = told('label', 1, [1, 2, 5], [7, 0, 10]);
    expect(label.text).toBe('{"predictions": [7, 0, 10]}\n');
    expect(label.outputs).toMatchObject({
      classes: { dtype: 'DT_INT64', tensor_shape: { dim: [{ size: '-1' }] } },
    });
    const top = told('top-2', 2, [1, 2], [7, 0, 1, 3]);
    expect(top.text).toBe('{"predictions": [[7, 0], [1, 3]]}\n');
    expect(top.outputs.classes.tensor_shape.dim).toHaveLength(2);
  });
});

describe('status and metadata', () => {
  it('as TensorFlow Serving prints them', () => {
    expect(JSON.parse(statusJson([named]))).toEqual({
      model_version_status: [
        { version: '7', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
      ],
    });
    const metadata = JSON.parse(metadataJson(named));
    expect(metadata.model_spec).toEqual({ name: 'm', signature_name: '', version: '7' });
    expect(metadata.metadata.signature_def.signature_def.serving_default.inputs).toEqual({
      x: {
        dtype: 'DT_FLOAT',
        tensor_shape: {
          dim: [
            { size: '-1', name: '' },
            { size: '1', name: '' },
          ],
          unknown_rank: false,
        },
        name: 'x:0',
      },
    });
    const unnamed = JSON.parse(metadataJson(matrix)).metadata.signature_def.signature_def.serving_default;
    expect(unnamed.inputs.input.tensor_shape.dim.map((dim: { size: string }) => dim.size)).toEqual([
      '-1',
      '2',
      '3',
    ]);
  });
});

it('knows this machine by name and address', () => {
  expect(['localhost', '127.0.0.1', '127.8.9.1', '::1'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', 'example.org', '127.0.0.1.example.org', '128.0.0.1', ''].some(isLoopback)).toBe(
    false,
  );
});

function floats(...values: number[]): string {
  return Buffer.from(Float32Array.from(values).buffer).toString('base64');
}
