/**
 * Numbers out of JSON: nested lists and base64 as the rows of one tensor.
 *
 * A sample is a nested list of numbers, or `{"b64": …}`, the tensor's bytes: 32-bit floats, little-endian, in row-major
 * order; or, for a model that was shared for pictures, one byte a pixel, as in the MNIST files. Errors name the
 * position, never the value.
 */
import { type Manifest, TrivetError } from '@trivet/shared-types';

export interface Samples {
  /** count * inputSize, row-major. */
  readonly values: Float32Array;
  readonly count: number;
  /** Of one sample as it was given; all samples have the same. */
  readonly shape: readonly number[];
}

export interface SampleFormat {
  readonly inputSize: number;
  /** Of one sample; null: any shape with `inputSize` numbers. -1 stands for any extent. */
  readonly shape: readonly number[] | null;
  readonly preprocessing: Manifest['preprocessing'];
}

/** @param where begins the sentence of an error, for example `"instances"` */
export function readSamples(rows: readonly unknown[], format: SampleFormat, where: string): Samples {
  const { inputSize } = format;
  if (rows.length === 0) throw invalid(`${where} holds no sample.`);
  const shape = shapeOf(rows[0], format);
  if (!isAllowed(shape, format)) {
    const expected = format.shape === null ? `${inputSize} numbers` : describe(format.shape);
    throw invalid(`${where}: a sample of this model is ${expected}, not ${describe(shape)}.`);
  }
  const values = new Float32Array(rows.length * inputSize);
  rows.forEach((row, index) => {
    const target = values.subarray(index * inputSize, (index + 1) * inputSize);
    if (isBase64(row)) decodeBase64(row.b64, target, format, `${where}, sample ${index}`);
    else fill(row, shape, 0, target, 0, `${where}, sample ${index}`);
  });
  return { values, count: rows.length, shape };
}

export function isBase64(value: unknown): value is { readonly b64: unknown } {
  return isObject(value) && Object.keys(value).length === 1 && 'b64' in value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The shape that the first elements have; whether all others do is for {@link fill}. */
function shapeOf(sample: unknown, format: SampleFormat): number[] {
  if (isBase64(sample)) return format.shape?.includes(-1) === false ? [...format.shape] : [format.inputSize];
  const shape: number[] = [];
  // No tensor has more axes than this; what is nested deeper has a wrong shape in any case.
  for (let value = sample; Array.isArray(value) && shape.length < 16; value = value[0]) {
    shape.push(value.length);
  }
  return shape;
}

function isAllowed(shape: readonly number[], { shape: expected, inputSize }: SampleFormat): boolean {
  if (shape.reduce((product, extent) => product * extent, 1) !== inputSize) return false;
  // TensorFlow broadcasts: a model of one number takes it bare, or in as many brackets as one likes.
  if (expected === null || inputSize === 1) return true;
  return (
    shape.length === expected.length &&
    shape.every((extent, axis) => expected[axis] === -1 || expected[axis] === extent)
  );
}

/** Writes a nested list into `target` from `offset` on. @returns the offset after it */
function fill(
  value: unknown,
  shape: readonly number[],
  axis: number,
  target: Float32Array,
  offset: number,
  where: string,
): number {
  if (axis === shape.length) {
    if (typeof value !== 'number') throw invalid(`${where}: element ${offset} is not a number.`);
    target[offset] = value;
    return offset + 1;
  }
  if (!Array.isArray(value) || value.length !== shape[axis]) {
    throw invalid(`${where} is not a list of the shape ${describe(shape)} that the first one has.`);
  }
  let next = offset;
  for (const element of value) next = fill(element, shape, axis + 1, target, next, where);
  return next;
}

function decodeBase64(text: unknown, target: Float32Array, format: SampleFormat, where: string): void {
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) {
    throw invalid(`${where}: "b64" is not base64.`);
  }
  const bytes = Buffer.from(text, 'base64');
  const { preprocessing } = format;
  if (bytes.length === 4 * target.length) {
    for (let index = 0; index < target.length; index++) target[index] = bytes.readFloatLE(4 * index);
  } else if (preprocessing !== null && bytes.length === target.length) {
    for (let index = 0; index < target.length; index++)
      target[index] = bytes[index]! / preprocessing.divideBy;
  } else {
    const orPixels = preprocessing === null ? '' : `, or of ${target.length} pixels`;
    throw invalid(
      `${where}: "b64" holds ${bytes.length} bytes, not those of ${target.length} floats${orPixels}.`,
    );
  }
}

function describe(shape: readonly number[]): string {
  return shape.length === 0 ? 'a single number' : `[${shape.map((one) => (one < 0 ? '?' : one)).join(', ')}]`;
}

export function invalid(sentence: string): TrivetError {
  return new TrivetError('INVALID_ARGUMENT', sentence);
}
