/**
 * The evaluators' side, online: open the masked value, compare it alone with keys, open the masked sign, and send each other
 * the shares of the result less their masks. Everything but these messages was dealt before, and the helper sends nothing
 * unless the value has summands of the input.
 */
import type { Kernels, Pointer } from '../../kernels/kernels.js';
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
  private spent = 0;
  /** Whether what masks make of later values was worked out ahead: then results go on without them. */
  readonly masksAreAhead: boolean;

  /** @param prepared material of every sample, or null to have it dealt as operations come */
  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
    private readonly dealing: Dealing,
    private readonly prepared: readonly Prepared[] | null,
  ) {
    this.kernels = context.kernels;
    this.masksAreAhead = prepared?.every(({ output }) => output !== null) ?? false;
  }

  async truncate(z: Additive, reduction: Reduction): Promise<Shared> {
    const { context, kernels, roles } = this;
    const { n } = z;
    const { shift, activationBits } = reduction;
    const layout = dealtLayout('truncate', n, reduction);
    const result = this.resultWords(n);
    const mark = context.arena.mark();
    const parts = this.parts({ kind: 'truncate', n, reduction });
    const c = this.sendOpening(z, parts, layout, shift + activationBits - 2);
    await this.receiveOpening(c, parts, layout);
    const material = await this.columns(parts, layout, 1, 1);
    const y = context.arena.words(n);
    kernels.truncate(y, c, material, n, shift, activationBits, roles.isLeft);
    await this.replicate(result, y, parts, layout);
    context.arena.rewind(mark);
    return result;
  }

  async rectify(z: Additive, reduction: Reduction): Promise<Shared> {
    const { context, kernels, roles } = this;
    const { arena } = context;
    const { n } = z;
    const { shift, activationBits } = reduction;
    const layout = dealtLayout('rectify', n, reduction);
    const result = this.resultWords(n);
    const mark = arena.mark();
    const parts = this.parts({ kind: 'rectify', n, reduction });
    const c = this.sendOpening(z, parts, layout, null);
    await this.receiveOpening(c, parts, layout);

    const signs = arena.words(n);
    const material = await this.columns(
      parts,
      layout,
      SELECT_WORD_COLUMNS,
      SELECT_TOP_COLUMNS,
      (at, piece) => {
        compare(context, roles, signs + 8 * at, c + 8 * at, piece);
        if (this.prepared === null) context.send(roles.helper, 0, 0);
      },
    );
    const bytes = planeBytes(n);
    const sign = arena.allocate(bytes);
    kernels.bitPlanes(sign, signs, n, 0, 1, bytes / 8);
    context.send(roles.other, sign, bytes);
    const theirs = await context.receive(roles.other, arena.allocate(bytes), bytes);
    context.traffic.rounds++;
    kernels.xor(sign, sign, theirs, bytes);

    const y = arena.words(n);
    kernels.select(y, c, sign, material, n, shift, activationBits, roles.isLeft);
    await this.replicate(result, y, parts, layout);
    arena.rewind(mark);
    return result;
  }

  /** y = y_left + y_right becomes replicated: each sends its summand less its mask; the sum is y_{h+2}. One round. */
  private async replicate(
    result: Shared,
    y: Pointer,
    parts: readonly Part[],
    { n, resultWidth, resultBytes }: DealtLayout,
  ): Promise<void> {
    const { context, kernels, roles } = this;
    const [mine, opened] = roles.isLeft ? [result.first, result.second] : [result.second, result.first];
    for (const { at, piece } of parts) {
      kernels.memory.bytes.copyWithin(mine + 8 * at, piece.mask, piece.mask + 8 * piece.layout.n);
    }
    kernels.subtract(opened, y, mine, n);
    if (this.masksAreAhead) kernels.memory.bytes.fill(0, mine, mine + 8 * n);
    const packed = this.pack(opened, n, resultWidth);
    context.send(roles.other, packed, resultBytes);
    // Both evaluators drop the bytes that are not sent, so that they hold the very same share.
    kernels.unpack(opened, packed, n, resultWidth);
    const theirs = await context.receive(roles.other, packed, resultBytes);
    this.addPacked(opened, theirs, n, resultWidth);
    context.traffic.rounds++;
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

  /** c += the other evaluator's summand, and the helper's where it sends one: one round. */
  private async receiveOpening(
    c: Pointer,
    parts: readonly Part[],
    { n, openedWidth, openedBytes }: DealtLayout,
  ): Promise<void> {
    const { context, roles } = this;
    const mark = context.arena.mark();
    const packed = context.arena.allocate(openedBytes);
    const helperSends = parts.some(({ piece }) => piece.helperSends);
    for (const peer of helperSends ? [roles.helper, roles.other] : [roles.other]) {
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
