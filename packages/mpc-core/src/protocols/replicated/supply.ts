/**
 * What the parties of one operation need besides its values: masks from streams, and what the helper deals. It is drawn
 * and received when the operation comes, or was before, in a session of its own (prepared).
 *
 * When it comes, the helper counts its own summand into the mask, r = rho_L + rho_R - z_h, and sends nothing online. What is
 * prepared must not depend on an input: there r = rho_L + rho_R + rho_h, and the helper sends z_h + rho_h to the left
 * evaluator, who adds it to its own summand before it sends that on. rho_L is unknown to the right evaluator and rho_h to
 * the left one, so what each of them receives is as uniform as before.
 */
import type { Pointer } from '../../kernels/kernels.js';
import { Purpose } from '../../random/session-streams.js';
import type { Operation, Traffic } from '../protocol.js';
import type { ReplicatedContext } from './context.js';
import { Dealer } from './dealer.js';
import { type OperationLayout, operationLayout } from './layout.js';
import type { Roles } from './roles.js';

/** What an evaluator needs. */
export interface EvaluatorSupply {
  /** Words: the mask of its summand. */
  opening(): Pointer;
  /** Planes: its share of the masks of the bits that a comparison opens. */
  masks(): Pointer;
  /** Words: the share of the result that it has in common with the helper. */
  own(): Pointer;
  /** Its share of what is dealt, packed. */
  dealt(): Promise<Pointer>;
  /** Whether the helper's summand comes as a message. */
  readonly corrected: boolean;
}

/** What the helper needs of what was prepared. */
export interface HelperSupply {
  /** Words: the mask of its summand. */
  readonly own: Pointer;
  /** Words: its pair of the result. */
  readonly first: Pointer;
  readonly second: Pointer;
}

/** Draws from the session's streams, and receives, when it is asked. */
export class EvaluatorStreams implements EvaluatorSupply {
  readonly corrected = false;

  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
    private readonly layout: OperationLayout,
    private readonly operation: number,
  ) {}

  opening(): Pointer {
    return this.words(Purpose.Opening, this.layout.openedWidth);
  }

  masks(): Pointer {
    const bytes = this.layout.maskPlanes * this.layout.planeBytes;
    return this.fill(Purpose.BitMasks, bytes);
  }

  own(): Pointer {
    return this.words(Purpose.Result, this.layout.resultWidth);
  }

  /** The left evaluator's share is a stream; the right one's arrives as a message. */
  async dealt(): Promise<Pointer> {
    const { context, roles, layout } = this;
    if (roles.isLeft) return this.fill(Purpose.Dealt, layout.dealtBytes);
    return context.receive(roles.helper, context.arena.allocate(layout.dealtBytes), layout.dealtBytes);
  }

  private words(purpose: Purpose, width: number): Pointer {
    return this.context.fillWords(this.roles.helperLink, this.operation, purpose, this.layout.n, width);
  }

  private fill(purpose: Purpose, bytes: number): Pointer {
    const { context, roles, operation } = this;
    return context.fill(context.arena.allocate(bytes), roles.helperLink, operation, purpose, bytes);
  }
}

/** What was prepared for one operation, at one party. */
export interface PreparedOperation {
  readonly layout: OperationLayout;
  readonly evaluator: EvaluatorSupply | null;
  readonly helper: HelperSupply | null;
}

async function prepareEvaluator(
  context: ReplicatedContext,
  roles: Roles,
  layout: OperationLayout,
  number: number,
): Promise<EvaluatorSupply> {
  const streams = new EvaluatorStreams(context, roles, layout, number);
  const [opening, masks, own] = [streams.opening(), streams.masks(), streams.own()];
  const dealt = await streams.dealt();
  return {
    corrected: true,
    opening: () => opening,
    masks: () => masks,
    own: () => own,
    dealt: () => Promise.resolve(dealt),
  };
}

function prepareHelper(
  context: ReplicatedContext,
  roles: Roles,
  layout: OperationLayout,
  number: number,
): HelperSupply {
  const dealer = new Dealer(context, roles);
  const { first, second } = dealer.result(layout, number);
  const own = context.fillWords('previous', number, Purpose.HelperOpening, layout.n, layout.openedWidth);
  const mark = context.arena.mark();
  const r = dealer.openingMask(layout, number);
  context.kernels.add(r, r, own, layout.n);
  dealer.deal(r, layout, number);
  context.arena.rewind(mark);
  return { own, first, second };
}

/** Deals ahead what the operations of one sample need, in their order. */
export async function prepareOperations(
  context: ReplicatedContext,
  roles: Roles,
  operations: readonly Operation[],
): Promise<readonly PreparedOperation[]> {
  const prepared: PreparedOperation[] = [];
  for (const [number, { kind, n, reduction }] of operations.entries()) {
    const layout = operationLayout(kind, n, reduction);
    const isHelper = roles.role === 'helper';
    prepared.push({
      layout,
      evaluator: isHelper ? null : await prepareEvaluator(context, roles, layout, number),
      helper: isHelper ? prepareHelper(context, roles, layout, number) : null,
    });
  }
  return prepared;
}

/** Counts the message of what was dealt ahead as the session's that uses it. */
export function countDealt(traffic: Traffic, { role, isLeft }: Roles, { dealtBytes }: OperationLayout): void {
  if (role === 'helper') {
    traffic.bytesSent += dealtBytes;
    traffic.bytesDealt += dealtBytes;
  } else if (!isLeft) {
    traffic.bytesReceived += dealtBytes;
  }
}
