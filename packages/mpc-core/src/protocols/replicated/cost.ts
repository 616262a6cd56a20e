/** Declared costs, from the same layouts that the session uses; tests compare them with what channels counted. */
import type { PartyIndex } from '../../channel/channel.js';
import type { Cost, Operation, Reduction } from '../protocol.js';
import { type Layout, operationLayout, rectifyLayout, truncateLayout } from './layout.js';
import { byRole } from './roles.js';

function cost(helper: PartyIndex, rounds: number, evaluatorBytes: number, dealtBytes: number): Cost {
  return {
    rounds,
    bytesSent: byRole(helper, dealtBytes, evaluatorBytes, evaluatorBytes),
    bytesDealt: byRole(helper, dealtBytes, 0, 0),
    bytesDealtTo: byRole(helper, 0, 0, dealtBytes),
  };
}

const openingAndResult = (layout: Layout): number => layout.openedBytes + layout.resultBytes;

/** Two rounds: the opening, and the result made replicated. */
export function truncateCost(helper: PartyIndex, n: number, reduction: Reduction): Cost {
  const layout = truncateLayout(n, reduction);
  return cost(helper, 2, openingAndResult(layout), layout.dealtBytes);
}

/** Three rounds and one a level of the comparison. */
export function rectifyCost(helper: PartyIndex, n: number, reduction: Reduction): Cost {
  const layout = rectifyLayout(n, reduction);
  const opened = openingAndResult(layout) + layout.maskPlanes * layout.planeBytes;
  return cost(helper, 3 + layout.tree.levels.length, opened, layout.dealtBytes);
}

/**
 * On what was prepared the helper sends its masked summand of every opening. The left evaluator waits for the first, which
 * takes a round; the others come while it is busy, for the helper waits for nothing.
 */
export function preparedCost(helper: PartyIndex, operations: readonly Operation[]): Cost {
  const bytes = operations.reduce(
    (total, { kind, n, reduction }) => total + operationLayout(kind, n, reduction).openedBytes,
    0,
  );
  const bytesSent: [number, number, number] = [0, 0, 0];
  bytesSent[helper] = bytes;
  return {
    rounds: operations.length === 0 ? 0 : 1,
    bytesSent,
    bytesDealt: [0, 0, 0],
    bytesDealtTo: [0, 0, 0],
  };
}
