/**
 * Lowers a folded graph to the steps of a plan.
 *
 * A linear step leaves its result unreduced, at scale 2f. A ReLU, or another activation, that reads it truncates on the
 * way; a last linear step is left as it is, since the client divides; otherwise a truncation follows, once however many
 * read it. Sums and joined values stay unreduced as long as that saves a truncation. ReLU and max pooling commute, so
 * conv -> maxpool -> relu runs the ReLU first and saves the truncation's round.
 */
import { piecesOf } from './activations.js';
import { InvalidModelError } from './errors.js';
import { type LinearOperation, type OperationGraph, type OperationNode, readersOf } from './operations.js';
import type { Plan, PlanStep, WeightSpec } from './plan.js';

/** Names of joined layers are cut to this length; plans with longer ones are refused. */
const MAX_NAME_LENGTH = 200;

const RING_BITS = 64;
/** With fewer bits for activations hardly any model works. */
const LEAST_BITS = 24;

type StepOf<Step extends PlanStep> = Step extends PlanStep ? Omit<Step, 'output'> : never;

export interface Lowered {
  readonly steps: Plan['steps'];
  readonly weightSpecs: readonly WeightSpec[];
  readonly weights: readonly Float64Array[];
  readonly outputFractionalBits: number;
}

/**
 * @param graph without batch normalization
 * @param activationBits k of every step that opens values; the range analysis narrows it
 * @throws InvalidModelError when the model computes nothing
 */
export function lower(graph: OperationGraph, fractionalBits: number, activationBits: number): Lowered {
  const lowering = new Lowering(fractionalBits, activationBits);
  const readers = readersOf(graph);
  for (const node of graph.nodes) {
    const next = readers.get(node.id) === 1 ? graph.nodes.find((n) => n.inputs.includes(node.id)) : undefined;
    lowering.add(node, next);
  }
  return lowering.finish(graph.output);
}

/** The values of the plan that hold one value of the graph: at scale f, at 2f, or, once truncated, both. */
interface Held {
  shared: number | null;
  readonly unreduced: number | null;
  /** The layers that made it, for the name of a truncation. */
  readonly name: string;
  /** It is known to be zero or more: a ReLU would change nothing. */
  readonly nonNegative: boolean;
}

