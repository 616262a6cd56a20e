/**
 * The offline phase: what the helper deals for an operation, and what each party draws from its streams for it. Nothing
 * that is sent here depends on an input, a weight or an opened value; sizes come from the plan.
 *
 * For n values, with streams of the helper with the left (L) and the right (R) evaluator:
 *   opening   mask of the evaluator's summand; r = opening_L + opening_R - z_h where the helper knows its summand z_h
 *   own       where it does not, the two masks of z_h, of which each evaluator could know one; then they are added in r
 *   roots     16-byte seeds of the comparison trees
 *   bits      u_L, u_R: the sign that is opened is masked by sigma = u_L xor u_R xor (top bit of R)
 *   mask      of the result: what the evaluator and the helper hold of it
 *   keys      comparison keys, sent to both
 *   columns   shares of sigma, R, sigma R, R's top bit and sigma times it: L's is a stream, R's is sent
 */
import type { Arena } from '../../kernels/arena.js';
import type { Pointer } from '../../kernels/kernels.js';
import { type Link, Purpose } from '../../random/session-streams.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Material, Operation, Traffic } from '../protocol.js';
import type { ReplicatedContext } from '../replicated/context.js';
import type { Roles } from '../replicated/roles.js';
import {
  type DealtLayout,
  dealtLayout,
  planeBytes,
  ROOT_BYTES,
  SELECT_TOP_COLUMNS,
  SELECT_WORD_COLUMNS,
} from './layout.js';

/** Levels of a tree take the low bits of a tweak, the number of the dealt operation those above. */
const TAG_SHIFT = 6;

/** What identifies the trees of one operation among all that are hashed under other seeds. */
export interface Tweak {
  readonly tag: number;
  readonly salt: readonly [number, number];
}

/** What an evaluator holds for n values of an operation. */
export interface EvaluatorPiece {
  readonly layout: DealtLayout;
  /** Words. */
  readonly opening: Pointer;
  /** Until `receive` has put their first children there. */
  readonly roots: Pointer;
  /** A plane. */
  readonly bits: Pointer;
  /** Words: its part of the result. */
  readonly mask: Pointer;
  readonly tweak: Tweak;
  /** Whether the helper sends its summand under a mask; else it is in r. */
  readonly helperSends: boolean;
  /** The columns, packed, when the evaluator is the left one: they are a stream. */
  readonly columns: Pointer | null;
}

/** What has arrived from the helper for an evaluator's piece. */
export interface Dealt {
  /** With the first level of their trees made, see `Kernels.expandRoots`. */
  readonly keys: Pointer;
  /** Packed. */
  readonly columns: Pointer;
}

/** What the helper keeps of n values of an operation: its parts of the result among it. */
export interface HelperPiece extends Shared {
  readonly layout: DealtLayout;
  /** Words: mask of the summand that the helper sends; null where it sends none. */
  readonly own: Pointer | null;
}

