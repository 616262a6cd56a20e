/**
 * `replicated`: replicated secret sharing among three parties, at most one of them corrupted, semi-honest.
 *
 * Linear layers are local (Araki et al. 2016). Truncation and comparison open the value under a mask that one party,
 * the helper, knows in full (the masked opening); the helper deals shares of what the other two need to remove the
 * mask. docs/protocols.md gives the algorithm step by step, what each party sees, and why it learns nothing.
 */
import type { PartyIndex } from '../../channel/channel.js';
import { Purpose } from '../../random/session-streams.js';
import { LocalOperations } from '../../sharing/local.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Protocol, ProtocolSession, SessionContext, Traffic } from '../protocol.js';
import { ReplicatedContext } from './context.js';
import { rectifyCost, truncateCost } from './cost.js';
import { Evaluator } from './evaluator.js';
import { Helper } from './helper.js';
import { rolesOf } from './roles.js';

class ReplicatedSession extends LocalOperations implements ProtocolSession {
  readonly traffic: Traffic;
  private readonly context: ReplicatedContext;
  private readonly side: Helper | Evaluator;
  private operation = 0;

  constructor(session: SessionContext, helper: PartyIndex) {
    super(session.kernels, session.arena, session.fractionalBits);
    const roles = rolesOf(session.party, helper);
    this.context = new ReplicatedContext(session);
    this.traffic = this.context.traffic;
    this.side =
      roles.role === 'helper' ? new Helper(this.context, roles) : new Evaluator(this.context, roles);
  }

  async truncate(z: Additive, shift: number, bits: number): Promise<Shared> {
    return this.side.truncate(z, shift, bits, this.operation++);
  }

  async rectify(z: Additive, shift: number, bits: number): Promise<Shared> {
    return this.side.rectify(z, shift, bits, this.operation++);
  }

  /** Adds a zero share (Araki et al. 2016, section 2): F(key with i + 1) - F(key with i - 1). */
  reveal(z: Additive): Additive {
    const operation = this.operation++;
    const words = this.context.fillWords('next', operation, Purpose.Zero, z.n, 8);
    const previous = this.context.fillWords('previous', operation, Purpose.Zero, z.n, 8);
    this.kernels.subtract(words, words, previous, z.n);
    this.kernels.add(words, words, z.words, z.n);
    return { words, n: z.n };
  }
}

/** @param helper which worker is the helper; the other two evaluate */
export function replicated(helper: PartyIndex = 0): Protocol {
  return {
    name: 'replicated',
    open: (session) => new ReplicatedSession(session, helper),
    truncateCost: (...size) => truncateCost(helper, ...size),
    rectifyCost: (...size) => rectifyCost(helper, ...size),
  };
}
