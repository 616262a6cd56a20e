/** First look at a layer graph: is it well formed, and which of its nodes lead from the input to the output? */
import { InvalidModelError } from './errors.js';
import type { FloatTensor, Layer, LayerGraph, LayerNode } from './layers.js';
import { sizeOf } from './plan.js';

/** A node that the output depends on, with its zero-based position in the model. */
export interface LiveNode {
  readonly position: number;
  readonly node: LayerNode;
}

/**
 * Checks names, order and tensors, and drops the nodes that the output does not depend on.
 *
 * @returns the nodes that count, in topological order
 * @throws InvalidModelError
 */
export function liveNodes(graph: LayerGraph): readonly LiveNode[] {
  checkShape(`the model "${graph.name}"`, 'input shape', graph.inputShape);
  const known = new Set([graph.input]);
  graph.nodes.forEach((node, position) => {
    const where = `layer ${position} "${node.name}"`;
    if (known.has(node.name)) throw new InvalidModelError(`${where}: another layer has the same name.`);
    for (const input of node.inputs) {
      if (!known.has(input)) {
        throw new InvalidModelError(`${where} reads "${input}", which no earlier layer computes.`);
      }
    }
    checkTensors(where, node.layer);
    known.add(node.name);
  });
  if (!known.has(graph.output)) {
    throw new InvalidModelError(`The model's output "${graph.output}" is none of its layers.`);
  }
  const needed = new Set([graph.output]);
  for (const node of graph.nodes.toReversed()) {
    if (needed.has(node.name)) for (const input of node.inputs) needed.add(input);
  }
  return graph.nodes
    .map((node, position) => ({ position, node }))
    .filter(({ node }) => needed.has(node.name));
}

function checkTensors(where: string, layer: Layer): void {
  for (const [name, value] of Object.entries(layer)) {
    if (!isTensor(value)) continue;
    checkShape(where, name, value.shape);
    if (value.values.length !== sizeOf(value.shape)) {
      throw new InvalidModelError(
        `${where}: its ${name} has ${value.values.length} values for the shape [${value.shape.join(', ')}].`,
      );
    }
    if (!value.values.every(Number.isFinite)) {
      throw new InvalidModelError(`${where}: its ${name} contains a value that is not a finite number.`);
    }
  }
}

function isTensor(value: unknown): value is FloatTensor {
  return typeof value === 'object' && value !== null && 'values' in value && 'shape' in value;
}

function checkShape(where: string, name: string, shape: readonly number[]): void {
  if (shape.length === 0 || !shape.every((extent) => Number.isSafeInteger(extent) && extent > 0)) {
    throw new InvalidModelError(
      `${where}: its ${name} [${shape.join(', ')}] is not a list of positive extents.`,
    );
  }
}
