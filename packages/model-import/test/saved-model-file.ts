/** SavedModels as TensorFlow 2 writes them: a function, resource variables, a restore function, a checkpoint. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { maskedChecksum } from '../src/tensorflow/checksum.js';

type Field = readonly [number: number, value: Uint8Array | string | number | { readonly float: number }];

/** Texts and bytes as they are, whole numbers as varints. */
function message(...fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of fields) {
    if (typeof value === 'number') writer.tag(number, WireType.Varint).int64(value);
    else if (typeof value === 'string') writer.tag(number, WireType.LengthDelimited).string(value);
    else if ('float' in value) writer.tag(number, WireType.Bit32).float(value.float);
    else writer.tag(number, WireType.LengthDelimited).bytes(value);
  }
  return writer.finish();
}

const shape = (...dims: readonly number[]) => message(...dims.map((size): Field => [2, message([1, size])]));
const entry = (key: string, value: Uint8Array | string) => message([1, key], [2, value]);

export const node = (
  name: string,
  op: string,
  inputs: readonly string[],
  attributes: Record<string, Uint8Array> = {},
) =>
  message(
    [1, name],
    [2, op],
    ...inputs.map((input): Field => [3, input]),
    ...Object.entries(attributes).map(([key, value]): Field => [5, entry(key, value)]),
  );

/** Attributes of nodes. */
export const ints = (...values: readonly number[]) =>
  message([1, message(...values.map((value): Field => [3, value]))]);
export const text = (value: string) => message([2, value]);
export const int = (value: number) => message([3, value]);
export const float = (value: number) => message([4, { float: value }]);
export const bool = (value: boolean) => message([5, value ? 1 : 0]);
export const calls = (name: string) => ({ f: message([10, message([1, name])]) });

/** The attribute of a Const. */
const texts = (...values: readonly string[]) => ({
  value: message([8, message([1, 7], [2, shape(values.length)], ...values.map((each): Field => [8, each]))]),
});
export const tensor = (values: Float32Array | Int32Array, ...dims: readonly number[]) => {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const dtype = values instanceof Float32Array ? 1 : 3;
  return { value: message([8, message([1, dtype], [2, shape(...dims)], [4, bytes])]) };
};

export const functionOf = (
  name: string,
  inputs: readonly string[],
  nodes: readonly Uint8Array[],
  result: string,
) =>
  message(
    [
      1,
      message([1, name], ...inputs.map((each): Field => [2, message([1, each])]), [
        3,
        message([1, 'result']),
      ]),
    ],
    ...nodes.map((each): Field => [3, each]),
    [4, entry('result', result)],
  );

