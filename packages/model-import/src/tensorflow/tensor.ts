/** Constants of a TensorFlow graph. Source: tensorflow/core/framework/tensor.proto, tensor.cc for how values are filled up. */
import { ModelFormatError } from '../errors.js';
import { type Constant, constant, elementsOf } from '../ops/values.js';
import type { NodeMessage, TensorMessage } from './messages.js';
import { DT_STRING, readElements } from './types.js';

/** The value of a Const node; texts have no numeric value and give an empty constant. */
export function constantOf(node: NodeMessage): Constant {
  const tensor = tensorOf(node);
  const where = `The constant "${node.name}"`;
  if (tensor.dtype === DT_STRING) return constant([0], new Float64Array(), where);
  const shape = (tensor.shape?.dim ?? []).map(({ size }) => size);
  const count = elementsOf(shape, where);
  if (tensor.content !== undefined) {
    return constant(shape, readElements(tensor.dtype, tensor.content, count, where), where);
  }
  return constant(shape, filledUp(tensor, count, where), where);
}

/** The texts of a Const node. */
export function constantTexts(node: NodeMessage): readonly string[] {
  const decoder = new TextDecoder();
  return tensorOf(node).texts.map((each) => decoder.decode(each));
}

function tensorOf(node: NodeMessage): TensorMessage {
  const tensor = node.attr.get('value')?.tensor;
  if (tensor === undefined) throw new ModelFormatError(`The constant "${node.name}" has no value.`);
  return tensor;
}

/** The last value that is listed stands for all that follow; no value at all for zeros. */
function filledUp(tensor: TensorMessage, count: number, where: string): Float64Array {
  const { dtype, floats, doubles, ints, longs, bools, halves } = tensor;
  const lists = [floats, doubles, ints, longs, bools.map(Number)];
  const listed = halves.length > 0 ? halvesOf(dtype, halves, where) : (lists.find((l) => l.length > 0) ?? []);
  if (listed.length > count) {
    throw new ModelFormatError(`${where} lists ${listed.length} values for ${count} elements.`);
  }
  const last = listed.at(-1) ?? 0;
  return Float64Array.from({ length: count }, (_, index) => listed[index] ?? last);
}

/** Two-byte floats are listed as the integers of their bits. */
function halvesOf(dtype: number, halves: readonly number[], where: string): readonly number[] {
  const data = new Uint8Array(Uint16Array.from(halves).buffer);
  return [...readElements(dtype, data, halves.length, where)];
}
