/**
 * `fss`: function secret sharing. Two workers evaluate, the third, the helper, deals distributed comparison keys and
 * correlated randomness ahead of the request; at most one of the three is corrupted, semi-honest.
 *
 * Values are the same replicated pairs as in `replicated`: one part is known to both evaluators, and is the value under a mask
 * whose two halves each evaluator has in common with the helper. A rectification takes two rounds, the opening and the
 * result; a linear layer none. docs/protocols.md gives the algorithm step by step, what each party sees, and why it learns
 * nothing.
 */
import type { PartyIndex } from '../../channel/channel.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type {
  Material,
  Operation,
  Protocol,
  ProtocolSession,
  Reduction,
  SessionContext,
} from '../protocol.js';
import { ReplicatedContext } from '../replicated/context.js';
import { RoleOperations } from '../replicated/local.js';
import { rolesOf } from '../replicated/roles.js';
import { rectifyCost, truncateCost } from './cost.js';
import { Evaluator } from './evaluator.js';
import { Helper } from './helper.js';
import { Dealing, FssMaterial, prepare } from './material.js';

class FssSession extends RoleOperations implements ProtocolSession {
  private readonly side: Helper | Evaluator;

  constructor(session: SessionContext, helper: PartyIndex, material: readonly Material[] | undefined) {
    super(session, helper);
    const prepared = material?.map((item) => {
      if (!(item instanceof FssMaterial)) throw new Error('This material was not prepared by this protocol.');
      return item.take();
    });
    const dealing = new Dealing(this.context, this.roles, session.streams.salt);
    const Side = this.roles.role === 'helper' ? Helper : Evaluator;
    this.side = new Side(this.context, this.roles, dealing, prepared ?? null);
  }

  async truncate(z: Additive, reduction: Reduction): Promise<Shared> {
    this.operation++;
    return this.side.truncate(z, reduction);
  }

  async rectify(z: Additive, reduction: Reduction): Promise<Shared> {
    return this.side.rectify(z, reduction, this.operation++);
  }
}

async function prepareMaterial(
  session: SessionContext,
  helper: PartyIndex,
  operations: readonly Operation[],
): Promise<Material> {
  const context = new ReplicatedContext(session);
  const roles = rolesOf(session.party, helper);
  const prepared = await prepare(new Dealing(context, roles, session.streams.salt), roles, operations);
  return new FssMaterial(prepared, session.arena);
}

/** @param helper which worker is the helper; the other two evaluate */
export function fss(helper: PartyIndex = 0): Protocol {
  return {
    name: 'fss',
    prepare: (session, operations) => prepareMaterial(session, helper, operations),
    open: (session, material) => new FssSession(session, helper, material),
    truncateCost: (n, reduction) => truncateCost(helper, n, reduction),
    rectifyCost: (n, reduction) => rectifyCost(helper, n, reduction),
  };
}
