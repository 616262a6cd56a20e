/**
 * `replicated`: replicated secret sharing among three parties, at most one of them corrupted, semi-honest.
 *
 * Linear layers are local (Araki et al. 2016). Truncation and comparison open the value under a mask that one party,
 * the helper, knows in full (the masked opening); the helper deals shares of what the other two need to remove the
 * mask. docs/protocols.md gives the algorithm step by step, what each party sees, and why it learns nothing.
 */
import type { PartyIndex } from '../../channel/channel.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Protocol, ProtocolSession, Reduction, SessionContext } from '../protocol.js';
import { rectifyCost, truncateCost } from './cost.js';
import { Evaluator } from './evaluator.js';
import { Helper } from './helper.js';
import { RoleOperations } from './local.js';

class ReplicatedSession extends RoleOperations implements ProtocolSession {
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
    return this.side.rectify(z, reduction, this.operation++);
  }
}

/** @param helper which worker is the helper; the other two evaluate */
export function replicated(helper: PartyIndex = 0): Protocol {
  return {
    name: 'replicated',
    open: (session) => new ReplicatedSession(session, helper),
    truncateCost: (n, reduction) => truncateCost(helper, n, reduction),
    rectifyCost: (n, reduction) => rectifyCost(helper, n, reduction),
  };
}
