/**
 * `securenn`: two computing parties and an assisting one, at most one of them corrupted, semi-honest (S. Wagh, D. Gupta,
 * N. Chandran, "SecureNN: 3-party secure computation for neural network training", PoPETs 2019): the protocol of the
 * tutorial. The evaluators are P_0 and P_1 of the paper, the helper is P_2.
 *
 * Between operations a value is a replicated pair: x_{h+1} and x_h, which each evaluator has in common with the helper, are
 * the shares of a mask A that the helper knows, and x_{h+2} = X - A is what matrix multiplication (Algorithm 1) has the
 * evaluators open. So the operands of a product are open when they are made, and the weights when the model is shared:
 * E = X - A, F = Y - B, and X Y = E F + E B + A F + C. The helper, which knows A and B, does not deal C = A B but keeps it
 * as a third summand, and the mask of the next opening takes it in. Linear steps need no message.
 *
 * Truncation is the masked opening. The paper's, on each share alone, is off by 2^(64 - f) once in a while and is not used.
 */
import type { PartyIndex } from '../../channel/channel.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Protocol, ProtocolSession, Reduction, SessionContext } from '../protocol.js';
import { truncateCost } from '../replicated/cost.js';
import { RoleOperations } from '../replicated/local.js';
import { rectifyCost } from './cost.js';
import { Evaluator } from './evaluator.js';
import { Helper } from './helper.js';
import { OPERATIONS } from './operations.js';

class SecureNNSession extends RoleOperations implements ProtocolSession {
  private readonly side: Helper | Evaluator;

  constructor(session: SessionContext, helper: PartyIndex) {
    super(session, helper);
    this.side =
      this.roles.role === 'helper'
        ? new Helper(this.context, this.roles)
        : new Evaluator(this.context, this.roles);
  }

  async truncate(z: Additive, reduction: Reduction): Promise<Shared> {
    return this.side.truncate(z, reduction, this.operation++);
  }

  async rectify(z: Additive, reduction: Reduction): Promise<Shared> {
    const operation = this.operation;
    this.operation += OPERATIONS.count;
    return this.side.rectify(z, reduction, operation);
  }
}

/** @param helper which worker assists; the other two compute */
export function securenn(helper: PartyIndex = 0): Protocol {
  return {
    name: 'securenn',
    open: (session) => new SecureNNSession(session, helper),
    truncateCost: (n, reduction) => truncateCost(helper, n, reduction),
    rectifyCost: (n, reduction) => rectifyCost(helper, n, reduction),
  };
}
