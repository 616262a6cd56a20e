/**
 * The helper's side: it knows the mask r of every opening from its streams and its own summand, and deals what the
 * evaluators need to turn the opened c = z + r into a share of the result. Nothing it receives depends on an input,
 * except its own shares of the session's input.
 */
import type { Additive, Shared } from '../../sharing/values.js';
import type { Reduction } from '../protocol.js';
import type { ReplicatedContext } from './context.js';
import { Dealer } from './dealer.js';
import { type OperationLayout, rectifyLayout, truncateLayout } from './layout.js';
import type { Roles } from './roles.js';
import { countDealt, type HelperSupply, type PreparedOperation } from './supply.js';

export class Helper {
  private readonly dealer: Dealer;
  private spent = 0;

  /** @param prepared what was dealt ahead, or null to deal as operations come */
  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
    private readonly prepared: readonly PreparedOperation[] | null,
  ) {
    this.dealer = new Dealer(context, roles);
  }

  truncate(z: Additive, reduction: Reduction, operation: number): Shared {
    return this.reduce(z, truncateLayout(z.n, reduction), operation);
  }

  rectify(z: Additive, reduction: Reduction, operation: number): Shared {
    return this.reduce(z, rectifyLayout(z.n, reduction), operation);
  }

  private reduce(z: Additive, layout: OperationLayout, operation: number): Shared {
    const { context, dealer, prepared, roles } = this;
    if (prepared !== null) {
      countDealt(context.traffic, roles, layout);
      return this.correct(z, layout, prepared[this.spent++]!.helper!);
    }
    const result = dealer.result(layout, operation);
    const mark = context.arena.mark();
    // r = rho_left + rho_right - z_h: the evaluators' sum of z_i + rho_i is then z + r, though the helper sends nothing.
    const r = dealer.openingMask(layout, operation);
    context.kernels.subtract(r, r, z.words, z.n);
    dealer.deal(r, layout, operation);
    context.arena.rewind(mark);
    return result;
  }

  /** Sends the left evaluator z_h + rho_h, which what was prepared could not count in. */
  private correct(
    z: Additive,
    { n, openedWidth, openedBytes }: OperationLayout,
    supply: HelperSupply,
  ): Shared {
    const { context, roles } = this;
    const mark = context.arena.mark();
    const words = context.arena.words(n);
    context.kernels.add(words, z.words, supply.own, n);
    const packed = context.arena.allocate(openedBytes);
    context.kernels.pack(packed, words, n, openedWidth);
    context.send(roles.leftEvaluator, packed, openedBytes);
    context.arena.rewind(mark);
    return { first: supply.first, second: supply.second, n };
  }
}
