/** Plain float evaluation of a model, layer by layer or step by step: the reference for everything private. */

import { activate, evaluatePieces } from './activations.js';
import {
  averagePool,
  convolve,
  convolveDepthwise,
  interleave,
  maxPool,
  padImage,
  rectify,
  sum,
} from './float-kernels.js';
import type { LayerGraph } from './layers.js';
import { normalise } from './normalise.js';
import type { OperationNode } from './operations.js';
import { type CompiledModel, inputsOf, type Plan, type PlanStep, sizeOf } from './plan.js';
import { inferShapes } from './shapes.js';
import { liveNodes } from './structure.js';
import { checkSupport } from './support.js';

/**
 * Evaluates the model as its layers say, nothing folded, in Float64. An activation at the end that the client applies is
 * left off: the result is the logits.
 *
 * @param inputs `count * sizeOf(graph.inputShape)` values
 * @returns `count * outputSize` values
 * @throws UnsupportedLayersError, InvalidModelError; RangeError when `inputs` has another length
 */
export function evaluateGraph(graph: LayerGraph, inputs: ArrayLike<number>, count: number): Float64Array {
  const nodes = liveNodes(graph);
  checkSupport(nodes);
  const { graph: operations, outputShape } = inferShapes(
    graph.inputShape,
    normalise(graph.input, graph.output, nodes),
  );
  return eachSample(inputs, count, sizeOf(graph.inputShape), sizeOf(outputShape), (sample) => {
    const values = new Map([[0, sample]]);
    for (const node of operations.nodes) {
      values.set(
        node.id,
        evaluateNode(
          node,
          node.inputs.map((input) => values.get(input)!),
        ),
      );
    }
    return values.get(operations.output)!;
  });
}

function evaluateNode({ operation }: OperationNode, inputs: readonly Float64Array[]): Float64Array {
  const value = inputs[0]!;
  switch (operation.kind) {
    case 'linear': {
      const { geometry, kernel, bias, depthwise } = operation;
      return (depthwise ? convolveDepthwise : convolve)(geometry, kernel, bias, value);
    }
    case 'activate':
      return value.map((x) => activate(operation.activation, x));
    case 'add':
      return sum(inputs);
    case 'concatenate':
      return interleave(inputs, operation.channels);
    case 'averagePool':
      return averagePool(operation.geometry, value);
    case 'maxPool':
      return maxPool(operation.geometry, value);
    case 'pad':
      return padImage(operation.geometry, value);
    case 'rectify':
      return rectify(value);
    case 'scale': {
      const { scale, shift } = operation;
      return value.map((x, index) => x * scale[index % scale.length]! + shift[index % scale.length]!);
    }
  }
}

/**
 * Evaluates a compiled model's plan in Float64, without rounding anything to fixed point.
 *
 * @param inputs `count * sizeOf(plan.inputShape)` values
 * @param observe called with each step's result for each sample; the array must not be kept
 * @returns `count * sizeOf(plan.outputShape)` logits
 * @throws RangeError when `inputs` has another length
 */
export function evaluatePlan(
  model: CompiledModel,
  inputs: ArrayLike<number>,
  count: number,
  observe?: (step: number, value: Float64Array) => void,
): Float64Array {
  const { plan, weights } = model;
  return eachSample(inputs, count, sizeOf(plan.inputShape), sizeOf(plan.outputShape), (sample) => {
    const values = [sample];
    plan.steps.forEach((step, index) => {
      const read = inputsOf(step).map((input) => values[input]!);
      const value = evaluateStep(step, read, plan, weights);
      observe?.(index, value);
      values[step.output] = value;
    });
    return values[plan.steps.at(-1)!.output]!;
  });
}

function evaluateStep(
  step: PlanStep,
  inputs: readonly Float64Array[],
  plan: Plan,
  weights: readonly Float64Array[],
): Float64Array {
  const input = inputs[0]!;
  switch (step.op) {
    case 'conv2d':
    case 'depthwiseConv2d': {
      const bias = step.bias === null ? null : weights[step.bias]!;
      const evaluate = step.op === 'conv2d' ? convolve : convolveDepthwise;
      return evaluate(step.geometry, weights[step.kernel]!, bias, input);
    }
    case 'piecewiseLinear':
      return input.map((x) => evaluatePieces(step.pieces, plan.fractionalBits, x));
    case 'add':
      return sum(inputs);
    case 'concatenate':
      return interleave(inputs, step.channels);
    case 'averagePool2d':
      return averagePool(step.geometry, input);
    case 'maxPool2d':
      return maxPool(step.geometry, input);
    case 'pad2d':
      return padImage(step.geometry, input);
    case 'rectify':
      return rectify(input);
    case 'truncate':
      return input;
    case 'topClasses':
      return topClasses(input, step.top);
  }
}

/** Indices of the `top` largest values, the largest first, the lower of equals; of one value, whether it is above zero. */
export function topClasses(values: Float64Array, top: number): Float64Array {
  const scores = values.length === 1 ? [0, values[0]!] : [...values];
  const order = scores.map((_, index) => index);
  order.sort((left, right) => scores[right]! - scores[left]! || left - right);
  return Float64Array.from(order.slice(0, top));
}

/** Softmax over each row of `classes` logits, as clients apply it for `Plan.outputActivation`. */
export function softmax(logits: Float64Array, classes: number): Float64Array {
  const result = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const row = logits.subarray(start, start + classes);
    const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const powers = row.map((logit) => Math.exp(logit - largest));
    const sum = powers.reduce((a, b) => a + b, 0);
    result.set(
      powers.map((power) => power / sum),
      start,
    );
  }
  return result;
}

/** The client's last step: `Plan.outputActivation` over each sample's logits. */
export function applyOutputActivation(plan: Plan, logits: Float64Array): Float64Array {
  const { outputActivation } = plan;
  switch (outputActivation) {
    case 'linear':
      return logits;
    case 'softmax':
      return softmax(logits, sizeOf(plan.outputShape));
    case 'sigmoid':
    case 'tanh':
      return logits.map((logit) => activate({ kind: outputActivation }, logit));
  }
}

function eachSample(
  inputs: ArrayLike<number>,
  count: number,
  inputSize: number,
  outputSize: number,
  evaluate: (sample: Float64Array) => Float64Array,
): Float64Array {
  if (inputs.length !== count * inputSize) {
    throw new RangeError(`${count} samples of ${inputSize} values expected, got ${inputs.length} values.`);
  }
  const outputs = new Float64Array(count * outputSize);
  const sample = new Float64Array(inputSize);
  for (let index = 0; index < count; index++) {
    for (let i = 0; i < inputSize; i++) sample[i] = inputs[index * inputSize + i]!;
    outputs.set(evaluate(sample), index * outputSize);
  }
  return outputs;
}
