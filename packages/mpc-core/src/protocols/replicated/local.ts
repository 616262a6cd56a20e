/** What the three roles compute on replicated shares without a message: products with shared weights, and replies. */
import type { PartyIndex } from '../../channel/channel.js';
import type { Conv2DGeometry } from '../../graph/plan.js';
import { LocalOperations, type Product } from '../../sharing/local.js';
import type { Additive, LinearWeights, Shared } from '../../sharing/values.js';
import type { Material, SessionContext, Traffic } from '../protocol.js';
import { ReplicatedContext } from './context.js';
import { type Roles, rolesOf } from './roles.js';

/** One party's local operations in its role, for every protocol of a helper and two evaluators on replicated shares. */
export class RoleOperations extends LocalOperations {
  readonly traffic: Traffic;
  protected readonly context: ReplicatedContext;
  protected readonly roles: Roles;
  /** Counts truncations, rectifications and reveals of the session. */
  protected operation = 0;

  constructor(session: SessionContext, helper: PartyIndex, material: readonly Material[] = []) {
    super(session.kernels, session.arena, session.fractionalBits);
    this.roles = rolesOf(session.party, helper);
    this.context = new ReplicatedContext(session);
    this.traffic = this.context.traffic;
    for (const [position, { transcripts }] of material.entries()) this.context.goOn(transcripts, position);
  }

  /**
   * The nine products of three shares of x with three of w, each made once. With X = x_{h+2}, which both evaluators
   * hold, and the helper's m = x_h + x_{h+1}:
   *   helper           m (w_h + w_{h+1})
   *   left evaluator   X w_{h+1} + x_{h+1} w_{h+2}
   *   right evaluator  X (w_{h+2} + w_h) + x_h w_{h+2}
   * Five products in all, where the symmetric x_i (w_i + w_{i+1}) + x_{i+1} w_i takes six.
   */
  linear(
    x: Shared,
    weights: LinearWeights,
    batch: number,
    geometry: Conv2DGeometry,
    bits: number,
    _ofResults = false,
  ): Additive {
    return this.sumOfProducts(this.products(x), weights, batch, geometry, bits);
  }

  private products(x: Shared): readonly Product[] {
    if (this.roles.role === 'evaluator') return [this.openedProduct(x), this.maskProduct(x)];
    const mask = this.arena.words(x.n);
    this.kernels.add(mask, x.first, x.second, x.n);
    return [{ x: mask, form: 'sum' }];
  }

  /** An evaluator's product with X. */
  protected openedProduct(x: Shared): Product {
    return this.roles.isLeft ? { x: x.second, form: 'first' } : { x: x.first, form: 'sum' };
  }

  /** An evaluator's product with the share that it has in common with the helper. */
  protected maskProduct(x: Shared): Product {
    return this.roles.isLeft ? { x: x.first, form: 'second' } : { x: x.second, form: 'first' };
  }

  /**
   * Adds a zero share (Araki et al. 2016, section 2): F(key with i + 1) - F(key with i - 1), where keys are of what the two ends
   * have seen of each other.
   */
  reveal(z: Additive, samples: number, bits: number): Additive {
    const operation = this.operation++;
    const { words, n } = this.checked(z, samples, bits);
    this.kernels.add(words, words, this.context.fillZeroShare('next', operation, n), n);
    this.kernels.subtract(words, words, this.context.fillZeroShare('previous', operation, n), n);
    return { words, n };
  }
}
