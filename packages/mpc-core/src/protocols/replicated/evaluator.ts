/**
 * The evaluators' side: open the masked value, compare it with the mask they do not know, select, and turn the
 * two-party result back into replicated shares. Every value that one sends is masked by a stream that the other
 * does not have.
 */
import type { Kernels, Pointer } from '../../kernels/kernels.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Reduction } from '../protocol.js';
import { compare } from './comparison.js';
import type { ReplicatedContext } from './context.js';
import {
  type Layout,
  type OperationLayout,
  rectifyLayout,
  SELECT_TOP_COLUMNS,
  SELECT_WORD_COLUMNS,
  truncateLayout,
} from './layout.js';
import type { Roles } from './roles.js';
import { countDealt, EvaluatorStreams, type EvaluatorSupply, type PreparedOperation } from './supply.js';

export class Evaluator {
  private readonly kernels: Kernels;
  private spent = 0;

  /** @param prepared what was dealt ahead, or null to draw and receive as operations come */
  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
    private readonly prepared: readonly PreparedOperation[] | null,
  ) {
    this.kernels = context.kernels;
  }

  async truncate(z: Additive, reduction: Reduction, operation: number): Promise<Shared> {
    const { context, kernels, roles } = this;
    const { shift, activationBits } = reduction;
    const layout = truncateLayout(z.n, reduction);
    const result = this.resultWords(z.n);
    const mark = context.arena.mark();
    const supply = this.supply(layout, operation);
    const c = await this.sendOpening(z, layout, supply, shift + activationBits - 2);
    const own = supply.own();
    // Together: whichever fails first, the other's failure is not left unhandled.
    const [dealt] = await Promise.all([supply.dealt(), this.addReceived(c, z.n, layout.openedWidth)]);

    const material = context.arena.words(2 * z.n);
    kernels.unpack(material, dealt, z.n, layout.resultWidth);
    kernels.unpack(material + 8 * z.n, dealt + z.n * layout.resultWidth, z.n, layout.topWidth);
    const y = context.arena.words(z.n);
    kernels.truncate(y, c, material, z.n, shift, activationBits, roles.isLeft);
    await this.replicate(result, y, own, layout);
    context.arena.rewind(mark);
    return result;
  }

  async rectify(z: Additive, reduction: Reduction, operation: number): Promise<Shared> {
    const { context, kernels, roles } = this;
    const { arena } = context;
    const { shift, activationBits } = reduction;
    const layout = rectifyLayout(z.n, reduction);
    const result = this.resultWords(z.n);
    const mark = arena.mark();
    const supply = this.supply(layout, operation);
    const c = await this.sendOpening(z, layout, supply, null);
    // What follows needs no message: it is done while the other's opening travels.
    const masks = supply.masks();
    const own = supply.own();
    // Together: whichever fails first, the other's failure is not left unhandled.
    const [dealt] = await Promise.all([supply.dealt(), this.addReceived(c, z.n, layout.openedWidth)]);

    const opened = await compare(context, roles, { c, dealt, masks, layout });
    const material = arena.words((SELECT_WORD_COLUMNS + SELECT_TOP_COLUMNS) * z.n);
    const words = dealt + layout.dealtPlanes * layout.planeBytes;
    kernels.unpack(material, words, SELECT_WORD_COLUMNS * z.n, layout.resultWidth);
    kernels.unpack(
      material + 8 * SELECT_WORD_COLUMNS * z.n,
      words + SELECT_WORD_COLUMNS * z.n * layout.resultWidth,
      SELECT_TOP_COLUMNS * z.n,
      layout.topWidth,
    );
    const y = arena.words(z.n);
    kernels.select(y, c, opened, material, z.n, shift, activationBits, roles.isLeft);
    await this.replicate(result, y, own, layout);
    arena.rewind(mark);
    return result;
  }

  private supply(layout: OperationLayout, operation: number): EvaluatorSupply {
    const { context, prepared, roles } = this;
    if (prepared === null) return new EvaluatorStreams(context, roles, layout, operation);
    countDealt(context.traffic, roles, layout);
    if (this.spent === 0 && roles.isLeft) context.traffic.rounds++;
    return prepared[this.spent++]!.evaluator!;
  }

  /**
   * Sends z_i + rho_i, and returns it as words.
   * @param offsetBit the left evaluator adds 2^offsetBit first, or null
   */
  private async sendOpening(
    z: Additive,
    layout: Layout,
    supply: EvaluatorSupply,
    offsetBit: number | null,
  ): Promise<Pointer> {
    const { context, kernels, roles } = this;
    const c = context.arena.words(z.n);
    kernels.add(c, z.words, supply.opening(), z.n);
    if (offsetBit !== null && roles.isLeft) {
      const low = offsetBit < 32 ? 2 ** offsetBit : 0;
      const high = offsetBit < 32 ? 0 : 2 ** (offsetBit - 32);
      kernels.addConstant(c, c, low, high, z.n);
    }
    if (supply.corrected && roles.isLeft) {
      const mark = context.arena.mark();
      const packed = context.arena.allocate(layout.openedBytes);
      this.addPacked(
        c,
        await context.receive(roles.helper, packed, layout.openedBytes),
        z.n,
        layout.openedWidth,
      );
      context.arena.rewind(mark);
    }
    this.sendPacked(c, z.n, layout.openedWidth);
    return c;
  }

  private resultWords(n: number): Shared {
    return { first: this.context.arena.words(n), second: this.context.arena.words(n), n };
  }

  /** y = y_left + y_right becomes replicated: each sends its summand less its stream's share; the sum is y_{h+2}. */
  private async replicate(result: Shared, y: Pointer, own: Pointer, layout: Layout): Promise<void> {
    const { kernels, roles } = this;
    const { n, resultWidth } = layout;
    const [mine, opened] = roles.isLeft ? [result.first, result.second] : [result.second, result.first];
    kernels.memory.bytes.copyWithin(mine, own, own + 8 * n);
    kernels.subtract(opened, y, own, n);
    const packed = this.sendPacked(opened, n, resultWidth);
    // Both evaluators drop the bytes that are not sent, so that they hold the very same share.
    kernels.unpack(opened, packed, n, resultWidth);
    await this.addReceived(opened, n, resultWidth);
  }

  /** @returns the packed words as they were sent */
  private sendPacked(words: Pointer, n: number, width: number): Pointer {
    const packed = this.context.arena.allocate(n * width);
    this.kernels.pack(packed, words, n, width);
    this.context.send(this.roles.other, packed, n * width);
    return packed;
  }

  /** words += the other's n words of `width` bytes: the second half of a round. */
  private async addReceived(words: Pointer, n: number, width: number): Promise<void> {
    const { arena, traffic } = this.context;
    const mark = arena.mark();
    const packed = await this.context.receive(this.roles.other, arena.allocate(n * width), n * width);
    this.addPacked(words, packed, n, width);
    traffic.rounds++;
    arena.rewind(mark);
  }

  /** words += n packed words. */
  private addPacked(words: Pointer, packed: Pointer, n: number, width: number): void {
    const theirs = this.context.arena.words(n);
    this.kernels.unpack(theirs, packed, n, width);
    this.kernels.add(words, words, theirs, n);
  }
}
