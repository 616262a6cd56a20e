/** What the edges of a graph of operations carry while it is translated to layers. */
import { sizeOf } from '@trivet/mpc-core';
import { ModelFormatError } from '../errors.js';

/** A value that does not depend on the model's input. */
export interface Constant {
  readonly kind: 'constant';
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** Elements of one constant, at most; as many as all weights of a plan may have. */
const MAX_ELEMENTS = 50_000_000;

/** @throws ModelFormatError when there are not as many values as the shape says */
export function constant(shape: readonly number[], values: Float64Array, where: string): Constant {
  if (values.length !== elementsOf(shape, where)) {
    throw new ModelFormatError(`${where} has ${values.length} values for the shape [${shape.join(', ')}].`);
  }
  return { kind: 'constant', shape, values };
}

/** @throws ModelFormatError when the shape is none, or absurdly large */
export function elementsOf(shape: readonly number[], where: string): number {
  const size = sizeOf(shape);
  if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0) || size > MAX_ELEMENTS) {
    throw new ModelFormatError(
      `${where} has the shape [${shape.join(', ')}], which is none that can be held.`,
    );
  }
  return size;
}
