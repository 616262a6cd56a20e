/**
 * `replicated`: replicated secret sharing among three parties, at most one of them corrupted, semi-honest.
 *
 * Linear layers are local (Araki et al. 2016). Truncation and comparison open the value under a mask that one party,
 * the helper, knows in full (the masked opening); the helper deals shares of what the other two need to remove the
 * mask. docs/protocols.md gives the algorithm step by step, what each party sees, and why it learns nothing.
 */
import type { PartyIndex } from '../../channel/channel.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Material, Protocol, ProtocolSession, Reduction, SessionContext } from '../protocol.js';
import { ReplicatedContext } from './context.js';
import { preparedCost, rectifyCost, truncateCost } from './cost.js';
import { Evaluator } from './evaluator.js';
import { Helper } from './helper.js';
import { RoleOperations } from './local.js';
import { PreparedMaterial, takePrepared } from './material.js';
import { rolesOf } from './roles.js';
import { prepareOperations } from './supply.js';

class ReplicatedSession extends RoleOperations implements ProtocolSession {
  private readonly side: Helper | Evaluator;

  constructor(session: SessionContext, helper: PartyIndex, material: readonly Material[] = []) {
    super(session, helper, material);
    if (material.length > 1) throw new RangeError('Material serves batches of one sample.');
    const Side = this.roles.role === 'helper' ? Helper : Evaluator;
    this.side = new Side(this.context, this.roles, material[0] ? takePrepared(material[0]) : null);
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
    maxPreparedBatch: 1,
    prepare: async (session, operations) => {
      const context = new ReplicatedContext(session);
      const roles = rolesOf(session.party, helper);
      const prepared = await prepareOperations(context, roles, operations);
      return new PreparedMaterial(prepared, session.arena, context.transcripts());
    },
    open: (session, material) => new ReplicatedSession(session, helper, material),
    truncateCost: (n, reduction) => truncateCost(helper, n, reduction),
    rectifyCost: (n, reduction) => rectifyCost(helper, n, reduction),
    preparedCost: (operations) => preparedCost(helper, operations),
  };
}