/** Draws and deals, with an arena for what is kept. Dealt operations are numbered in the order of the calls. */
export class Dealing {
  private dealt = 0;

  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
    private readonly salt: readonly [number, number],
  ) {}

  /** An evaluator's part that needs no message. */
  draw(operation: Operation, helperSends = false): EvaluatorPiece {
    const { context, roles } = this;
    const number = this.dealt++;
    const link = roles.helperLink;
    const layout = dealtLayout(operation.kind, operation.n, operation.reduction);
    const { n } = layout;
    const columns = n * layout.columnBytes;
    return {
      layout,
      helperSends,
      tweak: this.tweak(number),
      opening: this.words(link, number, Purpose.Opening, n, layout.openedWidth),
      mask: this.words(link, number, Purpose.Result, n, layout.resultWidth),
      ...this.tree(layout, link, number),
      columns: roles.isLeft
        ? context.fill(context.arena.allocate(columns), link, number, Purpose.Dealt, columns)
        : null,
    };
  }

  /** The helper's message for an evaluator's piece, of whose trees it makes the first level; pieces come as they were drawn. */
  async receive(piece: EvaluatorPiece): Promise<Dealt> {
    const { context, roles } = this;
    const { n, keyBytes, columnBytes, activationBits } = piece.layout;
    const bytes = n * (keyBytes + (piece.columns === null ? columnBytes : 0));
    const keys = context.arena.allocate(bytes);
    if (bytes > 0) await context.receive(roles.helper, keys, bytes);
    if (keyBytes > 0) {
      const [salt0, salt1] = piece.tweak.salt;
      const { tag } = piece.tweak;
      context.kernels.expandRoots(keys, piece.roots, n, 0, activationBits, tag, salt0, salt1, roles.isLeft);
    }
    return { keys, columns: piece.columns ?? keys + n * keyBytes };
  }

  /**
   * The helper's part: deals it, and gives what is to be kept.
   * @param z words of its summand, or null where it will send that
   */
  deal(operation: Operation, z: Pointer | null): HelperPiece {
    const { context } = this;
    const number = this.dealt++;
    const layout = dealtLayout(operation.kind, operation.n, operation.reduction);
    const { n, openedWidth, resultWidth } = layout;
    const first = this.words('previous', number, Purpose.Result, n, resultWidth);
    const second = this.words('next', number, Purpose.Result, n, resultWidth);
    const own = z === null ? this.sumOfStreams(number, Purpose.HelperOpening, n, openedWidth) : null;
    const mark = context.arena.mark();
    const r = this.sumOfStreams(number, Purpose.Opening, n, openedWidth);
    if (own !== null) context.kernels.add(r, r, own, n);
    if (z !== null) context.kernels.subtract(r, r, z, n);
    this.send(r, layout, number);
    context.arena.rewind(mark);
    return { layout, own, first, second, n };
  }

  /** What the evaluators need to go on from what they open under the mask r. */
  private send(r: Pointer, layout: DealtLayout, number: number): void {
    const { context, roles } = this;
    const { arena, kernels } = context;
    const { n, shift, activationBits, keyBytes, columnBytes } = layout;
    const message = arena.allocate(n * (keyBytes + columnBytes));
    const columns = message + n * keyBytes;
    if (keyBytes > 0) {
      const left = this.tree(layout, 'next', number);
      const right = this.tree(layout, 'previous', number);
      const { tag, salt } = this.tweak(number);
      kernels.comparisonKeys(
        message,
        r,
        left.roots,
        right.roots,
        n,
        0,
        shift,
        activationBits,
        tag,
        salt[0],
        salt[1],
      );
      context.deal(roles.leftEvaluator, message, n * keyBytes);
      const bytes = planeBytes(n);
      const sigma = arena.allocate(bytes);
      kernels.bitPlanes(sigma, r, n, shift + activationBits - 1, 1, bytes / 8);
      kernels.xor(sigma, sigma, left.bits, bytes);
      kernels.xor(sigma, sigma, right.bits, bytes);
      const material = arena.words((SELECT_WORD_COLUMNS + SELECT_TOP_COLUMNS) * n);
      kernels.selectMaterial(material, r, sigma, n, shift, activationBits);
      this.shareColumns(columns, material, layout, number, SELECT_WORD_COLUMNS, SELECT_TOP_COLUMNS);
    } else {
      const material = arena.words(2 * n);
      kernels.truncateMaterial(material, r, n, shift, activationBits);
      this.shareColumns(columns, material, layout, number, 1, 1);
    }
    context.deal(roles.rightEvaluator, message, n * (keyBytes + columnBytes));
  }

  /** The right evaluator's share of columns of words and of top bits: what they are, less the left one's stream. */
  private shareColumns(
    dst: Pointer,
    material: Pointer,
    layout: DealtLayout,
    number: number,
    wordColumns: number,
    topColumns: number,
  ): void {
    const { context } = this;
    const { kernels, arena } = context;
    const { n, resultWidth, topWidth, columnBytes } = layout;
    context.fill(dst, 'next', number, Purpose.Dealt, n * columnBytes);
    const share = (at: Pointer, values: Pointer, count: number, width: number): void => {
      const left = arena.words(count);
      kernels.unpack(left, at, count, width);
      kernels.subtract(left, values, left, count);
      kernels.pack(at, left, count, width);
    };
    share(dst, material, wordColumns * n, resultWidth);
    share(dst + wordColumns * n * resultWidth, material + 8 * wordColumns * n, topColumns * n, topWidth);
  }

  /** Root seeds and mask bits that the helper has in common with one evaluator. */
  private tree({ n, keyBytes }: DealtLayout, link: Link, number: number): { roots: Pointer; bits: Pointer } {
    const { context } = this;
    const { arena } = context;
    if (keyBytes === 0) return { roots: 0, bits: 0 };
    return {
      roots: context.fill(arena.allocate(ROOT_BYTES * n), link, number, Purpose.Roots, ROOT_BYTES * n),
      bits: context.fill(arena.allocate(planeBytes(n)), link, number, Purpose.BitMasks, planeBytes(n)),
    };
  }

  /** As ReplicatedContext.fillWords, but nothing stays in the arena besides the words. */
  private words(link: Link, number: number, purpose: Purpose, n: number, width: number): Pointer {
    const { context } = this;
    const words = context.arena.words(n);
    const mark = context.arena.mark();
    const packed = context.arena.allocate(n * width);
    context.fill(packed, link, number, purpose, n * width);
    context.kernels.unpack(words, packed, n, width);
    context.arena.rewind(mark);
    return words;
  }

  /** Words that the helper has in common with one evaluator each, added up. */
  private sumOfStreams(number: number, purpose: Purpose, n: number, width: number): Pointer {
    const { context } = this;
    const sum = this.words('next', number, purpose, n, width);
    const mark = context.arena.mark();
    context.kernels.add(sum, sum, this.words('previous', number, purpose, n, width), n);
    context.arena.rewind(mark);
    return sum;
  }

  private tweak(number: number): Tweak {
    return { tag: number * 2 ** TAG_SHIFT, salt: this.salt };
  }
}

