/**
 * The computing parties' side, P_0 (left) and P_1 (right) of the paper. Truncation is the masked opening of `replicated`; a
 * rectification goes on with share convert (SecureNN, Algorithm 4), the most significant bit (Algorithm 5) and the
 * selection (Algorithm 2), which together are the paper's ReLU (Algorithms 6 and 7).
 *
 * Every value that one evaluator sends to the other is masked by a stream that it shares with the helper, and every
 * value that it sends to the helper by one that it shares with the other. The left evaluator's share of what the helper
 * deals is a stream, so it waits for the right one only.
 */
import type { Kernels, Pointer } from '../../kernels/kernels.js';
import { Purpose } from '../../random/session-streams.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Reduction } from '../protocol.js';
import type { ReplicatedContext } from '../replicated/context.js';
import { Evaluator as Truncation } from '../replicated/evaluator.js';
import { SELECT_TOP_COLUMNS, SELECT_WORD_COLUMNS } from '../replicated/layout.js';
import type { Roles } from '../replicated/roles.js';
import { EvaluatorStreams } from '../replicated/supply.js';
import { type ComparisonMasks, comparisonMasks, evaluatorLink, sendComparison } from './comparison.js';
import { receiveWords, replicate, sendWords } from './exchange.js';
import { type RectifyLayout, rectifyLayout } from './layout.js';
import { OPERATIONS } from './operations.js';
import { fillDigits, fillOdd } from './sampling.js';

/** Share convert under way: y lacks what the helper is asked about r. */
interface Masked {
  readonly y: Pointer;
  readonly r: Pointer;
}

interface Converted {
  readonly y: Pointer;
  /** Shares of the helper's carry, and at the left evaluator, behind them, of the first comparison. */
  readonly delta: Pointer;
  readonly masks: ComparisonMasks;
}