class Lowering {
  readonly #steps: PlanStep[] = [];
  readonly #weightSpecs: WeightSpec[] = [];
  readonly #weights: Float64Array[] = [];
  readonly #held = new Map<number, Held>([
    [0, { shared: 0, unreduced: null, name: 'input', nonNegative: false }],
  ]);

  constructor(
    private readonly fractionalBits: number,
    private readonly activationBits: number,
  ) {}

  /** @param next the only operation that reads the node's value, if there is but one */
  add(node: OperationNode, next: OperationNode | undefined): void {
    const name = shorten(node.name);
    this.#held.set(node.id, { ...this.#lower(node, name, next), name });
  }

  finish(output: number): Lowered {
    const held = this.#held.get(output)!;
    const value = held.shared ?? held.unreduced;
    if (value === 0 || value === null) {
      throw new InvalidModelError('The model has no layer that computes anything.');
    }
    return {
      steps: this.#steps,
      weightSpecs: this.#weightSpecs,
      weights: this.#weights,
      outputFractionalBits: held.shared === null ? 2 * this.fractionalBits : this.fractionalBits,
    };
  }

  #lower(node: OperationNode, name: string, next: OperationNode | undefined): Omit<Held, 'name'> {
    const { operation } = node;
    const held = node.inputs.map((input) => this.#held.get(input)!);
    const only = held[0]!;
    const { activationBits } = this;
    switch (operation.kind) {
      case 'linear':
        return unreduced(this.#linear(name, operation, this.#shared(only)));
      case 'averagePool': {
        const input = this.#shared(only);
        return unreduced(this.#emit({ op: 'averagePool2d', name, geometry: operation.geometry, input }));
      }
      case 'maxPool': {
        const rectifiedFirst =
          only.shared === null && next?.operation.kind === 'rectify'
            ? this.#rectify(only, shorten(next.name))
            : only;
        const input = this.#shared(rectifiedFirst);
        const { geometry } = operation;
        return shared(
          this.#emit({ op: 'maxPool2d', name, activationBits, geometry, input }),
          rectifiedFirst.nonNegative,
        );
      }
      case 'pad': {
        const input = this.#shared(only);
        return shared(
          this.#emit({ op: 'pad2d', name, geometry: operation.geometry, input }),
          only.nonNegative,
        );
      }
      case 'rectify':
        return only.nonNegative ? only : this.#rectify(only, name);
      case 'activate': {
        const pieces = piecesOf(operation.activation, this.fractionalBits);
        // Slopes times unreduced values are at scale 3f, of which 2f are cut off.
        const room = RING_BITS - 2 * this.fractionalBits;
        const input = only.shared ?? (room < LEAST_BITS ? this.#shared(only) : only.unreduced!);
        const bits = input === only.unreduced ? Math.min(room, activationBits) : activationBits;
        return shared(
          this.#emit({ op: 'piecewiseLinear', name, activationBits: bits, pieces, input }),
          false,
        );
      }
      case 'add': {
        const inputs = held.map((each) => each.shared ?? each.unreduced!);
        const output = this.#emit({ op: 'add', name, inputs });
        if (held.some((each) => each.shared === null)) return unreduced(output);
        return shared(
          output,
          held.every((each) => each.nonNegative),
        );
      }
      case 'concatenate':
        return this.#concatenate(name, operation.channels, held);
      case 'scale':
        throw new TypeError('fold comes before lower');
    }
  }

  #linear(name: string, operation: LinearOperation, input: number): number {
    const { geometry: g, kernel, bias, depthwise } = operation;
    const shape = [g.kernelHeight, g.kernelWidth, g.inChannels, depthwise ? 1 : g.outChannels];
    const kernelIndex = this.#weight(`${name}/kernel`, shape, this.fractionalBits, kernel);
    const biasIndex =
      bias === null ? null : this.#weight(`${name}/bias`, [g.outChannels], 2 * this.fractionalBits, bias);
    const op = depthwise ? 'depthwiseConv2d' : 'conv2d';
    return this.#emit({ op, name, geometry: g, kernel: kernelIndex, bias: biasIndex, input });
  }

  /** One truncation of all is one opening; truncating a single part alone opens less. */
  #concatenate(name: string, channels: readonly number[], held: readonly Held[]): Omit<Held, 'name'> {
    const open = held.filter((each) => each.shared === null);
    const together = open.length > 1 || open.length === held.length;
    const inputs = held.map((each) => (together ? (each.shared ?? each.unreduced!) : this.#shared(each)));
    const output = this.#emit({ op: 'concatenate', name, channels, inputs });
    if (together && open.length > 0) return unreduced(output);
    return shared(
      output,
      held.every((each) => each.nonNegative),
    );
  }

  #weight(name: string, shape: readonly number[], fractionalBits: number, values: Float64Array): number {
    this.#weightSpecs.push({ name, shape, fractionalBits });
    return this.#weights.push(values) - 1;
  }

  #rectify(held: Held, name: string): Held {
    const input = held.shared ?? held.unreduced!;
    const output = this.#emit({ op: 'rectify', name, activationBits: this.activationBits, input });
    return { ...shared(output, true), name };
  }

  /** The value at scale f; truncated now if it has not been. */
  #shared(held: Held): number {
    held.shared ??= this.#emit({
      op: 'truncate',
      name: held.name,
      activationBits: this.activationBits,
      input: held.unreduced!,
    });
    return held.shared;
  }

  #emit(step: StepOf<PlanStep>): number {
    const output = this.#steps.length + 1;
    this.#steps.push({ ...step, output } as PlanStep);
    return output;
  }
}

function unreduced(value: number): Omit<Held, 'name'> {
  return { shared: null, unreduced: value, nonNegative: false };
}

function shared(value: number, nonNegative: boolean): Omit<Held, 'name'> {
  return { shared: value, unreduced: null, nonNegative };
}

function shorten(name: string): string {
  return name.length <= MAX_NAME_LENGTH ? name : `${name.slice(0, MAX_NAME_LENGTH - 1)}…`;
}
