/** Operations on values: products, sums, normalization, activations (onnx/docs/Operators.md). */
import type { ActivationName, FloatTensor } from '@trivet/mpc-core';
import { combine, transpose } from '../ops/constants.js';
import type { Constant } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import { type Operation, type Translate, vectorTensor } from './operation.js';
import { placesOf, type Value, vectorAlong } from './values.js';

export function gemm(operation: Operation): Value {
  if (operation.int('transA', 0) !== 0) throw new Unsupported('a transposed input is not supported');
  const alpha = operation.float('alpha', 1);
  const beta = operation.float('beta', 1);
  const given = operation.constant(1);
  const factor = operation.int('transB', 0) === 0 ? given : transpose(given, [1, 0], operation.where);
  const kernel = { ...factor, values: factor.values.map((weight) => alpha * weight) };
  const bias = operation.has(2) ? operation.constant(2).values.map((each) => beta * each) : null;
  return dense(operation, kernel, bias);
}

export function dense(operation: Operation, kernel: Constant, bias: Float64Array | null): Value {
  const x = operation.data();
  const [inputs, units] = kernel.shape as [number, number];
  if (x.shape.length !== 1 || kernel.shape.length !== 2 || x.shape[0] !== inputs) {
    throw new Unsupported('only a product of a batch of vectors with a matrix is supported');
  }
  if (bias !== null && bias.length !== units && bias.length !== 1) {
    throw new Unsupported(`a summand of ${bias.length} values for ${units} results is not supported`);
  }
  const places = placesOf(x);
  const values =
    places === null
      ? kernel.values
      : Float64Array.from(
          { length: inputs * units },
          (_, index) => kernel.values[places[Math.floor(index / units)]! * units + (index % units)]!,
        );
  const all =
    bias === null ? null : Float64Array.from({ length: units }, (_, unit) => bias[unit % bias.length]!);
  return operation.layer(
    {
      type: 'Dense',
      kernel: { shape: [inputs, units], values },
      ...(all === null ? {} : { bias: { shape: [units], values: all } }),
      activation: 'linear',
    },
    [x],
    [units],
    'plain',
  );
}

export function add(operation: Operation): Value {
  if (operation.isConstant(0) || operation.isConstant(1)) return shifted(operation, (x) => x);
  const [a, b] = [operation.data(0), operation.data(1)];
  if (a.shape.join() !== b.shape.join() || String(a.order) !== String(b.order)) {
    throw new Unsupported(`adding [${a.shape.join(', ')}] and [${b.shape.join(', ')}] is not supported`);
  }
  return operation.layer({ type: 'Add' }, [a, b], a.shape, a.order);
}

/** x + sign(constant); with the constant first, sign is that of x too. */
export function shifted(operation: Operation, sign: (x: number) => number): Value {
  const { where } = operation;
  if (operation.isConstant(0) && operation.isConstant(1)) {
    return combine(operation.constant(0), operation.constant(1), (a, b) => a + sign(b), where);
  }
  const constantFirst = operation.isConstant(0);
  const x = operation.data(constantFirst ? 1 : 0);
  const vector = vectorAlong(x, operation.constant(constantFirst ? 0 : 1), where);
  const negated = constantFirst && sign(1) === -1;
  const shift = vectorTensor(constantFirst ? vector : vector.map(sign));
  const scale = negated ? { scale: vectorTensor([-1]) } : {};
  return operation.layer({ type: 'Scale', ...scale, shift }, [x], x.shape, x.order);
}

/** x * factor(constant). */
export function scaled(operation: Operation, factor: (x: number) => number): Value {
  const { where } = operation;
  if (operation.isConstant(0) && operation.isConstant(1)) {
    return combine(operation.constant(0), operation.constant(1), (a, b) => a * factor(b), where);
  }
  const constantFirst = operation.isConstant(0);
  if (constantFirst && operation.node.op === 'Div')
    throw new Unsupported('dividing by a value is not supported');
  const x = operation.data(constantFirst ? 1 : 0);
  const vector = vectorAlong(x, operation.constant(constantFirst ? 0 : 1), where);
  return operation.layer({ type: 'Scale', scale: vectorTensor(vector.map(factor)) }, [x], x.shape, x.order);
}

export function batchNormalization(operation: Operation): Value {
  const x = operation.data();
  if (operation.int('training_mode', 0) !== 0)
    throw new Unsupported('it was saved for training, not for inference');
  if (x.order !== 'image' && x.shape.length !== 1)
    throw new Unsupported('only images and vectors can be normalized');
  const places = placesOf(x);
  const vector = (index: number): FloatTensor => {
    const { shape, values } = operation.constant(index);
    return { shape, values: places === null ? values : Float64Array.from(places, (place) => values[place]!) };
  };
  return operation.layer(
    {
      type: 'BatchNormalization',
      gamma: vector(1),
      beta: vector(2),
      movingMean: vector(3),
      movingVariance: vector(4),
      epsilon: operation.float('epsilon', 1e-5),
    },
    [x],
    x.shape,
    x.order,
  );
}

export function activation(name: ActivationName): Translate {
  return (operation) => {
    const x = operation.data();
    return operation.layer({ type: 'Activation', activation: name }, [x], x.shape, x.order);
  };
}

export function softmax(operation: Operation): Value {
  const x = operation.data();
  const axis = operation.int('axis', operation.opset < 13 ? 1 : -1);
  if (x.shape.length !== 1 || x.order !== 'plain' || (axis !== -1 && axis !== 1)) {
    throw new Unsupported('softmax is only supported over one row of classes');
  }
  return activation('softmax')(operation);
}

export function clip(operation: Operation): Value {
  const bound = (index: number, name: string, absent: number) =>
    operation.has(index)
      ? operation.constant(index).values[0]!
      : (operation.attributes.get(name)?.f ?? absent);
  const low = bound(1, 'min', Number.NEGATIVE_INFINITY);
  const high = bound(2, 'max', Number.POSITIVE_INFINITY);
  if (low !== 0 || (high !== 6 && high < 3e38)) {
    throw new Unsupported(`limiting values to ${low} to ${high} is not supported, only 0 to 6`);
  }
  return activation(high === 6 ? 'relu6' : 'relu')(operation);
}
