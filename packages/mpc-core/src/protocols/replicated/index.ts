/**
 * `replicated`: replicated secret sharing among three parties, at most one of them corrupted, semi-honest.
 *
 * Linear layers are local (Araki et al. 2016). Truncation and comparison open the value under a mask that one party,
 * the helper, knows in full (the masked opening); the helper deals shares of what the other two need to remove the
 * mask. docs/protocols.md gives the algorithm step by step, what each party sees, and why it learns nothing.
 */
import type { PartyIndex } from '../../channel/channel.js';
import type { Conv2DGeometry } from '../../graph/plan.js';
import { Purpose } from '../../random/session-streams.js';
import { LocalOperations, type Product } from '../../sharing/local.js';
import type { Additive, LinearWeights, Shared } from '../../sharing/values.js';
import type { Protocol, ProtocolSession, Reduction, SessionContext, Traffic } from '../protocol.js';
import { ReplicatedContext } from './context.js';
import { rectifyCost, truncateCost } from './cost.js';
import { Evaluator } from './evaluator.js';
import { Helper } from './helper.js';
import { type Roles, rolesOf } from './roles.js';

class ReplicatedSession extends LocalOperations implements ProtocolSession {
  readonly traffic: Traffic;
  private readonly context: ReplicatedContext;
  private readonly roles: Roles;
  private readonly side: Helper | Evaluator;
  private operation = 0;

  constructor(session: SessionContext, helper: PartyIndex) {
    super(session.kernels, session.arena, session.fractionalBits);
    this.roles = rolesOf(session.party, helper);
    this.context = new ReplicatedContext(session);
    this.traffic = this.context.traffic;
    this.side =
      this.roles.role === 'helper'
        ? new Helper(this.context, this.roles)
        : new Evaluator(this.context, this.roles);
  }

  /**
   * The nine products of three shares of x with three of w, each made once. With X = x_{h+2}, which both evaluators
   * hold, and the helper's m = x_h + x_{h+1}:
   *   helper           m (w_h + w_{h+1})
   *   left evaluator   X w_{h+1} + x_{h+1} w_{h+2}
   *   right evaluator  X (w_{h+2} + w_h) + x_h w_{h+2}
   * Five products in all, where the symmetric x_i (w_i + w_{i+1}) + x_{i+1} w_i takes six.
   */
  linear(x: Shared, weights: LinearWeights, batch: number, geometry: Conv2DGeometry, bits: number): Additive {
    return this.sumOfProducts(this.products(x), weights, batch, geometry, bits);
  }

  private products(x: Shared): readonly Product[] {
    const { role, isLeft } = this.roles;
    if (role === 'helper') {
      const mask = this.arena.words(x.n);
      this.kernels.add(mask, x.first, x.second, x.n);
      return [{ x: mask, form: 'sum' }];
    }
    if (isLeft) {
      return [
        { x: x.second, form: 'first' },
        { x: x.first, form: 'second' },
      ];
    }
    return [
      { x: x.first, form: 'sum' },
      { x: x.second, form: 'first' },
    ];
  }

  async truncate(z: Additive, reduction: Reduction): Promise<Shared> {
    return this.side.truncate(z, reduction, this.operation++);
  }

  async rectify(z: Additive, reduction: Reduction): Promise<Shared> {
    return this.side.rectify(z, reduction, this.operation++);
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
    truncateCost: (n, reduction) => truncateCost(helper, n, reduction),
    rectifyCost: (n, reduction) => rectifyCost(helper, n, reduction),
  };
}
