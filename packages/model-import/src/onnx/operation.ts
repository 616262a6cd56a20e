/** One node of an ONNX graph, with the values that it reads. */
import type { FloatTensor, Layer, Pair } from '@trivet/mpc-core';
import type { LayerBuilder } from '../ops/builder.js';
import type { Constant } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import type { NodeMessage } from './messages.js';
import { type Attributes, attributesOf, type Data, data, type Value } from './values.js';

export class Operation {
  readonly attributes: Attributes;

  /** @param inputs null for one that is left out */
  constructor(
    readonly node: NodeMessage,
    readonly inputs: readonly (Value | null)[],
    readonly name: string,
    readonly opset: number,
    private readonly builder: LayerBuilder,
  ) {
    this.attributes = attributesOf(node);
  }

  get where(): string {
    return `Operation "${this.name}" (${this.node.op})`;
  }

  data(index = 0): Data {
    const value = this.inputs[index];
    if (value?.kind !== 'data') throw new Unsupported('an input that is no constant is missing');
    return value;
  }

  constant(index: number): Constant {
    const value = this.inputs[index];
    if (value?.kind !== 'constant')
      throw new Unsupported("an input that has to be constant depends on the model's input");
    return value;
  }

  has(index: number): boolean {
    return (this.inputs[index] ?? null) !== null;
  }

  isConstant(index: number): boolean {
    return this.inputs[index]?.kind === 'constant';
  }

  ints(name: string): readonly number[] | undefined {
    return this.attributes.get(name)?.ints;
  }

  int(name: string, absent: number): number {
    return this.attributes.get(name)?.i ?? absent;
  }

  float(name: string, absent: number): number {
    return this.attributes.get(name)?.f ?? absent;
  }

  text(name: string): string {
    return new TextDecoder().decode(this.attributes.get(name)?.s);
  }

  layer(layer: Layer, from: readonly Data[], shape: readonly number[], order: Data['order']): Data {
    const inputs = from.map((each) => each.layer);
    return data(this.builder.add(this.name, inputs, layer), shape, order);
  }
}

export type Translate = (operation: Operation) => Value;

export function image(x: Data): readonly [channels: number, height: number, width: number] {
  if (x.order !== 'image') {
    throw new Unsupported(`it takes images [channels, height, width], its input is [${x.shape.join(', ')}]`);
  }
  return x.shape as unknown as readonly [number, number, number];
}

export function pair(list: readonly number[] | undefined): Pair {
  const [height = 1, width = 1, ...others] = list ?? [];
  if (others.length > 0 || !(height >= 1) || !(width >= 1)) {
    throw new Unsupported(`[${list?.join(', ')}] along the rows and columns is not supported`);
  }
  return [height, width];
}

export function tensor({ shape, values }: Constant): FloatTensor {
  return { shape, values };
}

export function vectorTensor(values: ArrayLike<number>): FloatTensor {
  return { shape: [values.length], values: Float64Array.from(values) };
}