export interface Variable {
  /** Of the function's argument, and of its node in the graph. */
  readonly name: string;
  /** In the checkpoint. */
  readonly key: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface SavedModelParts {
  /** Of one sample. */
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly variables: readonly Variable[];
  /** {@link MODEL} and whatever it calls; its arguments are "x" and the variables. */
  readonly functions: readonly Uint8Array[];
}

export const MODEL = '__inference_model_1';
const SIGNATURE = '__inference_signature_wrapper_2';
const RESTORE = '__inference__traced_restore_3';

const byKey = (variables: readonly Variable[]) =>
  [...variables].sort((left, right) => (left.key < right.key ? -1 : 1));

function wrapper(variables: readonly Variable[]): Uint8Array {
  const inputs = ['inputs', ...variables.map((_, index) => `unknown_${index}`)];
  const nodes = [
    node('StatefulPartitionedCall', 'StatefulPartitionedCall', inputs, calls(MODEL)),
    node('Identity', 'Identity', ['StatefulPartitionedCall:output:0']),
  ];
  return functionOf(SIGNATURE, inputs, nodes, 'Identity:output:0');
}

function restore(variables: readonly Variable[]): Uint8Array {
  const stored = byKey(variables);
  const nodes = [
    node('names', 'Const', [], texts(...stored.map(({ key }) => key))),
    node('slices', 'Const', [], texts(...stored.map(() => ''))),
    node('RestoreV2', 'RestoreV2', ['file_prefix', 'names:output:0', 'slices:output:0']),
    ...stored.flatMap(({ name }, index) => [
      node(`Identity_${index}`, 'Identity', [`RestoreV2:tensors:${index}`]),
      node(`AssignVariableOp_${index}`, 'AssignVariableOp', [`assign_${name}`, `Identity_${index}:output:0`]),
    ]),
    node('done', 'Identity', ['file_prefix']),
  ];
  return functionOf(
    RESTORE,
    ['file_prefix', ...variables.map(({ name }) => `assign_${name}`)],
    nodes,
    'done:output:0',
  );
}

const tensorInfo = (name: string, dims: readonly number[]) =>
  message([1, name], [2, 1], [3, shape(-1, ...dims)]);

/** saved_model.pb */
export function savedModelOf({ functions, variables, inputShape, outputShape }: SavedModelParts): Uint8Array {
  const names = variables.map(({ name }) => name);
  const nodes = [
    ...names.map((name) => node(name, 'VarHandleOp', [])),
    node('serving_default_inputs', 'Placeholder', []),
    node(
      'StatefulPartitionedCall',
      'StatefulPartitionedCall',
      ['serving_default_inputs', ...names],
      calls(SIGNATURE),
    ),
    node('saver_filename', 'Placeholder', []),
    node(
      'StatefulPartitionedCall_2',
      'StatefulPartitionedCall',
      ['saver_filename', ...names],
      calls(RESTORE),
    ),
  ];
  const library = message(
    ...[...functions, wrapper(variables), restore(variables)].map((each): Field => [1, each]),
  );
  const graph = message(...nodes.map((each): Field => [1, each]), [2, library]);
  const signature = message(
    [1, entry('inputs', tensorInfo('serving_default_inputs:0', inputShape))],
    [2, entry('output_0', tensorInfo('StatefulPartitionedCall:0', outputShape))],
    [3, 'tensorflow/serving/predict'],
  );
  const meta = message(
    [1, message([4, 'serve'])],
    [2, graph],
    [3, message([3, 'StatefulPartitionedCall_2'])],
    [5, entry('serving_default', signature)],
  );
  return message([1, 1], [2, meta]);
}

/** The files of the folder `variables`: a checkpoint with one block, uncompressed. */
export function checkpoint(variables: readonly Variable[]): (name: string) => Uint8Array {
  const stored = byKey(variables);
  const data = new Uint8Array(Buffer.concat(stored.map(({ values }) => Buffer.from(values.slice().buffer))));
  let offset = 0;
  const entries = stored.map(({ key, shape: dims, values }): readonly [string, Uint8Array] => {
    const size = values.byteLength;
    const writer = new BinaryWriter();
    writer.raw(message([1, 1], [2, shape(...dims)], [4, offset], [5, size]));
    writer.tag(6, WireType.Bit32).fixed32(maskedChecksum(data.subarray(offset, offset + size)));
    offset += size;
    return [key, writer.finish()];
  });
  const block = (content: readonly (readonly [string, Uint8Array])[]) => {
    const parts = content.flatMap(([key, value]) => [
      new BinaryWriter().uint32(0).uint32(Buffer.byteLength(key)).uint32(value.length).finish(),
      Buffer.from(key),
      value,
    ]);
    const body = Buffer.concat([...parts, Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 0])]);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32LE(maskedChecksum(body));
    return Buffer.concat([body, checksum]);
  };
  const handle = (from: number, size: number) => new BinaryWriter().uint32(from).uint32(size).finish();
  const first = block([['', message([1, 1], [2, 0])], ...entries]);
  const index = block([['z', handle(0, first.length - 5)]]);
  const footer = Buffer.alloc(48);
  footer.set([...handle(0, 0), ...handle(first.length, index.length - 5)]);
  footer.set([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb], 40);
  const table = new Uint8Array(Buffer.concat([first, index, footer]));
  return (name) => (name === 'variables.index' ? table : data);
}

/** A dense layer with a sigmoid, of three inputs and two outputs. */
export const KERNEL = Float32Array.of(1, -2, 3, 4, 0.5, -0.25);
export const BIAS = Float32Array.of(0.125, -1);
const DENSE: readonly Variable[] = [
  { name: 'kernel', key: 'layer-0/kernel/.ATTRIBUTES', shape: [3, 2], values: KERNEL },
  { name: 'bias', key: 'layer-0/bias/.ATTRIBUTES', shape: [2], values: BIAS },
];
const DENSE_MODEL = functionOf(
  MODEL,
  ['x', 'kernel', 'bias'],
  [
    node('dense/MatMul/ReadVariableOp', 'ReadVariableOp', ['kernel']),
    node('dense/MatMul', 'MatMul', ['x', 'dense/MatMul/ReadVariableOp:value:0']),
    node('dense/BiasAdd/ReadVariableOp', 'ReadVariableOp', ['bias']),
    node('dense/BiasAdd', 'BiasAdd', ['dense/MatMul:product:0', 'dense/BiasAdd/ReadVariableOp:value:0']),
    node('dense/Sigmoid', 'Sigmoid', ['dense/BiasAdd:output:0']),
    node('Identity', 'Identity', ['dense/Sigmoid:y:0', '^dense/MatMul/ReadVariableOp']),
  ],
  'Identity:output:0',
);

/** @param model the function {@link MODEL}, of "x", "kernel" and "bias" */
export function savedModel(model: Uint8Array = DENSE_MODEL): Uint8Array {
  return savedModelOf({ functions: [model], variables: DENSE, inputShape: [3], outputShape: [2] });
}

export const variables = checkpoint(DENSE);
