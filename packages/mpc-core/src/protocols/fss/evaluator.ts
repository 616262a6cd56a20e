/**
 * The evaluators' side, online: open the masked value, compare it alone with keys, and exchange the two values that the
 * result can have, each under a mask of its own, together with the shares of the bit that says which of them it is. The
 * bit needs no round: who learns it has both values already, and the other mask hides the other one.
 */
import type { Kernels, Pointer } from '../../kernels/kernels.js';
import { type Link, Purpose } from '../../random/session-streams.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Operation, Reduction } from '../protocol.js';
import type { ReplicatedContext } from '../replicated/context.js';
import type { Roles } from '../replicated/roles.js';
import { compare } from './comparison.js';
import {
  type DealtLayout,
  dealtLayout,
  pieces,
  planeBytes,
  SELECT_TOP_COLUMNS,
  SELECT_WORD_COLUMNS,
} from './layout.js';
import { countDealt, type Dealing, type Dealt, type EvaluatorPiece, type Prepared } from './material.js';

/** A piece of an operation's values: where it begins, and how to come by what is dealt for it. */
interface Part {
  readonly at: number;
  readonly piece: EvaluatorPiece;
  readonly dealt: () => Promise<EvaluatorPiece & Dealt>;
}

export class Evaluator {
  private readonly kernels: Kernels;
  private readonly evaluatorLink: Link;
  private spent = 0;

