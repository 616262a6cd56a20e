/** Operations on values: products, sums, normalization, activations. Names and attributes: tensorflow/core/ops. */
import type { ActivationName } from '@trivet/mpc-core';
import { combine, repeatingVector, transpose } from '../ops/constants.js';
import type { Constant } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import {
  type Data,
  type Operation,
  requireChannelsLast,
  type Translate,
  tensor,
  type Value,
  vectorTensor,
} from './operation.js';

export function matMul(operation: Operation): Value {
  const x = operation.data(0);
  if (operation.attribute('transpose_a')?.b === true)
    throw new Unsupported('a transposed input is not supported');
  let kernel = operation.constant(1, 'second factor');
  if (operation.attribute('transpose_b')?.b === true) kernel = transpose(kernel, [1, 0], operation.where);
  // More axes than one only within a tensordot, of which each vector along the last one is multiplied.
  if (x.shape.length === 0 || kernel.shape.length !== 2 || x.shape.at(-1) !== kernel.shape[0]) {
    throw new Unsupported('only a product of a batch of vectors with a matrix is supported');
  }
  return operation.layer(
    { type: 'Dense', kernel: tensor(kernel), activation: 'linear' },
    [x],
    [...x.shape.slice(0, -1), kernel.shape[1]!],
  );
}

export function leakyRelu(operation: Operation): Value {
  const x = operation.data(0);
  return operation.layer({ type: 'LeakyReLU', slope: operation.attribute('alpha')?.f ?? 0.2 }, [x], x.shape);
}

export function add(operation: Operation): Value {
  if (operation.isConstant(0) && operation.isConstant(1)) return fold(operation, (a, b) => a + b);
  if (!operation.isConstant(0) && !operation.isConstant(1)) {
    const [a, b] = [operation.data(0), operation.data(1)];
    if (a.shape.join() !== b.shape.join()) {
      throw new Unsupported(`adding [${a.shape.join(', ')}] and [${b.shape.join(', ')}] is not supported`);
    }
    return operation.layer({ type: 'Add' }, [a, b], a.shape);
  }
  return operation.isConstant(1) ? shift(operation, 0, 1, 1) : shift(operation, 1, 0, 1);
}

export function subtract(operation: Operation): Value {
  if (operation.isConstant(0) && operation.isConstant(1)) return fold(operation, (a, b) => a - b);
  if (operation.isConstant(1)) return shift(operation, 0, 1, -1);
  const x = operation.data(1);
  const vector = along(operation, x, operation.constant(0, 'minuend'));
  return operation.layer(
    { type: 'Scale', scale: vectorTensor([-1]), shift: vectorTensor(vector) },
    [x],
    x.shape,
  );
}

export function multiply(operation: Operation): Value {
  if (operation.isConstant(0) && operation.isConstant(1)) return fold(operation, (a, b) => a * b);
  return operation.isConstant(1) ? scale(operation, 0, 1, (x) => x) : scale(operation, 1, 0, (x) => x);
}

export function divide(operation: Operation): Value {
  if (operation.isConstant(0) && operation.isConstant(1)) return fold(operation, (a, b) => a / b);
  return scale(operation, 0, 1, (x) => 1 / x);
}

export function negate(operation: Operation): Value {
  if (operation.isConstant(0)) return elementwise((x) => -x)(operation);
  const x = operation.data(0);
  return operation.layer({ type: 'Scale', scale: vectorTensor([-1]) }, [x], x.shape);
}

function fold(operation: Operation, compute: (a: number, b: number) => number): Value {
  return combine(operation.constant(0), operation.constant(1), compute, operation.where);
}

export function elementwise(compute: (x: number) => number): Translate {
  return (operation) => {
    const value = operation.constant(0);
    return { ...value, values: value.values.map(compute) };
  };
}

/** x + sign * constant. */
export function shift(operation: Operation, data: number, other: number, sign: number): Value {
  const x = operation.data(data);
  const vector = along(operation, x, operation.constant(other, 'other input'));
  const values = vector.map((value) => sign * value);
  return operation.layer({ type: 'Scale', shift: vectorTensor(values) }, [x], x.shape);
}

/** x * factor(constant). */
function scale(operation: Operation, data: number, other: number, factor: (x: number) => number): Value {
  const x = operation.data(data);
  const vector = along(operation, x, operation.constant(other, 'other input'));
  return operation.layer({ type: 'Scale', scale: vectorTensor(vector.map(factor)) }, [x], x.shape);
}

export function along(operation: Operation, x: Data, value: Constant): Float64Array {
  const vector = repeatingVector(value, x.shape, operation.where);
  if (vector === null) {
    throw new Unsupported(
      `a constant of the shape [${value.shape.join(', ')}] does not fit samples of [${x.shape.join(', ')}]`,
    );
  }
  return vector;
}

export function batchNormalization(operation: Operation): Value {
  requireChannelsLast(operation);
  if (operation.attribute('is_training')?.b !== false) {
    throw new Unsupported('it was saved for training, not for inference');
  }
  const x = operation.data(0);
  const vector = (index: number, what: string) => tensor(operation.constant(index, what));
  return operation.layer(
    {
      type: 'BatchNormalization',
      gamma: vector(1, 'scale'),
      beta: vector(2, 'offset'),
      movingMean: vector(3, 'mean'),
      movingVariance: vector(4, 'variance'),
      epsilon: operation.attribute('epsilon')?.f ?? 1e-4,
    },
    [x],
    x.shape,
  );
}

export function activation(name: ActivationName): Translate {
  return (operation) => {
    const x = operation.data(0);
    return operation.layer({ type: 'Activation', activation: name }, [x], x.shape);
  };
}