export class Evaluator {
  private readonly kernels: Kernels;
  private readonly truncation: Truncation;

  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
  ) {
    this.kernels = context.kernels;
    this.truncation = new Truncation(context, roles, null);
  }

  truncate(z: Additive, reduction: Reduction, operation: number): Promise<Shared> {
    return this.truncation.truncate(z, reduction, operation);
  }

  async rectify(z: Additive, reduction: Reduction, operation: number): Promise<Shared> {
    const { context, kernels, roles } = this;
    const { arena } = context;
    const { n } = z;
    const layout = rectifyLayout(n, reduction);
    const { resultWidth, openedWidth } = layout.opening;
    const result: Shared = { first: arena.words(n), second: arena.words(n), n };
    const mark = arena.mark();
    const streams = new EvaluatorStreams(context, roles, layout.opening, operation);
    const c = arena.words(n);
    kernels.add(c, z.words, streams.opening(), n);
    sendWords(context, roles.other, c, n, openedWidth);
    const own = streams.own();

    const mask = await this.removal(streams, layout);
    await this.open(c, layout);
    const value = this.unmask(c, mask, layout);
    const masked = this.sendMasked(value, layout, operation + OPERATIONS.convert);
    const digits = await this.dealtDigits(layout, operation + OPERATIONS.sign);
    const converted = await this.convert(masked, layout, operation + OPERATIONS.convert);
    const sign = await this.mostSignificantBit(converted, digits, layout, operation + OPERATIONS.sign);
    const selected = await this.select(c, mask, sign, layout, operation + OPERATIONS.select);
    await replicate(context, roles, result, selected, own, resultWidth);
    arena.rewind(mark);
    return result;
  }

  /** Columns of this evaluator's shares of R and its top bit. */
  private async removal(streams: EvaluatorStreams, { n, opening }: RectifyLayout): Promise<Pointer> {
    const columns = this.context.arena.words(2 * n);
    const dealt = await streams.dealt();
    this.kernels.unpack(columns, dealt, n, opening.resultWidth);
    this.kernels.unpack(columns + 8 * n, dealt + n * opening.resultWidth, n, opening.topWidth);
    return columns;
  }

  private async open(c: Pointer, { n, opening }: RectifyLayout): Promise<void> {
    const theirs = await receiveWords(this.context, this.roles.other, n, opening.openedWidth);
    this.kernels.add(c, c, theirs, n);
    this.context.traffic.rounds++;
  }

  /** Shares of t = C - R; exact modulo 2^k, and as a number when t is not negative. */
  private unmask(c: Pointer, mask: Pointer, { n, opening }: RectifyLayout): Pointer {
    const { context, kernels, roles } = this;
    const { shift, activationBits } = opening;
    const value = context.arena.words(n);
    kernels.truncate(value, c, mask, n, shift, activationBits, roles.isLeft);
    // The kernel takes away the offset of a truncation, and here there was none.
    const offset = 2 ** (activationBits - 2);
    if (roles.isLeft) kernels.addConstant(value, value, offset % 2 ** 32, Math.floor(offset / 2 ** 32), n);
    return value;
  }

  /** Share convert (Algorithm 4), its beginning: a = 2 t modulo L = 2^l, masked by r, goes to the helper. */
  private sendMasked(value: Pointer, { n, ringBits, ringWidth }: RectifyLayout, operation: number): Masked {
    const { context, kernels, roles } = this;
    const { arena } = context;
    const link = evaluatorLink(roles);
    const summands = context.fillWords(link, operation, Purpose.ConvertMask, 2 * n, ringWidth);
    const [masked, y, r] = [arena.words(n), arena.words(n), arena.words(n)];
    kernels.maskConvert(masked, y, r, value, summands, summands + 8 * n, n, ringBits, roles.isLeft);
    sendWords(context, roles.helper, masked, n, ringWidth);
    return { y, r };
  }

  /** This evaluator's share of the bits of the second comparison's x, dealt ahead. */
  private async dealtDigits({ digitBytes }: RectifyLayout, operation: number): Promise<Pointer> {
    const { context, roles } = this;
    if (!roles.isLeft) {
      return context.receive(roles.helper, context.arena.allocate(digitBytes), digitBytes);
    }
    return fillDigits(context, { link: roles.helperLink, operation, purpose: Purpose.Digits }, digitBytes);
  }

  /**
   * Share convert, its end: the helper deals the bits of the masked sum, and its carry; the first comparison says whether
   * masking went round. What is left for when the helper's answer is there is in `Kernels.finishConvert`.
   */
  private async convert({ y, r }: Masked, layout: RectifyLayout, operation: number): Promise<Converted> {
    const { context, kernels, roles } = this;
    const { arena, traffic } = context;
    const { n, ringBits, ringWidth, ringBytes, digitBytes, planeBytes } = layout;
    const masks = comparisonMasks(context, roles, operation, layout);
    const source = { link: roles.helperLink, operation };
    let digits: Pointer;
    let delta: Pointer;
    if (roles.isLeft) {
      digits = fillDigits(context, { ...source, purpose: Purpose.Digits }, digitBytes);
      delta = fillOdd(context, { ...source, purpose: Purpose.OddRing }, 2 * n, ringBits);
    } else {
      digits = arena.allocate(digitBytes + ringBytes);
      await context.receive(roles.helper, digits, digitBytes + ringBytes);
      delta = arena.words(n);
      kernels.unpack(delta, digits + digitBytes, n, ringWidth);
    }
    traffic.rounds += 2;
    // The helper is to learn whether r > x, or, flipped, its opposite, x > r - 1.
    const mode = arena.allocate(planeBytes);
    kernels.memory.bytes.fill(0xff, mode, mode + planeBytes);
    kernels.xor(mode, mode, masks.flip, planeBytes);
    sendComparison(context, roles, layout, { digits, r, step: -1, mode, masks });
    return { y, delta, masks };
  }

  /**
   * The most significant bit (Algorithm 5): it is the lowest of 2 y modulo the odd number L - 1. That is opened under a
   * mask x that the helper knows; the second comparison says whether the sum went round. The helper itself joins the
   * bit of x with the comparison, so that Algorithm 5's product is not needed.
   *
   * @returns the plane of what, with the helper's bit, says "keep", for `Kernels.select`
   */
  private async mostSignificantBit(
    { y, delta, masks }: Converted,
    digits: Pointer,
    layout: RectifyLayout,
    operation: number,
  ): Promise<Pointer> {
    const { context, kernels, roles } = this;
    const { arena, traffic } = context;
    const { n, ringBits, ringWidth, words, planeBytes } = layout;
    const x = fillOdd(context, { link: roles.helperLink, operation, purpose: Purpose.OddRing }, n, ringBits);
    const next = comparisonMasks(context, roles, operation, layout);
    const eta = roles.isLeft ? delta + 8 * n : await receiveWords(context, roles.helper, n, ringWidth);
    traffic.rounds += 2;
    const opened = arena.words(n);
    kernels.finishConvert(opened, y, delta, eta, x, masks.flip, n, ringBits, roles.isLeft);
    sendWords(context, roles.other, opened, n, ringWidth);
    kernels.addOdd(opened, opened, await receiveWords(context, roles.other, n, ringWidth), n, ringBits);
    traffic.rounds++;
    // The helper is to learn whether x > r, or, flipped, its opposite, r + 1 > x.
    sendComparison(context, roles, layout, { digits, r: opened, step: 1, mode: next.flip, masks: next });
    const sign = arena.allocate(planeBytes);
    kernels.bitPlanes(sign, opened, n, 0, 1, words);
    kernels.xor(sign, sign, next.flip, planeBytes);
    return sign;
  }

  /**
   * Select share (Algorithm 2): the helper, which knows its own bit g and the mask R, deals g, g R and g times R's top bit;
   * with the public C and sign these give a share of the bit times the value, and no operand need be opened.
   */
  private async select(
    c: Pointer,
    mask: Pointer,
    sign: Pointer,
    layout: RectifyLayout,
    operation: number,
  ): Promise<Pointer> {
    const { context, kernels, roles } = this;
    const { arena } = context;
    const { n, selectBytes } = layout;
    const { shift, activationBits, resultWidth, topWidth } = layout.opening;
    const columns = arena.allocate(selectBytes);
    if (roles.isLeft) context.fill(columns, roles.helperLink, operation, Purpose.Dealt, selectBytes);
    else await context.receive(roles.helper, columns, selectBytes);
    context.traffic.rounds += 2;
    const column = 8 * n;
    const material = arena.words((SELECT_WORD_COLUMNS + SELECT_TOP_COLUMNS) * n);
    kernels.unpack(material, columns, n, resultWidth);
    kernels.unpack(material + 2 * column, columns + n * resultWidth, n, resultWidth);
    kernels.unpack(material + 4 * column, columns + 2 * n * resultWidth, n, topWidth);
    const selected = arena.words(n);
    kernels.memory.bytes.copyWithin(material + column, mask, mask + column);
    kernels.memory.bytes.copyWithin(material + 3 * column, mask + column, mask + 2 * column);
    kernels.select(selected, c, sign, material, n, shift, activationBits, roles.isLeft);
    return selected;
  }
}
