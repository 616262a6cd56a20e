/** Runs the folding passes until none applies: each joins an operation with the only one that reads its value. */
import { foldAveragePooling } from './fold-average-pooling.js';
import {
  foldScaleIntoNext,
  foldScaleIntoPrevious,
  foldScales,
  scaleAsLinear,
} from './fold-batch-normalization.js';
import { foldPadding } from './fold-padding.js';
import {
  type Joined,
  type OperationGraph,
  type OperationNode,
  readersOf,
  type ScaleOperation,
} from './operations.js';

/** A layer that is gone because another does its work. */
export interface Folded {
  readonly layer: string;
  readonly into: string;
}

type Fold = (left: OperationNode, right: OperationNode) => Joined;

/** Batch normalization prefers the layer before it; only what that leaves goes into the layer after it. */
const PASSES: readonly (readonly Fold[])[] = [
  [foldScales, foldScaleIntoPrevious, foldAveragePooling, foldPadding],
  [foldScaleIntoNext],
];

/** @returns the graph without batch normalization, and what was folded into what */
export function fold(graph: OperationGraph): {
  readonly graph: OperationGraph;
  readonly folded: readonly Folded[];
} {
  const nodes = [...graph.nodes];
  const folded: Folded[] = [];
  for (const folds of PASSES) {
    for (let index = 0; index < nodes.length; ) {
      const right = nodes[index]!;
      const leftIndex = onlyReadBy(nodes, graph.output, right);
      const left = nodes[leftIndex];
      const joined =
        left === undefined
          ? undefined
          : folds.map((attempt) => attempt(left, right)).find((each) => each !== null);
      if (left === undefined || joined === undefined || joined === null) {
        index++;
        continue;
      }
      const [kept, gone] = right.operation.kind === 'linear' ? [right, left] : [left, right];
      folded.push({ layer: gone.name, into: kept.name });
      nodes[index] = { ...joined, id: right.id, inputs: left.inputs };
      nodes.splice(leftIndex, 1);
      // The new node may join with the one before it.
      index--;
    }
  }
  const without = nodes.map((node) =>
    node.operation.kind === 'scale' ? scaleAsLinear(node as OperationNode<ScaleOperation>) : node,
  );
  return { graph: { nodes: without, output: graph.output }, folded };
}

/** Position of the operation whose value this one reads, and nobody else; -1 when there is none. */
function onlyReadBy(nodes: readonly OperationNode[], output: number, node: OperationNode): number {
  const [input, ...others] = node.inputs;
  if (input === undefined || others.length > 0) return -1;
  if (readersOf({ nodes, output }).get(input) !== 1) return -1;
  return nodes.findIndex((other) => other.id === input);
}
