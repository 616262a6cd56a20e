/** Declared costs, from the same layouts that the session uses; tests compare them with what channels counted. */
import type { PartyIndex } from '../../channel/channel.js';
import type { Cost, Reduction } from '../protocol.js';
import { rolesOf } from '../replicated/roles.js';
import { type DealtLayout, dealtLayout, planeBytes } from './layout.js';

/** Two rounds each: the opening, and the result under its mask. */
const ROUNDS = 2;

function cost(helper: PartyIndex, layout: DealtLayout, choiceBytes: number): Cost {
  const { leftEvaluator, rightEvaluator } = rolesOf(helper, helper);
  // The keys go to both evaluators, the columns to the right one: the left one's are streams.
  const dealt = layout.n * (2 * layout.keyBytes + layout.columnBytes);
  const bytesSent: [number, number, number] = [0, 0, 0];
  const bytesDealt: [number, number, number] = [0, 0, 0];
  bytesDealt[helper] = dealt;
  bytesSent[helper] = dealt + 2 * layout.openedBytes;
  // To the other evaluator the opening, the share of the choice and the results; to the helper the choice.
  bytesSent[leftEvaluator] = layout.openedBytes + layout.masks * layout.resultBytes + 2 * choiceBytes;
  bytesSent[rightEvaluator] = bytesSent[leftEvaluator];
  return { rounds: ROUNDS, bytesSent, bytesDealt };
}

export function truncateCost(helper: PartyIndex, n: number, reduction: Reduction): Cost {
  return cost(helper, dealtLayout('truncate', n, reduction), 0);
}

export function rectifyCost(helper: PartyIndex, n: number, reduction: Reduction): Cost {
  return cost(helper, dealtLayout('rectify', n, reduction), planeBytes(n));
}
