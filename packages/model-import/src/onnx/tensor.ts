/** Tensors of an ONNX model. Source: onnx/onnx.proto, TensorProto. */
import { ModelFormatError } from '../errors.js';
import { type Constant, constant, elementsOf } from '../ops/values.js';
import { readElements } from '../tensorflow/types.js';
import type { TensorMessage } from './messages.js';

/** ONNX's numbers of element types, as TensorFlow's. */
const TENSORFLOW_TYPES: ReadonlyMap<number, number> = new Map([
  [1, 1],
  [2, 4],
  [3, 6],
  [5, 5],
  [6, 3],
  [7, 9],
  [9, 10],
  [10, 19],
  [11, 2],
  [16, 14],
]);

/** @throws ModelFormatError when the type has no numbers that can be used here */
export function tensorflowType(dtype: number, where: string): number {
  const type = TENSORFLOW_TYPES.get(dtype);
  if (type === undefined)
    throw new ModelFormatError(`${where} has ONNX's element type ${dtype}, which is not supported.`);
  return type;
}

export function tensorValue(tensor: TensorMessage): Constant {
  const where = `The tensor "${tensor.name}"`;
  if (tensor.location !== 0) {
    throw new ModelFormatError(`${where} lies in another file; save the model with its weights in one file.`);
  }
  const size = elementsOf(tensor.dims, where);
  const type = tensorflowType(tensor.dtype, where);
  if (tensor.raw !== undefined)
    return constant(tensor.dims, readElements(type, tensor.raw, size, where), where);
  const { floats, doubles, ints, longs } = tensor;
  const listed = [floats, doubles, ints, longs].find((list) => list.length > 0) ?? [];
  const halves = tensor.dtype === 10 || tensor.dtype === 16;
  // Two-byte floats are listed as the integers of their bits.
  const values = halves
    ? readElements(type, new Uint8Array(Uint16Array.from(listed).buffer), listed.length, where)
    : Float64Array.from(listed);
  return constant(tensor.dims, values, where);
}