  /** @param prepared material of every sample, or null to have it dealt as operations come */
  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
    private readonly dealing: Dealing,
    private readonly prepared: readonly Prepared[] | null,
  ) {
    this.kernels = context.kernels;
    this.evaluatorLink = roles.helperLink === 'next' ? 'previous' : 'next';
  }

  async truncate(z: Additive, reduction: Reduction): Promise<Shared> {
    const { context, kernels, roles } = this;
    const { n } = z;
    const { shift, activationBits } = reduction;
    const layout = dealtLayout('truncate', n, reduction);
    const result = this.resultWords(n);
    const [mine, opened] = roles.isLeft ? [result.first, result.second] : [result.second, result.first];
    const mark = context.arena.mark();
    const parts = this.parts({ kind: 'truncate', n, reduction });
    const c = this.sendOpening(z, parts, layout, shift + activationBits - 2);
    await this.receiveOpening(c, layout);
    const material = await this.columns(parts, layout, 1, 1);
    kernels.truncate(opened, c, material, n, shift, activationBits, roles.isLeft);
    this.gatherMasks(mine, parts, 0);
    kernels.subtract(opened, opened, mine, n);
    const packed = this.pack(opened, n, layout.resultWidth);
    context.send(roles.other, packed, layout.resultBytes);
    // Both evaluators drop the bytes that are not sent, so that they hold the very same share.
    kernels.unpack(opened, packed, n, layout.resultWidth);
    const theirs = await context.receive(roles.other, packed, layout.resultBytes);
    this.addPacked(opened, theirs, n, layout.resultWidth);
    context.traffic.rounds++;
    context.arena.rewind(mark);
    return result;
  }

  async rectify(z: Additive, reduction: Reduction, operation: number): Promise<Shared> {
    const { context, kernels, roles } = this;
    const { arena } = context;
    const { n } = z;
    const { shift, activationBits } = reduction;
    const layout = dealtLayout('rectify', n, reduction);
    const result = this.resultWords(n);
    const [mine, opened] = roles.isLeft ? [result.first, result.second] : [result.second, result.first];
    const mark = arena.mark();
    const parts = this.parts({ kind: 'rectify', n, reduction });
    const c = this.sendOpening(z, parts, layout, null);
    const choice = this.drawChoice(n, operation);
    await this.receiveOpening(c, layout);

    // One message: the share of the sign as a plane, then both values of the result.
    const bytes = planeBytes(n);
    const message = arena.allocate(bytes + 2 * layout.resultBytes);
    const signs = arena.words(n);
    const material = await this.columns(
      parts,
      layout,
      SELECT_WORD_COLUMNS,
      SELECT_TOP_COLUMNS,
      (at, piece) => {
        compare(context, roles, signs + 8 * at, c + 8 * at, piece);
      },
    );
    kernels.bitPlanes(message, signs, n, 0, 1, bytes / 8);
    // The helper first: it has a product to make of what it learns here, and the evaluators wait for that.
    const own = arena.allocate(bytes);
    kernels.xor(own, message, choice.share, bytes);
    context.send(roles.helper, own, bytes);
    const values = [0, 1].map((slot) => {
      const value = arena.words(n);
      const mask = arena.words(n);
      const packed = message + bytes + slot * layout.resultBytes;
      const plane = slot === 0 ? choice.choice : choice.complement;
      kernels.select(value, c, plane, material, n, shift, activationBits, roles.isLeft);
      this.gatherMasks(mask, parts, slot);
      kernels.subtract(value, value, mask, n);
      kernels.pack(packed, value, n, layout.resultWidth);
      kernels.unpack(value, packed, n, layout.resultWidth);
      return { value, mask };
    });
    context.send(roles.other, message, bytes + 2 * layout.resultBytes);

    const theirs = arena.allocate(bytes + 2 * layout.resultBytes);
    await context.receive(roles.other, theirs, bytes + 2 * layout.resultBytes);
    context.traffic.rounds++;
    // Which mask is in use: the opened sign, as the evaluators have mixed it.
    const used = arena.allocate(bytes);
    kernels.xor(used, message, theirs, bytes);
    kernels.xor(used, used, choice.choice, bytes);
    values.forEach(({ value }, slot) => {
      this.addPacked(value, theirs + bytes + slot * layout.resultBytes, n, layout.resultWidth);
    });
    kernels.choose(opened, values[0]!.value, values[1]!.value, used, n);
    kernels.choose(mine, values[0]!.mask, values[1]!.mask, used, n);
    arena.rewind(mark);
    return result;
  }

  /** The pieces of the next operation: of every sample's material, or drawn now. */
  private parts(operation: Operation): readonly Part[] {
    const { context, dealing, prepared, roles } = this;
    let at = 0;
    if (prepared === null) {
      return pieces(operation.n).map((n): Part => {
        const piece = dealing.draw({ ...operation, n });
        at += n;
        return { at: at - n, piece, dealt: async () => ({ ...piece, ...(await dealing.receive(piece)) }) };
      });
    }
    const number = this.spent++;
    return prepared.map(({ evaluator }): Part => {
      const piece = evaluator[number]!;
      countDealt(context.traffic, roles, piece.layout);
      at += piece.layout.n;
      return { at: at - piece.layout.n, piece, dealt: () => Promise.resolve(piece) };
    });
  }

  /**
   * Sends z_i + mask, and returns it as words.
   * @param offsetBit the left evaluator adds 2^offsetBit first, or null
   */
  private sendOpening(
    z: Additive,
    parts: readonly Part[],
    layout: DealtLayout,
    offsetBit: number | null,
  ): Pointer {
    const { context, kernels, roles } = this;
    const c = context.arena.words(z.n);
    for (const { at, piece } of parts) {
      kernels.add(c + 8 * at, z.words + 8 * at, piece.opening, piece.layout.n);
    }
    if (offsetBit !== null && roles.isLeft) {
      const low = offsetBit < 32 ? 2 ** offsetBit : 0;
      const high = offsetBit < 32 ? 0 : 2 ** (offsetBit - 32);
      kernels.addConstant(c, c, low, high, z.n);
    }
    context.send(roles.other, this.pack(c, z.n, layout.openedWidth), layout.openedBytes);
    return c;
  }

  /** c += the other evaluator's summand, and the helper's: one round. */
  private async receiveOpening(c: Pointer, { n, openedWidth, openedBytes }: DealtLayout): Promise<void> {
    const { context, roles } = this;
    const mark = context.arena.mark();
    const packed = context.arena.allocate(openedBytes);
    for (const peer of [roles.other, roles.helper]) {
      await context.receive(peer, packed, openedBytes);
      this.addPacked(c, packed, n, openedWidth);
    }
    context.traffic.rounds++;
    context.arena.rewind(mark);
  }

  /**
   * The shares of the dealt columns of all pieces, as columns of n words.
   * @param use called for each piece while its keys are there
   */
  private async columns(
    parts: readonly Part[],
    { n, resultWidth, topWidth }: DealtLayout,
    wordColumns: number,
    topColumns: number,
    use?: (at: number, piece: EvaluatorPiece & Dealt) => void,
  ): Promise<Pointer> {
    const { arena } = this.context;
    const material = arena.words((wordColumns + topColumns) * n);
    for (const { at, dealt } of parts) {
      const mark = arena.mark();
      const piece = await dealt();
      use?.(at, piece);
      const count = piece.layout.n;
      let from = piece.columns;
      for (let column = 0; column < wordColumns + topColumns; column++) {
        const width = column < wordColumns ? resultWidth : topWidth;
        this.kernels.unpack(material + 8 * (column * n + at), from, count, width);
        from += count * width;
      }
      arena.rewind(mark);
    }
    return material;
  }

  /** The words of one mask of all pieces. */
  private gatherMasks(dst: Pointer, parts: readonly Part[], slot: number): void {
    const { bytes } = this.kernels.memory;
    for (const { at, piece } of parts) {
      const { n } = piece.layout;
      const from = piece.masks + 8 * n * slot;
      bytes.copyWithin(dst + 8 * at, from, from + 8 * n);
    }
  }

  /**
   * A bit a value, random and known to both evaluators, says in which order the two values stand; each has its share of
   * it, so that what the helper is sent tells it only which place is in use.
   */
  private drawChoice(n: number, operation: number): { share: Pointer; choice: Pointer; complement: Pointer } {
    const { context, kernels, roles } = this;
    const bytes = planeBytes(n);
    const shares = context.arena.allocate(2 * bytes);
    context.fill(shares, this.evaluatorLink, operation, Purpose.Choice, 2 * bytes);
    const choice = context.arena.allocate(bytes);
    kernels.xor(choice, shares, shares + bytes, bytes);
    const complement = context.arena.allocate(bytes);
    kernels.memory.bytes.fill(0xff, complement, complement + bytes);
    kernels.xor(complement, complement, choice, bytes);
    return { share: roles.isLeft ? shares : shares + bytes, choice, complement };
  }

  private resultWords(n: number): Shared {
    return { first: this.context.arena.words(n), second: this.context.arena.words(n), n };
  }

  private pack(words: Pointer, n: number, width: number): Pointer {
    const packed = this.context.arena.allocate(n * width);
    this.kernels.pack(packed, words, n, width);
    return packed;
  }

  /** words += n packed words. */
  private addPacked(words: Pointer, packed: Pointer, n: number, width: number): void {
    const { arena } = this.context;
    const mark = arena.mark();
    const theirs = arena.words(n);
    this.kernels.unpack(theirs, packed, n, width);
    this.kernels.add(words, words, theirs, n);
    arena.rewind(mark);
  }
}
