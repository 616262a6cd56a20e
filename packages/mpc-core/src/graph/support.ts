/** Which layers of a model cannot be evaluated: all of them, so that their owner sees the whole list at once. */
import { type UnsupportedEntry, UnsupportedLayersError } from './errors.js';
import type { Layer } from './layers.js';
import type { LiveNode } from './structure.js';

/**
 * @param nodes the nodes that count, in topological order
 * @throws UnsupportedLayersError listing every unsupported layer by position and name
 */
export function checkSupport(nodes: readonly LiveNode[]): void {
  const entries = nodes.flatMap((live, index): UnsupportedEntry[] => {
    const reason = unsupportedReason(live, nodes.slice(index + 1));
    if (reason === null) return [];
    const { layer, name } = live.node;
    const className = layer.type === 'Unsupported' ? layer.className : layer.type;
    return [{ position: live.position, name, className, reason }];
  });
  if (entries.length > 0) throw new UnsupportedLayersError(entries);
}

function unsupportedReason({ node }: LiveNode, following: readonly LiveNode[]): string | null {
  const { layer } = node;
  if (layer.type === 'Unsupported') return layer.reason;
  const joins = layer.type === 'Add' || layer.type === 'Concatenate';
  if (joins ? node.inputs.length === 0 : node.inputs.length !== 1) {
    return `it joins ${node.inputs.length} inputs; such a layer must have exactly one`;
  }
  if (activationOf(layer) === 'softmax' && !following.every((live) => isIdentity(live.node.layer))) {
    return 'softmax is only supported at the end of the model, where the client applies it';
  }
  return null;
}

function activationOf(layer: Layer): string {
  return 'activation' in layer ? layer.activation : 'linear';
}

/** Layers that do nothing at inference. */
export function isIdentity(layer: Layer): boolean {
  return layer.type === 'Dropout' || (layer.type === 'Activation' && layer.activation === 'linear');
}
