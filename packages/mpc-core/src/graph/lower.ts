/**
 * Lowers a folded chain to the steps of a plan.
 *
 * A linear step leaves its result unreduced, at scale 2f. A ReLU right after it truncates on the way; a last
 * linear step is left as it is, since the client divides; otherwise a truncation follows. ReLU and max pooling
 * commute, so conv -> maxpool -> relu runs the ReLU first and saves the truncation's round.
 */
import type { ChainNode, LinearOperation } from './chain.js';
import { InvalidModelError } from './errors.js';
import type { Plan, PlanStep, WeightSpec } from './plan.js';

/** Names of joined layers are cut to this length; plans with longer ones are refused. */
const MAX_NAME_LENGTH = 200;

type StepOf<Step extends PlanStep> = Step extends PlanStep ? Omit<Step, 'input' | 'output'> : never;

export interface Lowered {
  readonly steps: Plan['steps'];
  readonly weightSpecs: readonly WeightSpec[];
  readonly weights: readonly Float64Array[];
  readonly outputFractionalBits: number;
}

/**
 * @param chain without batch normalization
 * @param activationBits k of every step that opens values; the range analysis narrows it
 * @throws InvalidModelError when the model computes nothing
 */
export function lower(chain: readonly ChainNode[], fractionalBits: number, activationBits: number): Lowered {
  const lowering = new Lowering(fractionalBits, activationBits);
  chain.forEach((node, index) => {
    lowering.add(node, chain[index + 1]);
  });
  return lowering.finish();
}

class Lowering {
  readonly #steps: PlanStep[] = [];
  readonly #weightSpecs: WeightSpec[] = [];
  readonly #weights: Float64Array[] = [];
  #unreduced = false;
  /** The current value is known to be zero or more: another ReLU would change nothing. */
  #nonNegative = false;

  constructor(
    private readonly fractionalBits: number,
    private readonly activationBits: number,
  ) {}

  add(node: ChainNode, next: ChainNode | undefined): void {
    const { operation } = node;
    const name = shorten(node.name);
    switch (operation.kind) {
      case 'linear':
        this.#linear(name, operation);
        break;
      case 'averagePool':
        this.#truncateIfNeeded(name);
        this.#emit({ op: 'averagePool2d', name, geometry: operation.geometry });
        this.#unreduced = true;
        break;
      case 'maxPool':
        if (this.#unreduced && next?.operation.kind === 'rectify') this.#rectify(shorten(next.name));
        this.#truncateIfNeeded(name);
        this.#emit({
          op: 'maxPool2d',
          name,
          activationBits: this.activationBits,
          geometry: operation.geometry,
        });
        break;
      case 'pad':
        this.#truncateIfNeeded(name);
        this.#emit({ op: 'pad2d', name, geometry: operation.geometry });
        break;
      case 'rectify':
        if (!this.#nonNegative) this.#rectify(name);
        break;
      case 'scale':
        throw new TypeError('fold comes before lower');
    }
  }

  finish(): Lowered {
    if (this.#steps.length === 0) {
      throw new InvalidModelError('The model has no layer that computes anything.');
    }
    return {
      steps: this.#steps,
      weightSpecs: this.#weightSpecs,
      weights: this.#weights,
      outputFractionalBits: this.#unreduced ? 2 * this.fractionalBits : this.fractionalBits,
    };
  }

  #linear(name: string, { geometry: g, kernel, bias }: LinearOperation): void {
    this.#truncateIfNeeded(name);
    const shape = [g.kernelHeight, g.kernelWidth, g.inChannels, g.outChannels];
    const kernelIndex = this.#weight(`${name}/kernel`, shape, this.fractionalBits, kernel);
    const biasIndex =
      bias === null ? null : this.#weight(`${name}/bias`, [g.outChannels], 2 * this.fractionalBits, bias);
    this.#emit({ op: 'conv2d', name, geometry: g, kernel: kernelIndex, bias: biasIndex });
    this.#unreduced = true;
    this.#nonNegative = false;
  }

  #weight(name: string, shape: readonly number[], fractionalBits: number, values: Float64Array): number {
    this.#weightSpecs.push({ name, shape, fractionalBits });
    return this.#weights.push(values) - 1;
  }

  #rectify(name: string): void {
    this.#emit({ op: 'rectify', name, activationBits: this.activationBits });
    this.#unreduced = false;
    this.#nonNegative = true;
  }

  #truncateIfNeeded(name: string): void {
    if (!this.#unreduced) return;
    const producer = this.#steps.at(-1)?.name ?? name;
    this.#emit({ op: 'truncate', name: producer, activationBits: this.activationBits });
    this.#unreduced = false;
    // Truncation may round zero down to minus one unit in the last place.
    this.#nonNegative = false;
  }

  #emit(step: StepOf<PlanStep>): void {
    const input = this.#steps.length;
    this.#steps.push({ ...step, input, output: input + 1 } as PlanStep);
  }
}

function shorten(name: string): string {
  return name.length <= MAX_NAME_LENGTH ? name : `${name.slice(0, MAX_NAME_LENGTH - 1)}…`;
}
