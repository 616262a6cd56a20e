/** Runs the folding passes until none applies: each joins two neighbours of the chain into one operation. */
import type { ChainNode, ScaleOperation } from './chain.js';
import { foldAveragePooling } from './fold-average-pooling.js';
import {
  foldScaleIntoNext,
  foldScaleIntoPrevious,
  foldScales,
  scaleAsLinear,
} from './fold-batch-normalization.js';
import { foldPadding } from './fold-padding.js';

/** A layer that is gone because another does its work. */
export interface Folded {
  readonly layer: string;
  readonly into: string;
}

type Fold = (left: ChainNode, right: ChainNode) => ChainNode | null;

/** Batch normalization prefers the layer before it; only what that leaves goes into the layer after it. */
const PASSES: readonly (readonly Fold[])[] = [
  [foldScales, foldScaleIntoPrevious, foldAveragePooling, foldPadding],
  [foldScaleIntoNext],
];

/** @returns the chain without batch normalization, and what was folded into what */
export function fold(chain: readonly ChainNode[]): {
  readonly chain: readonly ChainNode[];
  readonly folded: readonly Folded[];
} {
  let nodes = [...chain];
  const folded: Folded[] = [];
  for (const folds of PASSES) {
    for (let index = 0; index + 1 < nodes.length; ) {
      const left = nodes[index]!;
      const right = nodes[index + 1]!;
      const joined = folds.map((attempt) => attempt(left, right)).find((node) => node !== null);
      if (joined === undefined) {
        index++;
        continue;
      }
      const [kept, gone] = right.operation.kind === 'linear' ? [right, left] : [left, right];
      folded.push({ layer: gone.name, into: kept.name });
      nodes.splice(index, 2, joined);
      // The new node may join with the one before it.
      index = Math.max(0, index - 1);
    }
  }
  nodes = nodes.map((node) =>
    node.operation.kind === 'scale' ? scaleAsLinear(node as ChainNode<ScaleOperation>) : node,
  );
  return { chain: nodes, folded };
}
