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

/**
 * Declared rounds and bytes of one batch of `batch` samples, by step and in all.
 * @param ahead whether it runs on what was dealt ahead; that is counted all the same
 */
export function predictCost(plan: Plan, protocol: Protocol, batch: number, ahead = false): PlanCost {
  const all = planOperations(plan, batch);
  const preparedCost = (operations: readonly Operation[]): Cost =>
    (ahead ? protocol.preparedCost?.(operations) : undefined) ?? FREE;
  const steps = all.map(({ step, operations }): StepCost => {
    const cost = operations.reduce((total, one) => addCosts(total, operationCost(protocol, one)), FREE);
    // The rounds are the session's, not those of each step.
    return { ...addCosts(cost, { ...preparedCost(operations), rounds: 0 }), name: step.name, op: step.op };
  });
  const total = steps.reduce<Cost>(addCosts, FREE);
  const more = preparedCost(all.flatMap(({ operations }) => operations));
  return { ...total, rounds: total.rounds + more.rounds, steps };
}
