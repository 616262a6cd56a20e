/** Declared costs, from the same layouts that the session uses; tests compare them with what channels counted. */
import type { PartyIndex } from '../../channel/channel.js';
import type { Cost, Operation, Reduction } from '../protocol.js';
import { byRole } from '../replicated/roles.js';
import { type DealtLayout, dealtLayout, planeBytes } from './layout.js';

function cost(helper: PartyIndex, rounds: number, layout: DealtLayout, signBytes: number): Cost {
  const { n, keyBytes, columnBytes, openedBytes, resultBytes } = layout;
  // The keys go to both evaluators, the columns to the right one: the left one's are streams.
  const left = n * keyBytes;
  const right = n * (keyBytes + columnBytes);
  const evaluator = openedBytes + signBytes + resultBytes;
  return {
    rounds,
    bytesSent: byRole(helper, left + right, evaluator, evaluator),
    bytesDealt: byRole(helper, left + right, 0, 0),
    bytesDealtTo: byRole(helper, 0, left, right),
  };
}

/** Two rounds: the opening, and the result under its mask. */
export function truncateCost(helper: PartyIndex, n: number, reduction: Reduction): Cost {
  return cost(helper, 2, dealtLayout('truncate', n, reduction), 0);
}

/** Three rounds: the sign between those two. */
export function rectifyCost(helper: PartyIndex, n: number, reduction: Reduction): Cost {
  return cost(helper, 3, dealtLayout('rectify', n, reduction), planeBytes(n));
}

/** On material the helper sends both evaluators its masked summand of what the input goes into; they travel with the openings. */
export function preparedCost(helper: PartyIndex, operations: readonly Operation[]): Cost {
  const bytes = operations
    .filter(({ ofResults }) => ofResults !== true)
    .reduce((sum, { kind, n, reduction }) => sum + 2 * dealtLayout(kind, n, reduction).openedBytes, 0);
  return {
    rounds: 0,
    bytesSent: byRole(helper, bytes, 0, 0),
    bytesDealt: [0, 0, 0],
    bytesDealtTo: [0, 0, 0],
  };
}
