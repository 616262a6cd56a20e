/**
 * The helper's side: it knows the mask r of every opening from its streams and its own summand, and deals what the
 * evaluators need to turn the opened c = z + r into a share of the result. Nothing it receives depends on an input,
 * except its own shares of the session's input.
 */
import type { Kernels, Pointer } from '../../kernels/kernels.js';
import { Purpose } from '../../random/session-streams.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Reduction } from '../protocol.js';
import type { ReplicatedContext } from './context.js';
import {
  type Layout,
  type RectifyLayout,
  rectifyLayout,
  SELECT_TOP_COLUMNS,
  SELECT_WORD_COLUMNS,
  truncateLayout,
} from './layout.js';
import type { Roles } from './roles.js';

export class Helper {
  private readonly kernels: Kernels;

  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
  ) {
    this.kernels = context.kernels;
  }

  truncate(z: Additive, reduction: Reduction, operation: number): Shared {
    const { context, kernels } = this;
    const { shift, activationBits } = reduction;
    const layout = truncateLayout(z.n, reduction);
    const result = this.result(layout, operation);
    const mark = context.arena.mark();
    const r = this.openingMask(z, layout, operation);
    const dealt = context.arena.allocate(layout.dealtBytes);
    context.fill(dealt, 'next', operation, Purpose.Dealt, layout.dealtBytes);
    const material = context.arena.words(2 * z.n);
    kernels.truncateMaterial(material, r, z.n, shift, activationBits);
    this.dealWords(dealt, material, z.n, layout.resultWidth);
    this.dealWords(dealt + z.n * layout.resultWidth, material + 8 * z.n, z.n, layout.topWidth);
    context.deal(this.roles.rightEvaluator, dealt, layout.dealtBytes);
    context.arena.rewind(mark);
    return result;
  }

  rectify(z: Additive, reduction: Reduction, operation: number): Shared {
    const { context, kernels } = this;
    const { arena } = context;
    const { shift, activationBits } = reduction;
    const layout = rectifyLayout(z.n, reduction);
    const result = this.result(layout, operation);
    const mark = arena.mark();
    const r = this.openingMask(z, layout, operation);
    const masks = this.bitMasks(layout, operation);
    const dealt = arena.allocate(layout.dealtBytes);
    context.fill(dealt, 'next', operation, Purpose.Dealt, layout.dealtBytes);
    this.dealPlanes(dealt, r, masks, layout);

    const material = arena.words((SELECT_WORD_COLUMNS + SELECT_TOP_COLUMNS) * z.n);
    const sigma = masks + layout.tree.maskPlanes * layout.planeBytes;
    kernels.selectMaterial(material, r, sigma, z.n, shift, activationBits);
    const words = dealt + layout.dealtPlanes * layout.planeBytes;
    this.dealWords(words, material, SELECT_WORD_COLUMNS * z.n, layout.resultWidth);
    this.dealWords(
      words + SELECT_WORD_COLUMNS * z.n * layout.resultWidth,
      material + 8 * SELECT_WORD_COLUMNS * z.n,
      SELECT_TOP_COLUMNS * z.n,
      layout.topWidth,
    );
    context.deal(this.roles.rightEvaluator, dealt, layout.dealtBytes);
    arena.rewind(mark);
    return result;
  }

  /** y_h and y_{h+1}: the helper's pair of the result comes from its streams; the evaluators make up y_{h+2}. */
  private result(layout: Layout, operation: number): Shared {
    const { n, resultWidth } = layout;
    return {
      first: this.context.fillWords('previous', operation, Purpose.Result, n, resultWidth),
      second: this.context.fillWords('next', operation, Purpose.Result, n, resultWidth),
      n,
    };
  }

  /**
   * r = rho_left + rho_right - z_h: the evaluators' sum of z_i + rho_i is then z + r, though the helper sends nothing.
   */
  private openingMask(z: Additive, layout: Layout, operation: number): Pointer {
    const r = this.context.fillWords('next', operation, Purpose.Opening, z.n, layout.openedWidth);
    const right = this.context.fillWords('previous', operation, Purpose.Opening, z.n, layout.openedWidth);
    this.kernels.add(r, r, right, z.n);
    this.kernels.subtract(r, r, z.words, z.n);
    return r;
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
  private dealWords(dealt: Pointer, values: Pointer, n: number, width: number): void {
    const { arena } = this.context;
    const mark = arena.mark();
    const left = arena.words(n);
    this.kernels.unpack(left, dealt, n, width);
    this.kernels.subtract(left, values, left, n);
    this.kernels.pack(dealt, left, n, width);
    arena.rewind(mark);
  }
}