/** Counts the messages of what was dealt ahead for n values as the session's own that uses it. */
export function countDealt(traffic: Traffic, { role, isLeft }: Roles, layout: DealtLayout): void {
  const keys = layout.n * layout.keyBytes;
  const columns = layout.n * layout.columnBytes;
  if (role === 'helper') {
    traffic.bytesSent += 2 * keys + columns;
    traffic.bytesDealt += 2 * keys + columns;
  } else {
    traffic.bytesReceived += isLeft ? keys : keys + columns;
  }
}

/** What one party has of the operations of one sample, in their order. */
export interface Prepared {
  readonly operations: readonly Operation[];
  readonly evaluator: readonly (EvaluatorPiece & Dealt)[];
  readonly helper: readonly HelperPiece[];
  /**
   * Of the output, what the party rehearsed: the helper's summand; of an evaluator's, the part that comes from its masks, which
   * `opening` has of all other values. Null where that could not be told apart from what the input makes of them.
   */
  readonly output: Additive | null;
}

/** A sample's material in memory. A session takes it out; there is nothing left for a second one. */
export class FssMaterial implements Material {
  private prepared: Prepared | null;

  constructor(
    prepared: Prepared,
    private readonly arena: Arena,
    readonly transcripts: Uint8Array,
  ) {
    this.prepared = prepared;
  }

  get bytes(): number {
    return this.arena.bytes;
  }

  /** @throws Error when it was taken or released before: two openings under one mask reveal a difference of secrets */
  take(): Prepared {
    const { prepared } = this;
    if (prepared === null) throw new Error('This material was used before, or released.');
    this.prepared = null;
    return prepared;
  }

  release(): void {
    this.prepared = null;
    this.arena.release();
  }
}
