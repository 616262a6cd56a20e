/** Plain float evaluation of a model, layer by layer or step by step: the reference for everything private. */
import type { ChainNode } from './chain.js';
import { averagePool, convolve, maxPool, padImage, rectify } from './float-kernels.js';
import type { LayerGraph } from './layers.js';
import { normalise } from './normalise.js';
import { type CompiledModel, type Plan, type PlanStep, sizeOf } from './plan.js';
import { inferShapes } from './shapes.js';
import { liveNodes } from './structure.js';
import { checkSupport } from './support.js';

/**
 * Evaluates the model as its layers say, nothing folded, in Float64. A softmax at the end is left off: the result
 * is the logits.
 *
 * @param inputs `count * sizeOf(graph.inputShape)` values
 * @returns `count * outputSize` values
 * @throws UnsupportedLayersError, InvalidModelError; RangeError when `inputs` has another length
 */
export function evaluateGraph(graph: LayerGraph, inputs: ArrayLike<number>, count: number): Float64Array {
  const nodes = liveNodes(graph);
  checkSupport(nodes);
  const { chain, outputShape } = inferShapes(graph.inputShape, normalise(nodes).nodes);
  return eachSample(inputs, count, sizeOf(graph.inputShape), sizeOf(outputShape), (sample) =>
    chain.reduce(evaluateNode, sample),
  );
}

function evaluateNode(value: Float64Array, { operation }: ChainNode): Float64Array {
  switch (operation.kind) {
    case 'linear':
      return convolve(operation.geometry, operation.kernel, operation.bias, value);
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
      const value = evaluateStep(step, values[step.input]!, weights);
      observe?.(index, value);
      values[step.output] = value;
    });
    return values[plan.steps.at(-1)!.output]!;
  });
}

function evaluateStep(step: PlanStep, input: Float64Array, weights: readonly Float64Array[]): Float64Array {
  switch (step.op) {
    case 'conv2d':
      return convolve(
        step.geometry,
        weights[step.kernel]!,
        step.bias === null ? null : weights[step.bias]!,
        input,
      );
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
  }
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
  return plan.outputActivation === 'softmax' ? softmax(logits, sizeOf(plan.outputShape)) : logits;
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
