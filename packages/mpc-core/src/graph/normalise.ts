/**
 * Brings a supported graph into a normal form: activations fused into a layer become layers of their own, a separable
 * convolution becomes the two that it is made of, layers that do nothing at inference are gone, and so is an activation
 * at the end that the client applies.
 */
import type { Activation } from './activations.js';
import type {
  ActivationLayer,
  ActivationName,
  DropoutLayer,
  Layer,
  LeakyReLULayer,
  SeparableConv2DLayer,
  UnsupportedLayer,
} from './layers.js';
import type { Plan } from './plan.js';
import type { LiveNode } from './structure.js';
import { isIdentity } from './support.js';

export interface RectifiedLinearLayer {
  readonly type: 'ReLU';
}

export interface SmoothLayer {
  readonly type: 'Smooth';
  readonly activation: Activation;
}

/** The layers of the normal form; an activation fused into a layer has been split off and is not looked at. */
export type NormalLayer =
  | Exclude<Layer, ActivationLayer | DropoutLayer | LeakyReLULayer | SeparableConv2DLayer | UnsupportedLayer>
  | RectifiedLinearLayer
  | SmoothLayer;

export interface NormalNode {
  readonly name: string;
  readonly layer: NormalLayer;
  /** Its value; value 0 is the model's input. */
  readonly id: number;
  readonly inputs: readonly number[];
}

export interface NormalForm {
  readonly nodes: readonly NormalNode[];
  /** The value that is the model's output. */
  readonly output: number;
  readonly outputActivation: Plan['outputActivation'];
}

/** @param nodes live nodes that `checkSupport` has passed, in topological order */
export function normalise(input: string, output: string, nodes: readonly LiveNode[]): NormalForm {
  const normal: NormalNode[] = [];
  const values = new Map([[input, 0]]);
  const last = lastComputing(nodes);
  let outputActivation: Plan['outputActivation'] = 'linear';
  for (const live of nodes) {
    const { name, layer, inputs } = live.node;
    let current = inputs.map((each) => values.get(each)!);
    const emit = (each: NormalLayer) => {
      const id = normal.length + 1;
      normal.push({ name, layer: each, id, inputs: current });
      current = [id];
    };
    for (const own of ownLayers(layer)) emit(own);
    const activation = activationOf(layer);
    if (live === last && isAppliedByClient(activation)) outputActivation = activation;
    else if (activation === 'relu') emit({ type: 'ReLU' });
    else if (activation !== 'linear' && activation !== 'softmax') {
      emit({ type: 'Smooth', activation: { kind: activation } });
    }
    values.set(name, current[0]!);
  }
  return { nodes: normal, output: values.get(output)!, outputActivation };
}

/** Clients apply what no worker needs to: it tells nobody more than the value before it. */
function isAppliedByClient(activation: ActivationName): activation is 'softmax' | 'sigmoid' | 'tanh' {
  return activation === 'softmax' || activation === 'sigmoid' || activation === 'tanh';
}

/** The last layer that does something, when all after it only pass its value on. */
function lastComputing(nodes: readonly LiveNode[]): LiveNode | undefined {
  return nodes.findLast(({ node }) => !isIdentity(node.layer) && !isRenaming(node.layer));
}

function isRenaming(layer: Layer): boolean {
  return layer.type === 'Flatten' || layer.type === 'Reshape';
}

function activationOf(layer: Layer): ActivationName {
  return 'activation' in layer ? layer.activation : 'linear';
}

/** What a layer does before its activation. */
function ownLayers(layer: Layer): readonly NormalLayer[] {
  switch (layer.type) {
    case 'Activation':
    case 'Dropout':
      return [];
    case 'LeakyReLU':
      return [{ type: 'Smooth', activation: { kind: 'leakyRelu', slope: layer.slope } }];
    case 'SeparableConv2D': {
      const { depthwiseKernel, pointwiseKernel: kernel, strides, padding, dilationRate, bias } = layer;
      const pointwise = { strides: [1, 1], padding: 'valid', dilationRate: [1, 1] } as const;
      return [
        {
          type: 'DepthwiseConv2D',
          kernel: depthwiseKernel,
          strides,
          padding,
          dilationRate,
          activation: 'linear',
        },
        {
          type: 'Conv2D',
          kernel,
          ...pointwise,
          activation: 'linear',
          ...(bias === undefined ? {} : { bias }),
        },
      ];
    }
    case 'Unsupported':
      throw new TypeError('checkSupport comes before normalise');
    default:
      return [layer];
  }
}
