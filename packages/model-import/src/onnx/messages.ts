/** The parts of ONNX's messages that are looked at. Source: onnx/onnx.proto. */
import {
  bytes,
  double,
  float,
  int32,
  int64,
  message,
  optional,
  repeated,
  single,
  text,
} from '../protobuf/message.js';

const tensor = message({
  dims: [1, repeated(int64)],
  dtype: [2, single(int32, 0)],
  floats: [4, repeated(float)],
  ints: [5, repeated(int32)],
  longs: [7, repeated(int64)],
  name: [8, single(text, '')],
  raw: [9, optional(bytes)],
  doubles: [10, repeated(double)],
  /** 1: the values lie in another file. */
  location: [14, single(int32, 0)],
});
export type TensorMessage = ReturnType<typeof tensor.empty>;

const attribute = message({
  name: [1, single(text, '')],
  f: [2, single(float, 0)],
  i: [3, single(int64, 0)],
  s: [4, optional(bytes)],
  t: [5, optional(tensor)],
  floats: [7, repeated(float)],
  ints: [8, repeated(int64)],
});
export type Attribute = ReturnType<typeof attribute.empty>;

const node = message({
  inputs: [1, repeated(text)],
  outputs: [2, repeated(text)],
  name: [3, single(text, '')],
  op: [4, single(text, '')],
  attributes: [5, repeated(attribute)],
  domain: [7, single(text, '')],
});
export type NodeMessage = ReturnType<typeof node.empty>;

const dimension = message({ value: [1, optional(int64)] });
const tensorType = message({
  dtype: [1, single(int32, 0)],
  shape: [2, optional(message({ dims: [1, repeated(dimension)] }))],
});
const valueInfo = message({
  name: [1, single(text, '')],
  type: [2, optional(message({ tensor: [1, optional(tensorType)] }))],
});
export type ValueInfo = ReturnType<typeof valueInfo.empty>;

const graph = message({
  nodes: [1, repeated(node)],
  name: [2, single(text, '')],
  initializers: [5, repeated(tensor)],
  inputs: [11, repeated(valueInfo)],
  outputs: [12, repeated(valueInfo)],
});
export type GraphMessage = ReturnType<typeof graph.empty>;

export const onnxModel = message({
  irVersion: [1, single(int64, 0)],
  graph: [7, optional(graph)],
  opsets: [8, repeated(message({ domain: [1, single(text, '')], version: [2, single(int64, 0)] }))],
});
