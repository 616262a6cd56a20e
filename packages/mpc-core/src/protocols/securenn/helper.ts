/**
 * The assisting party's side, P_2 of the paper: deals masks and the bits of what it is sent under masks, and learns how
 * comparisons went, each flipped by a bit that it does not know.
 */
import type { Kernels, Pointer } from '../../kernels/kernels.js';
import { Purpose } from '../../random/session-streams.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Reduction } from '../protocol.js';
import type { ReplicatedContext } from '../replicated/context.js';
import { Dealer } from '../replicated/dealer.js';
import { Helper as Truncation } from '../replicated/helper.js';
import { SELECT_TOP_COLUMNS, SELECT_WORD_COLUMNS } from '../replicated/layout.js';
import type { Roles } from '../replicated/roles.js';
import { receiveComparison } from './comparison.js';
import { receiveWords, sendWords } from './exchange.js';
import { type RectifyLayout, rectifyLayout } from './layout.js';
import { OPERATIONS } from './operations.js';
import { fillDigits, fillOdd } from './sampling.js';

/** The helper's links: the left evaluator is the next party. */
const LEFT = 'next';
const RIGHT = 'previous';

export class Helper {
  private readonly kernels: Kernels;
  private readonly dealer: Dealer;
  private readonly truncation: Truncation;

  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
  ) {
    this.kernels = context.kernels;
    this.dealer = new Dealer(context, roles);
    this.truncation = new Truncation(context, roles, null);
  }

  truncate(z: Additive, reduction: Reduction, operation: number): Shared {
    return this.truncation.truncate(z, reduction, operation);
  }

  async rectify(z: Additive, reduction: Reduction, operation: number): Promise<Shared> {
    const { context, kernels, dealer, roles } = this;
    const { arena, traffic } = context;
    const layout = rectifyLayout(z.n, reduction);
    const { n, words, planeBytes, opening } = layout;
    const result = dealer.result(opening, operation);
    const mark = arena.mark();
    // As in a truncation, the mask of the opening takes the helper's summand in.
    const r = dealer.openingMask(opening, operation);
    kernels.subtract(r, r, z.words, n);
    const x = this.dealMask(r, layout, operation);
    await this.convert(layout, operation + OPERATIONS.convert);

    const went = await receiveComparison(context, roles, layout);
    const lowest = arena.allocate(planeBytes);
    kernels.bitPlanes(lowest, x, n, 0, 1, words);
    kernels.xor(went, went, lowest, planeBytes);
    const material = arena.words((SELECT_WORD_COLUMNS + SELECT_TOP_COLUMNS) * n);
    kernels.selectMaterial(material, r, went, n, reduction.shift, reduction.activationBits);
    this.sendColumns(material, layout, operation + OPERATIONS.select);
    traffic.rounds += 7;
    arena.rewind(mark);
    return result;
  }

  /** What depends on no message: what removes r, and the bits of a mask x. @returns x */
  private dealMask(r: Pointer, layout: RectifyLayout, operation: number): Pointer {
    const { context, kernels, dealer, roles } = this;
    const { arena } = context;
    const { n, ringBits, digitBytes, opening } = layout;
    const source = { operation: operation + OPERATIONS.sign, purpose: Purpose.OddRing };
    const x = fillOdd(context, { ...source, link: LEFT }, n, ringBits);
    const mark = arena.mark();
    dealer.deal(r, opening, operation);
    kernels.addOdd(x, x, fillOdd(context, { ...source, link: RIGHT }, n, ringBits), n, ringBits);
    const digits = arena.allocate(digitBytes);
    this.shareBits(digits, x, layout, source.operation);
    context.deal(roles.rightEvaluator, digits, digitBytes);
    arena.rewind(mark);
    return x;
  }

  /** Share convert (Algorithm 4): what was sent under masks, bit by bit, and its carry; then the first comparison. */
  private async convert(layout: RectifyLayout, operation: number): Promise<void> {
    const { context, kernels, roles } = this;
    const { arena } = context;
    const { n, ringBits, ringWidth, ringBytes, words, planeBytes, digitBytes } = layout;
    const mark = arena.mark();
    const source = { link: LEFT, operation, purpose: Purpose.OddRing } as const;
    const odd = fillOdd(context, source, 2 * n, ringBits);
    const sum = await receiveWords(context, roles.leftEvaluator, n, ringWidth);
    const right = await receiveWords(context, roles.rightEvaluator, n, ringWidth);
    const carry = arena.allocate(planeBytes);
    kernels.sumCarry(sum, carry, sum, right, n, ringBits, words);
    const message = arena.allocate(digitBytes + ringBytes);
    this.shareBits(message, sum, layout, operation);
    const share = arena.words(n);
    kernels.shareOdd(share, odd, carry, n, ringBits);
    kernels.pack(message + digitBytes, share, n, ringWidth);
    context.send(roles.rightEvaluator, message, digitBytes + ringBytes);

    const went = await receiveComparison(context, roles, layout);
    kernels.shareOdd(share, odd + 8 * n, went, n, ringBits);
    sendWords(context, roles.rightEvaluator, share, n, ringWidth);
    arena.rewind(mark);
  }

  /** The right evaluator's share of the bits of words, modulo 67; the left one's is a stream. */
  private shareBits(dst: Pointer, values: Pointer, layout: RectifyLayout, operation: number): void {
    const { context, kernels } = this;
    const { n, ringBits, lanes, words, planeBytes, digitBytes } = layout;
    const mark = context.arena.mark();
    const planes = context.arena.allocate(ringBits * planeBytes);
    kernels.bitPlanes(planes, values, n, 0, ringBits, words);
    const left = fillDigits(context, { link: LEFT, operation, purpose: Purpose.Digits }, digitBytes);
    kernels.shareDigits(dst, left, planes, ringBits, lanes, words);
    context.arena.rewind(mark);
  }

  /** The columns of `Kernels.selectMaterial` that were not dealt ahead: the helper's bit, and the bit times R and its top. */
  private sendColumns(material: Pointer, layout: RectifyLayout, operation: number): void {
    const { context, dealer } = this;
    const { n, selectBytes } = layout;
    const { resultWidth, topWidth } = layout.opening;
    const columns = context.arena.allocate(selectBytes);
    context.fill(columns, LEFT, operation, Purpose.Dealt, selectBytes);
    dealer.dealWords(columns, material, n, resultWidth);
    dealer.dealWords(columns + n * resultWidth, material + 16 * n, n, resultWidth);
    dealer.dealWords(columns + 2 * n * resultWidth, material + 32 * n, n, topWidth);
    context.send(this.roles.rightEvaluator, columns, selectBytes);
  }
}
