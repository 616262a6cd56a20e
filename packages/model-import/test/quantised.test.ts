import { evaluateGraph } from '@trivet/mpc-core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfToFloat } from '../src/half.js';
import { importTfjsLayers, ModelFormatError } from '../src/index.js';

/** y = 2 inputs -> 1 unit without bias: the outputs for the unit vectors are the weights. */
function oneLayer(quantization: unknown, dtype = 'float32') {
  return {
    format: 'layers-model',
    modelTopology: {
      class_name: 'Sequential',
      config: {
        name: 'm',
        layers: [
          {
            class_name: 'Dense',
            config: { name: 'dense', units: 1, use_bias: false, batch_input_shape: [null, 2] },
          },
        ],
      },
    },
    weightsManifest: [
      {
        paths: ['w.bin'],
        weights: [{ name: 'dense/kernel', shape: [2, 1], dtype, ...(quantization ? { quantization } : {}) }],
      },
    ],
  };
}

const weightsOf = (json: unknown, bytes: Uint8Array) => [
  ...evaluateGraph(importTfjsLayers(json, bytes), [1, 0, 0, 1], 2),
];

describe('quantised weights', () => {
  it('uint8', () => {
    const json = oneLayer({ dtype: 'uint8', scale: 0.5, min: -3, original_dtype: 'float32' });
    expect(weightsOf(json, Uint8Array.of(0, 255))).toEqual([-3, 124.5]);
  });

  it('uint16', () => {
    const json = oneLayer({ dtype: 'uint16', scale: 0.25, min: 1 });
    expect(weightsOf(json, Uint8Array.of(1, 0, 0, 1))).toEqual([1.25, 65]);
  });

  it('float16', () => {
    const json = oneLayer({ dtype: 'float16' });
    expect(weightsOf(json, Uint8Array.of(0x00, 0x3e, 0x01, 0x80))).toEqual([1.5, -(2 ** -24)]);
  });

  it.each([
    ['another quantization', oneLayer({ dtype: 'int4', scale: 1, min: 0 }), /"int4", expected uint8/],
    ['a missing scale', oneLayer({ dtype: 'uint8', min: 0 }), /needs a scale and a min/],
    ['integers', oneLayer(null, 'int32'), /type "int32", expected "float32"/],
  ])('refuses %s', (_, json, message) => {
    expect(() => importTfjsLayers(json, new Uint8Array(8))).toThrow(ModelFormatError);
    expect(() => importTfjsLayers(json, new Uint8Array(8))).toThrow(message);
  });

  it('refuses weights that are not numbers', () => {
    expect(() => importTfjsLayers(oneLayer({ dtype: 'float16' }), Uint8Array.of(0, 0x7c, 0, 0))).toThrow(
      /not a finite number/,
    );
  });
});

describe('half precision', () => {
  it('agrees with the definition: ordered, and exact powers of two', () => {
    expect(halfToFloat(0x3c00)).toBe(1);
    expect(halfToFloat(0xc000)).toBe(-2);
    expect(halfToFloat(0x7bff)).toBe(65504);
    expect(halfToFloat(0x0400)).toBe(2 ** -14);
    expect(halfToFloat(0xfc00)).toBe(Number.NEGATIVE_INFINITY);
    expect(halfToFloat(0x7e00)).toBeNaN();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7bfe }), (bits) => {
        expect(halfToFloat(bits + 1)).toBeGreaterThan(halfToFloat(bits));
        expect(halfToFloat(bits | 0x8000)).toBe(-halfToFloat(bits));
      }),
    );
  });
});
