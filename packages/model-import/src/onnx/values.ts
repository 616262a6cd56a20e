/** What the edges of an ONNX graph carry. ONNX puts channels first; layers here have them last. */
import { sizeOf } from '@trivet/mpc-core';
import { broadcastShape, broadcastTo, transpose } from '../ops/constants.js';
import type { Constant } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import type { Attribute, NodeMessage } from './messages.js';

export interface Data {
  readonly kind: 'data';
  /** The layer that gives it. */
  readonly layer: string;
  /** Shape of one sample, as ONNX has it. */
  readonly shape: readonly number[];
  /**
   * The order in which the layer has the elements. `plain`: as ONNX; `image`: the shape is [C, H, W], the layer's
   * [H, W, C]; an image that was flattened: what ONNX counts along C, H, W lies along H, W, C.
   */
  readonly order: 'plain' | 'image' | readonly [channels: number, height: number, width: number];
}

export interface Unknown {
  readonly kind: 'unknown';
  readonly layer: string;
}

export type Value = Constant | Data | Unknown;

export type Attributes = ReadonlyMap<string, Attribute>;

export function attributesOf(node: NodeMessage): Attributes {
  return new Map(node.attributes.map((attribute) => [attribute.name, attribute]));
}

/** Data whose order is plain when both orders are the same. */
export function data(layer: string, shape: readonly number[], order: Data['order']): Data {
  const image = order === 'image' ? shape : order;
  if (order !== 'plain' && order !== 'image') {
    const [channels, height, width] = image as readonly [number, number, number];
    if (channels === 1 || height * width === 1) return { kind: 'data', layer, shape, order: 'plain' };
  }
  return { kind: 'data', layer, shape, order };
}

/** For each element in the layer's order, its place in ONNX's; null when the orders are the same. */
export function placesOf({ order }: Data): Float64Array | null {
  if (order === 'plain' || order === 'image') return null;
  const [channels, height, width] = order;
  const places = Float64Array.from({ length: channels * height * width }, (_, index) => index);
  return transpose({ kind: 'constant', shape: order, values: places }, [1, 2, 0], 'flattened').values;
}

/** A constant that broadcasts to each sample, as a vector that repeats along the layer's value. */
export function vectorAlong(x: Data, value: Constant, where: string): Float64Array {
  let extents = [...value.shape];
  while (extents.length > 0 && extents[0] === 1) extents = extents.slice(1);
  const joined = broadcastShape(extents, x.shape);
  if (joined === null || joined.join() !== x.shape.join()) {
    throw new Unsupported(
      `a constant of the shape [${value.shape.join(', ')}] does not fit samples of [${x.shape.join(', ')}]`,
    );
  }
  if (sizeOf(extents) === 1) return value.values;
  const stripped = { ...value, shape: extents };
  if (x.order === 'image') {
    // One value a channel.
    if (extents.length === 3 && extents[1] === 1 && extents[2] === 1) return value.values;
    return transpose(broadcastTo(stripped, x.shape, where), [1, 2, 0], where).values;
  }
  const whole = broadcastTo(stripped, x.shape, where).values;
  const places = placesOf(x);
  return places === null ? whole : Float64Array.from(places, (place) => whole[place]!);
}
