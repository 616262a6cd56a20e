import { Unsupported } from '../unsupported.js';
import {
  activation,
  add,
  batchNormalization,
  divide,
  elementwise,
  leakyRelu,
  matMul,
  multiply,
  negate,
  shift,
  subtract,
} from './arithmetic.js';
import { conv2d, depthwise, padded, pooling, reduction } from './images.js';
import { type Operation, requireChannelsLast, type Translate, type Value } from './operation.js';
import {
  concatenate,
  expanded,
  gathered,
  pack,
  product,
  reshaped,
  shapeOf,
  slice,
  squeezed,
  transposed,
} from './shapes.js';

export const first: Translate = ({ inputs }) => {
  const value = inputs[0];
  if (value === undefined) throw new Unsupported('it has no input');
  return value;
};

const OPERATIONS: Readonly<Record<string, Translate>> = {
  Identity: first,
  IdentityN: first,
  StopGradient: first,
  PreventGradient: first,
  CheckNumerics: first,
  EnsureShape: first,
  Cast: first,
  ReadVariableOp: (operation) => operation.constant(0),
  MatMul: matMul,
  Conv2D: conv2d,
  BiasAdd: (operation) => {
    requireChannelsLast(operation);
    return shift(operation, 0, 1, 1);
  },
  Add: add,
  AddV2: add,
  Sub: subtract,
  Mul: multiply,
  RealDiv: divide,
  Div: divide,
  Rsqrt: elementwise((x) => 1 / Math.sqrt(x)),
  Sqrt: elementwise(Math.sqrt),
  Neg: negate,
  FusedBatchNorm: batchNormalization,
  FusedBatchNormV2: batchNormalization,
  FusedBatchNormV3: batchNormalization,
  DepthwiseConv2dNative: depthwise,
  Relu: activation('relu'),
  Relu6: activation('relu6'),
  Sigmoid: activation('sigmoid'),
  Tanh: activation('tanh'),
  LeakyRelu: leakyRelu,
  Softmax: activation('softmax'),
  AvgPool: pooling('AveragePooling2D'),
  MaxPool: pooling('MaxPooling2D'),
  Mean: reduction('GlobalAveragePooling2D'),
  Max: reduction('GlobalMaxPooling2D'),
  Reshape: reshaped,
  Squeeze: squeezed,
  ExpandDims: expanded,
  Pad: padded,
  PadV2: padded,
  Shape: shapeOf,
  StridedSlice: slice,
  GatherV2: gathered,
  Prod: product,
  Pack: pack,
  ConcatV2: concatenate,
  Transpose: transposed,
};

/**
 * @throws Unsupported when the operation cannot be evaluated
 * @throws ModelFormatError when its attributes or constants make no sense
 */
export function translate(operation: Operation): Value {
  const own = Object.hasOwn(OPERATIONS, operation.node.op) ? OPERATIONS[operation.node.op] : undefined;
  if (own === undefined) throw new Unsupported('this operation is not supported');
  return own(operation);
}

export function isSupported(op: string): boolean {
  return Object.hasOwn(OPERATIONS, op);
}
