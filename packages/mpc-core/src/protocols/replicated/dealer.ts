/**
 * How the helper deals: from the mask r of an opening, which it knows in full, to shares of what the evaluators need to
 * turn the opened c = z + r into a share of the result.
 */
import type { Kernels, Pointer } from '../../kernels/kernels.js';
import { Purpose } from '../../random/session-streams.js';
import type { Shared } from '../../sharing/values.js';
import type { ReplicatedContext } from './context.js';
import {
  type OperationLayout,
  type RectifyLayout,
  SELECT_TOP_COLUMNS,
  SELECT_WORD_COLUMNS,
  type TruncateLayout,
} from './layout.js';
import type { Roles } from './roles.js';

export class Dealer {
  private readonly kernels: Kernels;

  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
  ) {
    this.kernels = context.kernels;
  }

  /** y_h and y_{h+1}: the helper's pair of the result comes from its streams; the evaluators make up y_{h+2}. */
  result(layout: OperationLayout, operation: number): Shared {
    const { n, resultWidth } = layout;
    return {
      first: this.context.fillWords('previous', operation, Purpose.Result, n, resultWidth),
      second: this.context.fillWords('next', operation, Purpose.Result, n, resultWidth),
      n,
    };
  }

  /** Words: the sum of the evaluators' masks of an opening. */
  openingMask(layout: OperationLayout, operation: number): Pointer {
    const { context } = this;
    const { n, openedWidth } = layout;
    const r = context.fillWords('next', operation, Purpose.Opening, n, openedWidth);
    const mark = context.arena.mark();
    this.kernels.add(r, r, context.fillWords('previous', operation, Purpose.Opening, n, openedWidth), n);
    context.arena.rewind(mark);
    return r;
  }

  /** Sends the right evaluator its share of what r's removal takes; the left one's is a stream. */
  deal(r: Pointer, layout: OperationLayout, operation: number): void {
    const { context } = this;
    const dealt = context.arena.allocate(layout.dealtBytes);
    context.fill(dealt, 'next', operation, Purpose.Dealt, layout.dealtBytes);
    if (layout.tree === null) this.dealTruncation(dealt, r, layout);
    else this.dealRectification(dealt, r, layout, operation);
    context.deal(this.roles.rightEvaluator, dealt, layout.dealtBytes);
  }

  private dealTruncation(dealt: Pointer, r: Pointer, layout: TruncateLayout): void {
    const { n, shift, activationBits, resultWidth, topWidth } = layout;
    const material = this.context.arena.words(2 * n);
    this.kernels.truncateMaterial(material, r, n, shift, activationBits);
    this.dealWords(dealt, material, n, resultWidth);
    this.dealWords(dealt + n * resultWidth, material + 8 * n, n, topWidth);
  }

  private dealRectification(dealt: Pointer, r: Pointer, layout: RectifyLayout, operation: number): void {
    const { n, shift, activationBits, resultWidth, topWidth } = layout;
    const masks = this.bitMasks(layout, operation);
    this.dealPlanes(dealt, r, masks, layout);
    const material = this.context.arena.words((SELECT_WORD_COLUMNS + SELECT_TOP_COLUMNS) * n);
    const sigma = masks + layout.tree.maskPlanes * layout.planeBytes;
    this.kernels.selectMaterial(material, r, sigma, n, shift, activationBits);
    const words = dealt + layout.dealtPlanes * layout.planeBytes;
    this.dealWords(words, material, SELECT_WORD_COLUMNS * n, resultWidth);
    this.dealWords(
      words + SELECT_WORD_COLUMNS * n * resultWidth,
      material + 8 * SELECT_WORD_COLUMNS * n,
      SELECT_TOP_COLUMNS * n,
      topWidth,
    );
  }

  private bitMasks(layout: RectifyLayout, operation: number): Pointer {
    const { arena } = this.context;
    const bytes = layout.maskPlanes * layout.planeBytes;
    const left = this.context.fill(arena.allocate(bytes), 'next', operation, Purpose.BitMasks, bytes);
    const right = this.context.fill(arena.allocate(bytes), 'previous', operation, Purpose.BitMasks, bytes);
    this.kernels.xor(left, left, right, bytes);
    return left;
  }

  /** Replaces the left evaluator's planes at `dealt` by the right one's: products of r's bits and of the masks. */
  private dealPlanes(dealt: Pointer, r: Pointer, masks: Pointer, layout: RectifyLayout): void {
    const { kernels } = this;
    const { tree, planeBytes, words } = layout;
    const bits = this.context.arena.allocate(layout.activationBits * planeBytes);
    kernels.bitPlanes(bits, r, layout.n, layout.shift, layout.activationBits, words);
    const planes = this.context.arena.allocate(layout.dealtPlanes * planeBytes);

    let at = planes;
    let bit = 0;
    for (const m of tree.blocks) {
      kernels.subsetProducts(at, bits + bit * planeBytes, m, words);
      at += (2 ** m - 1) * planeBytes;
      bit += m;
    }
    this.kernels.memory.bytes.copyWithin(at, bits + bit * planeBytes, bits + (bit + 1) * planeBytes);
    at += planeBytes;

    let mask = masks;
    for (const group of tree.levels.flat()) {
      kernels.groupProducts(at, mask, group.size, group.low, words);
      at += group.products * planeBytes;
      mask += group.masks * planeBytes;
    }
    kernels.xor(dealt, dealt, planes, layout.dealtPlanes * planeBytes);
  }

  /** Replaces the left evaluator's packed share at `dealt` by the right one's. */
  dealWords(dealt: Pointer, values: Pointer, n: number, width: number): void {
    const { arena } = this.context;
    const mark = arena.mark();
    const left = arena.words(n);
    this.kernels.unpack(left, dealt, n, width);
    this.kernels.subtract(left, values, left, n);
    this.kernels.pack(dealt, left, n, width);
    arena.rewind(mark);
  }
}
