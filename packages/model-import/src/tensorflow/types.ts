/** TensorFlow's element types: their numbers, names and how they are stored. Source: framework/types.proto. */
import { ModelFormatError } from '../errors.js';
import { halfToFloat } from '../half.js';
import type { SignatureType } from '../signature.js';

interface ElementType {
  readonly name: SignatureType | 'DT_STRING' | 'DT_BOOL';
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number;
}

/** Beyond 2^53 only "to the very end" is ever meant. */
const long = (view: DataView, at: number): number => {
  const value = Number(view.getBigInt64(at, true));
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(Number.MIN_SAFE_INTEGER, value));
};

const bfloat16 = (view: DataView, at: number): number => {
  const wide = new DataView(new ArrayBuffer(4));
  wide.setUint16(2, view.getUint16(at, true), true);
  return wide.getFloat32(0, true);
};

export const DT_STRING = 7;

const TYPES: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [1, { name: 'DT_FLOAT', bytes: 4, read: (view, at) => view.getFloat32(at, true) }],
  [2, { name: 'DT_DOUBLE', bytes: 8, read: (view, at) => view.getFloat64(at, true) }],
  [3, { name: 'DT_INT32', bytes: 4, read: (view, at) => view.getInt32(at, true) }],
  [4, { name: 'DT_UINT8', bytes: 1, read: (view, at) => view.getUint8(at) }],
  [5, { name: 'DT_INT16', bytes: 2, read: (view, at) => view.getInt16(at, true) }],
  [6, { name: 'DT_INT8', bytes: 1, read: (view, at) => view.getInt8(at) }],
  [9, { name: 'DT_INT64', bytes: 8, read: long }],
  [10, { name: 'DT_BOOL', bytes: 1, read: (view, at) => view.getUint8(at) }],
  [14, { name: 'DT_BFLOAT16', bytes: 2, read: bfloat16 }],
  [19, { name: 'DT_HALF', bytes: 2, read: (view, at) => halfToFloat(view.getUint16(at, true)) }],
]);

/** @throws ModelFormatError for a type whose values are no numbers that can be used here */
export function elementType(dtype: number, where: string): ElementType {
  const type = TYPES.get(dtype);
  if (type === undefined) {
    throw new ModelFormatError(`${where} has TensorFlow's element type ${dtype}, which is not supported.`);
  }
  return type;
}

/** The values of `count` elements stored one after the other, little-endian. */
export function readElements(dtype: number, data: Uint8Array, count: number, where: string): Float64Array {
  const type = elementType(dtype, where);
  if (data.length !== count * type.bytes) {
    throw new ModelFormatError(`${where} has ${data.length} bytes for ${count} values of ${type.name}.`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Float64Array.from({ length: count }, (_, index) => type.read(view, index * type.bytes));
}
