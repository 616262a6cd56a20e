/** Predicts what a plan costs under a protocol, from the protocol's declared costs: no run needed. */
import type { Plan, PlanStep } from '../graph/plan.js';
import type { Cost, Operation, Protocol } from '../protocols/protocol.js';
import { planOperations } from './operations.js';

export interface StepCost extends Cost {
  readonly name: string;
  readonly op: PlanStep['op'];
}

export interface PlanCost extends Cost {
  readonly steps: readonly StepCost[];
}

type Triple = readonly [number, number, number];

const addTriples = (a: Triple, b: Triple): Triple => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const FREE: Cost = { rounds: 0, bytesSent: [0, 0, 0], bytesDealt: [0, 0, 0], bytesDealtTo: [0, 0, 0] };

function addCosts(a: Cost, b: Cost): Cost {
  return {
    rounds: a.rounds + b.rounds,
    bytesSent: addTriples(a.bytesSent, b.bytesSent),
    bytesDealt: addTriples(a.bytesDealt, b.bytesDealt),
    bytesDealtTo: addTriples(a.bytesDealtTo, b.bytesDealtTo),
  };
}

function operationCost(protocol: Protocol, { kind, n, reduction }: Operation): Cost {
  return kind === 'truncate' ? protocol.truncateCost(n, reduction) : protocol.rectifyCost(n, reduction);
}

/** Declared rounds and bytes of one batch of `batch` samples, by step and in all. */
export function predictCost(plan: Plan, protocol: Protocol, batch: number): PlanCost {
  const steps = planOperations(plan, batch).map(({ step, operations }): StepCost => {
    const cost = operations.reduce((total, one) => addCosts(total, operationCost(protocol, one)), FREE);
    return { ...cost, name: step.name, op: step.op };
  });
  return { ...steps.reduce<Cost>(addCosts, FREE), steps };
}
