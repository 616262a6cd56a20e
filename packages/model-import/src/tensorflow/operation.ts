/** One node of a TensorFlow graph, with the values that it reads. */
import type { FloatTensor, Layer } from '@trivet/mpc-core';
import type { LayerBuilder } from '../ops/builder.js';
import type { Constant } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import type { Attribute, NodeMessage } from './messages.js';

/** A value that depends on the model's input. */
export interface Data {
  readonly kind: 'data';
  /** The layer that gives it. */
  readonly layer: string;
  /** Shape of one sample; empty for one number. */
  readonly shape: readonly number[];
}

/** What an unsupported operation gives: nothing is known about it. */
export interface Unknown {
  readonly kind: 'unknown';
  readonly layer: string;
}

/** A variable that nothing has read yet. */
export interface Variable {
  readonly kind: 'variable';
  readonly node: string;
}

export type Value = Constant | Data | Unknown | Variable;

/** One node, with the values that it reads. */
export class Operation {
  constructor(
    readonly node: NodeMessage,
    readonly inputs: readonly Value[],
    private readonly builder: LayerBuilder,
    private readonly readVariable: (node: string) => Constant,
  ) {}

  get where(): string {
    return `Operation "${this.node.name}" (${this.node.op})`;
  }

  attribute(name: string): Attribute | undefined {
    return this.node.attr.get(name);
  }

  /** An input that depends on the model's input. */
  data(index: number): Data {
    const value = this.inputs[index];
    if (value?.kind !== 'data') throw new Unsupported('an input that is no constant is missing');
    return value;
  }

  /** An input that does not: a constant, or the value of a variable. */
  constant(index: number, what = 'input'): Constant {
    const value = this.inputs[index];
    if (value?.kind === 'constant') return value;
    if (value?.kind === 'variable') return this.readVariable(value.node);
    throw new Unsupported(`its ${what} depends on the model's input`);
  }

  isConstant(index: number): boolean {
    const kind = this.inputs[index]?.kind;
    return kind === 'constant' || kind === 'variable';
  }

  /** Adds a layer that reads `from`. */
  layer(layer: Layer, from: readonly Data[], shape: readonly number[]): Data {
    const inputs = from.map((each) => each.layer);
    return { kind: 'data', layer: this.builder.add(this.node.name, inputs, layer), shape };
  }
}

export type Translate = (operation: Operation) => Value;

export function image(x: Data): readonly [height: number, width: number, channels: number] {
  if (x.shape.length !== 3) {
    throw new Unsupported(`it takes images, its input has the shape [${x.shape.join(', ')}]`);
  }
  return x.shape as unknown as readonly [number, number, number];
}

export function requireChannelsLast(operation: Operation): void {
  const format = new TextDecoder().decode(operation.attribute('data_format')?.s);
  if (format !== '' && format !== 'NHWC') {
    throw new Unsupported(`the data format "${format}" is not supported, only NHWC`);
  }
}

export function tensor({ shape, values }: Constant): FloatTensor {
  return { shape, values };
}

export function vectorTensor(values: ArrayLike<number>): FloatTensor {
  return { shape: [values.length], values: Float64Array.from(values) };
}
