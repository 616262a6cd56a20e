/** Declared costs, from the same layouts that the session uses; tests compare them with what channels counted. */
import type { PartyIndex } from '../../channel/channel.js';
import type { Cost, Reduction } from '../protocol.js';
import { byRole } from '../replicated/roles.js';
import { type DealtLayout, dealtLayout, planeBytes } from './layout.js';

/** Two rounds each: the opening, and the result under its mask. */
const ROUNDS = 2;

function cost(helper: PartyIndex, layout: DealtLayout, choiceBytes: number): Cost {
  const { n, keyBytes, columnBytes, openedBytes, masks, resultBytes } = layout;
  // The keys go to both evaluators, the columns to the right one: the left one's are streams.
  const left = n * keyBytes;
  const right = n * (keyBytes + columnBytes);
  // To the other evaluator the opening, the share of the choice and the results; to the helper the choice.
  const evaluator = openedBytes + masks * resultBytes + 2 * choiceBytes;
  return {
    rounds: ROUNDS,
    bytesSent: byRole(helper, left + right + 2 * openedBytes, evaluator, evaluator),
    bytesDealt: byRole(helper, left + right, 0, 0),
    bytesDealtTo: byRole(helper, 0, left, right),
  };
}

export function truncateCost(helper: PartyIndex, n: number, reduction: Reduction): Cost {
  return cost(helper, dealtLayout('truncate', n, reduction), 0);
}

export function rectifyCost(helper: PartyIndex, n: number, reduction: Reduction): Cost {
  return cost(helper, dealtLayout('rectify', n, reduction), planeBytes(n));
}
