/** Predicts what a plan costs under a protocol, from the protocol's declared costs: no run needed. */
import { leavesUnreduced, resultBits } from '../graph/bits.js';
import { type Plan, type PlanStep, sizeOf } from '../graph/plan.js';
import type { Cost, Protocol } from '../protocols/protocol.js';

export interface StepCost extends Cost {
  readonly name: string;
  readonly op: PlanStep['op'];
}

export interface PlanCost extends Cost {
  readonly steps: readonly StepCost[];
}

type Triple = readonly [number, number, number];

const addTriples = (a: Triple, b: Triple): Triple => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const FREE: Cost = { rounds: 0, bytesSent: [0, 0, 0], bytesDealt: [0, 0, 0] };

function addCosts(a: Cost, b: Cost): Cost {
  return {
    rounds: a.rounds + b.rounds,
    bytesSent: addTriples(a.bytesSent, b.bytesSent),
    bytesDealt: addTriples(a.bytesDealt, b.bytesDealt),
  };
}

function outputSize(step: PlanStep, inputSize: number): number {
  switch (step.op) {
    case 'conv2d':
      return step.geometry.outHeight * step.geometry.outWidth * step.geometry.outChannels;
    case 'averagePool2d':
    case 'maxPool2d':
    case 'pad2d':
      return step.geometry.outHeight * step.geometry.outWidth * step.geometry.channels;
    case 'truncate':
    case 'rectify':
      return inputSize;
  }
}

/** Declared rounds and bytes of one batch of `batch` samples, by step and in all. */
export function predictCost(plan: Plan, protocol: Protocol, batch: number): PlanCost {
  const bits = resultBits(plan);
  const values = new Map([[0, { size: sizeOf(plan.inputShape), unreduced: false }]]);
  const steps = plan.steps.map((step, index): StepCost => {
    const input = values.get(step.input) ?? { size: 0, unreduced: false };
    const size = outputSize(step, input.size);
    values.set(step.output, { size, unreduced: leavesUnreduced(step) });
    let cost = FREE;
    if (!('activationBits' in step)) return { ...cost, name: step.name, op: step.op };
    const { activationBits } = step;
    const shift = input.unreduced ? plan.fractionalBits : 0;
    const reduction = { shift, activationBits, bits: bits[index] };
    if (step.op === 'truncate') cost = protocol.truncateCost(batch * size, reduction);
    if (step.op === 'rectify') cost = protocol.rectifyCost(batch * size, reduction);
    if (step.op === 'maxPool2d') {
      const cells = step.geometry.poolHeight * step.geometry.poolWidth;
      for (let count = cells; count > 1; count = Math.ceil(count / 2)) {
        cost = addCosts(cost, protocol.rectifyCost(batch * size * Math.floor(count / 2), reduction));
      }
    }
    return { ...cost, name: step.name, op: step.op };
  });
  return { ...steps.reduce<Cost>(addCosts, FREE), steps };
}
