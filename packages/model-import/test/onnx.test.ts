/**
 * ONNX models that PyTorch exported, against what PyTorch itself answers (fixtures/onnx/generate.py), and against
 * onnxruntime on the same input.
 */
import { readFileSync } from 'node:fs';
import {
  applyOutputActivation,
  compile,
  evaluateGraph,
  evaluatePlan,
  UnsupportedLayersError,
} from '@trivet/mpc-core';
import { InferenceSession, Tensor } from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { detectFormat, importModel, importOnnx, ModelFormatError } from '../src/index.js';

const FOLDER = new URL('fixtures/onnx/', import.meta.url);
const bytes = (name: string) => new Uint8Array(readFileSync(new URL(name, FOLDER)));
const COUNT = 3;

/** PyTorch's images [channels, height, width], as the model takes them here. */
function channelsLast(values: readonly number[], [height, width, channels]: readonly number[]): number[] {
  if (channels === undefined) return [...values];
  const size = height! * width! * channels;
  return values.map((_, index) => {
    const [sample, place] = [Math.floor(index / size), index % size];
    const [cell, channel] = [Math.floor(place / channels), place % channels];
    return values[sample * size + channel * height! * width! + cell]!;
  });
}

describe.each(['lenet', 'residual', 'dense', 'padded'])('%s', (name) => {
  const expected = JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as {
    inputs: number[];
    outputs: number[];
  };
  const { graph, signature } = importOnnx(bytes(`${name}.onnx`));

  it('answers what PyTorch answers, as layers and as a plan', () => {
    const inputs = channelsLast(expected.inputs, graph.inputShape);
    const compiled = compile(graph);
    for (const logits of [evaluateGraph(graph, inputs, COUNT), evaluatePlan(compiled, inputs, COUNT)]) {
      const actual = applyOutputActivation(compiled.plan, logits);
      expect(actual.length).toBe(expected.outputs.length);
      actual.forEach((value, index) => {
        expect(Math.abs(value - expected.outputs[index]!)).toBeLessThan(5e-5);
      });
    }
  });

  it('answers what onnxruntime answers', async () => {
    const session = await InferenceSession.create(bytes(`${name}.onnx`));
    const [metadata] = session.inputMetadata;
    const shape = metadata?.isTensor === true ? metadata.shape.slice(1) : [];
    const batch = new Tensor('float32', Float32Array.from(expected.inputs), [COUNT, ...(shape as number[])]);
    const outputs = (await session.run({ [session.inputNames[0]!]: batch }))[session.outputNames[0]!]!;
    const compiled = compile(graph);
    const logits = evaluateGraph(graph, channelsLast(expected.inputs, graph.inputShape), COUNT);
    const actual = applyOutputActivation(compiled.plan, logits);
    const theirs = Array.from(outputs.data as Float32Array);
    expect(actual.length).toBe(theirs.length);
    actual.forEach((value, index) => {
      expect(Math.abs(value - theirs[index]!)).toBeLessThan(5e-5);
    });
    await session.release();
  });

  it('keeps the names of its input and output', () => {
    expect(signature).toMatchObject({
      name: 'serving_default',
      input: { name: 'pixels', dtype: 'DT_FLOAT', shape: [-1, ...graph.inputShape] },
      output: { name: 'scores', shape: null },
    });
  });

  it('ends in a ModelFormatError wherever it is cut short, and never crashes on a flipped byte', () => {
    const whole = bytes(`${name}.onnx`);
    for (let length = 0; length < whole.length; length += 101) {
      expect(() => importOnnx(whole.slice(0, length))).toThrow(ModelFormatError);
    }
    for (let at = 0; at < whole.length; at += 67) {
      const damaged = whole.slice();
      damaged[at]! ^= 0x2a;
      try {
        importOnnx(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(ModelFormatError);
      }
    }
  }, 60_000);
});

describe('ONNX', () => {
  it('is known by its content', async () => {
    expect(detectFormat(bytes('lenet.onnx'))).toBe('onnx');
    const source = { file: 'any.name', list: async () => [], read: async () => bytes('dense.onnx') };
    expect((await importModel(source)).format).toBe('onnx');
  });

  it('lists all operations that are not supported', () => {
    const whole = Buffer.from(bytes('dense.onnx'));
    const changed = Buffer.from(whole);
    // "Relu" and "Sigmoid" become operations that do not exist; both come twice, in names and as kinds.
    for (const [name, other] of [
      ['"\x04Relu', '"\x04Rely'],
      ['"\x07Sigmoid', '"\x07Sigmoit'],
    ] as const) {
      const at = changed.indexOf(name, 0, 'latin1');
      expect(at).toBeGreaterThan(0);
      changed.write(other, at, 'latin1');
    }
    const { graph } = importOnnx(changed);
    expect(() => compile(graph)).toThrow(UnsupportedLayersError);
    expect(() => compile(graph)).toThrow(/\(Rely\)[\s\S]*\(Sigmoit\)/);
  });
});
