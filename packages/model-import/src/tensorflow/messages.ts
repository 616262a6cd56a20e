/**
 * The parts of TensorFlow's messages that are looked at. Source: tensorflow/core/protobuf (saved_model, meta_graph,
 * saver, tensor_bundle) and tensorflow/core/framework (graph, node_def, attr_value, function, op_def, tensor).
 */
import {
  bool,
  bytes,
  double,
  fixed32,
  float,
  int32,
  int64,
  map,
  message,
  optional,
  repeated,
  single,
  text,
  textMap,
} from '../protobuf/message.js';

const tensorShape = message({
  dim: [2, repeated(message({ size: [1, single(int64, 0)] }))],
  unknownRank: [3, single(bool, false)],
});
export type TensorShape = ReturnType<typeof tensorShape.empty>;

const tensor = message({
  dtype: [1, single(int32, 0)],
  shape: [2, optional(tensorShape)],
  content: [4, optional(bytes)],
  floats: [5, repeated(float)],
  doubles: [6, repeated(double)],
  ints: [7, repeated(int32)],
  texts: [8, repeated(bytes)],
  longs: [10, repeated(int64)],
  bools: [11, repeated(bool)],
  halves: [13, repeated(int32)],
});
export type TensorMessage = ReturnType<typeof tensor.empty>;

const functionName = message({ name: [1, single(text, '')] });

const attribute = message({
  list: [1, optional(message({ i: [3, repeated(int64)], type: [6, repeated(int32)] }))],
  s: [2, optional(bytes)],
  i: [3, optional(int64)],
  f: [4, optional(float)],
  b: [5, optional(bool)],
  type: [6, optional(int32)],
  shape: [7, optional(tensorShape)],
  tensor: [8, optional(tensor)],
  func: [10, optional(functionName)],
});
export type Attribute = ReturnType<typeof attribute.empty>;

const node = message({
  name: [1, single(text, '')],
  op: [2, single(text, '')],
  input: [3, repeated(text)],
  attr: [5, map(attribute)],
});
export type NodeMessage = ReturnType<typeof node.empty>;

const argument = message({ name: [1, single(text, '')] });

const functionDefinition = message({
  signature: [
    1,
    optional(
      message({
        name: [1, single(text, '')],
        inputs: [2, repeated(argument)],
        outputs: [3, repeated(argument)],
      }),
    ),
  ],
  nodes: [3, repeated(node)],
  results: [4, textMap()],
  controlResults: [6, textMap()],
});
export type FunctionMessage = ReturnType<typeof functionDefinition.empty>;

const graph = message({
  nodes: [1, repeated(node)],
  library: [2, optional(message({ functions: [1, repeated(functionDefinition)] }))],
});
export type GraphMessage = ReturnType<typeof graph.empty>;

const tensorInfo = message({
  name: [1, single(text, '')],
  dtype: [2, single(int32, 0)],
  shape: [3, optional(tensorShape)],
});
export type TensorInfo = ReturnType<typeof tensorInfo.empty>;

const signature = message({
  inputs: [1, map(tensorInfo)],
  outputs: [2, map(tensorInfo)],
  method: [3, single(text, '')],
});
export type SignatureMessage = ReturnType<typeof signature.empty>;

const metaGraph = message({
  info: [1, optional(message({ tags: [4, repeated(text)] }))],
  graph: [2, optional(graph)],
  saver: [3, optional(message({ restoreOp: [3, single(text, '')] }))],
  signatures: [5, map(signature)],
});
export type MetaGraphMessage = ReturnType<typeof metaGraph.empty>;

export const savedModel = message({
  schemaVersion: [1, single(int64, 0)],
  metaGraphs: [2, repeated(metaGraph)],
});

export const bundleHeader = message({
  shards: [1, single(int32, 0)],
  endianness: [2, single(int32, 0)],
});

export const bundleEntry = message({
  dtype: [1, single(int32, 0)],
  shape: [2, optional(tensorShape)],
  shard: [3, single(int32, 0)],
  offset: [4, single(int64, 0)],
  size: [5, single(int64, 0)],
  checksum: [6, single(fixed32, 0)],
  slices: [7, repeated(bytes)],
});
export type BundleEntry = ReturnType<typeof bundleEntry.empty>;
