/** Declared costs, from the same layouts that the session uses; tests compare them with what channels counted. */
import type { PartyIndex } from '../../channel/channel.js';
import type { Cost, Reduction } from '../protocol.js';
import { byRole } from '../replicated/roles.js';
import { rectifyLayout } from './layout.js';

/** Nine rounds: the opening, three times to the helper and back, the opening between them, and the result. */
export function rectifyCost(helper: PartyIndex, n: number, reduction: Reduction): Cost {
  const { opening, ringBytes, digitBytes, selectBytes } = rectifyLayout(n, reduction);
  const evaluator = opening.openedBytes + 2 * ringBytes + 2 * digitBytes + opening.resultBytes;
  const dealtBytes = opening.dealtBytes + digitBytes;
  const online = digitBytes + 2 * ringBytes + selectBytes;
  return {
    rounds: 9,
    bytesSent: byRole(helper, dealtBytes + online, evaluator, evaluator),
    bytesDealt: byRole(helper, dealtBytes, 0, 0),
    bytesDealtTo: byRole(helper, 0, 0, dealtBytes),
  };
}
