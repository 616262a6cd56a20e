/**
 * Brings a supported graph into a normal form: activations fused into a layer become layers of their own, layers
 * that do nothing at inference are gone, and so is a softmax at the end, which the client applies.
 *
 * Every layer has one input and the model one output, so what is left is a chain.
 */
import type { ActivationLayer, DropoutLayer, Layer, UnsupportedLayer } from './layers.js';
import type { Plan } from './plan.js';
import type { LiveNode } from './structure.js';
import { isIdentity } from './support.js';

export interface RectifiedLinearLayer {
  readonly type: 'ReLU';
}

/** The layers of the normal form; `activation` of Conv2D and Dense has been split off and is not looked at. */
export type NormalLayer =
  | Exclude<Layer, ActivationLayer | DropoutLayer | UnsupportedLayer>
  | RectifiedLinearLayer;

export interface NormalNode {
  readonly name: string;
  readonly layer: NormalLayer;
}

export interface NormalForm {
  readonly nodes: readonly NormalNode[];
  readonly outputActivation: Plan['outputActivation'];
}

/** @param nodes live nodes that `checkSupport` has passed, in topological order */
export function normalise(nodes: readonly LiveNode[]): NormalForm {
  let outputActivation: Plan['outputActivation'] = 'linear';
  const normal: NormalNode[] = [];
  for (const { node } of nodes) {
    const { name, layer } = node;
    if (isIdentity(layer)) continue;
    const own = ownComputation(layer);
    if (own !== null) normal.push({ name, layer: own });
    const activation = 'activation' in layer ? layer.activation : 'linear';
    if (activation === 'softmax') outputActivation = 'softmax';
    if (activation === 'relu') normal.push({ name, layer: { type: 'ReLU' } });
  }
  return { nodes: normal, outputActivation };
}

/** What a layer does before its activation, or null when it is nothing but an activation. */
function ownComputation(layer: Layer): NormalLayer | null {
  switch (layer.type) {
    case 'Activation':
    case 'Dropout':
      return null;
    case 'Unsupported':
      throw new TypeError('checkSupport comes before normalise');
    default:
      return layer;
  }
}
