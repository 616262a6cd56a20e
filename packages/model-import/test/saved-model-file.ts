/** A SavedModel as TensorFlow 2 writes Keras models: functions, resource variables, a restore function. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { maskedChecksum } from '../src/tensorflow/checksum.js';

type Field = readonly [number: number, value: Uint8Array | string | number | bigint];

/** Texts and bytes as they are, numbers as varints. */
function message(...fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of fields) {
    if (typeof value === 'number' || typeof value === 'bigint')
      writer.tag(number, WireType.Varint).int64(value);
    else if (typeof value === 'string') writer.tag(number, WireType.LengthDelimited).string(value);
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
const texts = (...values: readonly string[]) => ({
  value: message([8, message([1, 7], [2, shape(values.length)], ...values.map((each): Field => [8, each]))]),
});
export const calls = (name: string) => ({ f: message([10, message([1, name])]) });
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

export const FUNCTIONS = [
  functionOf(
    '__inference_model_1',
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
  ),
  functionOf(
    '__inference_signature_wrapper_2',
    ['inputs', 'unknown', 'unknown_0'],
    [
      node(
        'StatefulPartitionedCall',
        'StatefulPartitionedCall',
        ['inputs', 'unknown', 'unknown_0'],
        calls('__inference_model_1'),
      ),
      node('Identity', 'Identity', ['StatefulPartitionedCall:output:0']),
    ],
    'Identity:output:0',
  ),
  functionOf(
    '__inference__traced_restore_3',
    ['file_prefix', 'assign_kernel', 'assign_bias'],
    [
      node('names', 'Const', [], texts('layer-0/bias/.ATTRIBUTES', 'layer-0/kernel/.ATTRIBUTES')),
      node('slices', 'Const', [], texts('', '')),
      node('RestoreV2', 'RestoreV2', ['file_prefix', 'names:output:0', 'slices:output:0']),
      node('Identity', 'Identity', ['RestoreV2:tensors:1']),
      node('AssignVariableOp', 'AssignVariableOp', ['assign_kernel', 'Identity:output:0']),
      node('Identity_1', 'Identity', ['RestoreV2:tensors:0']),
      node('AssignVariableOp_1', 'AssignVariableOp', ['assign_bias', 'Identity_1:output:0']),
      node('done', 'Identity', ['file_prefix']),
    ],
    'done:output:0',
  ),
];

const tensorInfo = (name: string, ...dims: readonly number[]) =>
  message([1, name], [2, 1], [3, shape(...dims)]);

export function savedModel(functions: readonly Uint8Array[] = FUNCTIONS): Uint8Array {
  const nodes = [
    node('dense/kernel', 'VarHandleOp', []),
    node('dense/bias', 'VarHandleOp', []),
    node('serving_default_inputs', 'Placeholder', []),
    node(
      'StatefulPartitionedCall',
      'StatefulPartitionedCall',
      ['serving_default_inputs', 'dense/kernel', 'dense/bias'],
      calls('__inference_signature_wrapper_2'),
    ),
    node('saver_filename', 'Placeholder', []),
    node(
      'StatefulPartitionedCall_2',
      'StatefulPartitionedCall',
      ['saver_filename', 'dense/kernel', 'dense/bias'],
      calls('__inference__traced_restore_3'),
    ),
  ];
  const library = message(...functions.map((each): Field => [1, each]));
  const graph = message(...nodes.map((each): Field => [1, each]), [2, library]);
  const signature = message(
    [1, entry('inputs', tensorInfo('serving_default_inputs:0', -1, 3))],
    [2, entry('output_0', tensorInfo('StatefulPartitionedCall:0', -1, 2))],
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

export const KERNEL = Float32Array.of(1, -2, 3, 4, 0.5, -0.25);
export const BIAS = Float32Array.of(0.125, -1);

/** A checkpoint of the two variables: one block, uncompressed. */
export function variables(name: string): Uint8Array {
  const data = new Uint8Array(32);
  data.set(new Uint8Array(BIAS.buffer), 0);
  data.set(new Uint8Array(KERNEL.buffer), 8);
  if (name !== 'variables.index') return data;
  const stored = (dims: readonly number[], offset: number, size: number) => {
    const writer = new BinaryWriter();
    writer.raw(message([1, 1], [2, shape(...dims)], [4, offset], [5, size]));
    writer.tag(6, WireType.Bit32).fixed32(maskedChecksum(data.subarray(offset, offset + size)));
    return writer.finish();
  };
  const block = (entries: readonly (readonly [string, Uint8Array])[]) => {
    const parts = entries.flatMap(([key, value]) => [
      Uint8Array.of(0, key.length, value.length),
      Buffer.from(key),
      value,
    ]);
    const body = Buffer.concat([...parts, Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 0])]);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32LE(maskedChecksum(body));
    return Buffer.concat([body, checksum]);
  };
  const first = block([
    ['', message([1, 1], [2, 0])],
    ['layer-0/bias/.ATTRIBUTES', stored([2], 0, 8)],
    ['layer-0/kernel/.ATTRIBUTES', stored([3, 2], 8, 24)],
  ]);
  const handle = (offset: number, size: number) => new BinaryWriter().uint32(offset).uint32(size).finish();
  const index = block([['z', handle(0, first.length - 5)]]);
  const footer = Buffer.alloc(48);
  footer.set([...handle(0, 0), ...handle(first.length, index.length - 5)]);
  footer.set([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb], 40);
  return new Uint8Array(Buffer.concat([first, index, footer]));
}
