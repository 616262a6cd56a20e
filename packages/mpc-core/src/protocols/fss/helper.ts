/**
 * The helper's side. It knows the mask of every opening and deals what the evaluators need to remove it; nothing that it does
 * waits for a message that depends on an input.
 *
 * As operations come, and in a rehearsal, it knows its summand when it deals, and counts it into the mask: r = rho_L + rho_R - z_h.
 * What depends on the input cannot be rehearsed. There r has the masks of a summand instead, r = rho_L + rho_R + alpha + beta, and
 * the helper sends z_h + alpha + beta when it has it.
 */
import type { Kernels } from '../../kernels/kernels.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Operation, Reduction } from '../protocol.js';
import type { ReplicatedContext } from '../replicated/context.js';
import type { Roles } from '../replicated/roles.js';
import { dealtLayout, MAX_PIECES_AHEAD, pieces } from './layout.js';
import { countDealt, type Dealing, type HelperPiece, type Prepared } from './material.js';

/** Deals when an operation comes. */
export class Helper {
  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
    private readonly dealing: Dealing,
  ) {}

  truncate(z: Additive, reduction: Reduction): Promise<Shared> {
    return this.reduce({ kind: 'truncate', n: z.n, reduction }, z);
  }

  rectify(z: Additive, reduction: Reduction): Promise<Shared> {
    return this.reduce({ kind: 'rectify', n: z.n, reduction }, z);
  }

  private async reduce(operation: Operation, z: Additive): Promise<Shared> {
    const { context, dealing } = this;
    const result = { first: context.arena.words(z.n), second: context.arena.words(z.n), n: z.n };
    const { memory } = context.kernels;
    const mark = context.arena.mark();
    let at = 0;
    let unused = 0;
    for (const n of pieces(z.n)) {
      if (unused === MAX_PIECES_AHEAD) {
        await this.untilUsed();
        unused--;
      }
      const piece = dealing.deal({ ...operation, n }, z.words + at);
      memory.bytes.copyWithin(result.first + at, piece.first, piece.first + 8 * n);
      memory.bytes.copyWithin(result.second + at, piece.second, piece.second + 8 * n);
      at += 8 * n;
      context.arena.rewind(mark);
      if (operation.kind === 'rectify') unused++;
    }
    // Keys are megabytes: those of the next operation follow when these have been used.
    while (unused-- > 0) await this.untilUsed();
    return result;
  }

  /** Until both evaluators have used the keys of one more piece. */
  private async untilUsed(): Promise<void> {
    const { context, roles } = this;
    await context.receive(roles.leftEvaluator, 0, 0);
    await context.receive(roles.rightEvaluator, 0, 0);
  }
}

/** On material: only what depends on the input is left to do. */
export class PreparedHelper {
  private readonly kernels: Kernels;
  private spent = 0;

  /** @param prepared material of every sample */
  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
    private readonly prepared: readonly Prepared[],
  ) {
    this.kernels = context.kernels;
  }

  async truncate(z: Additive, reduction: Reduction): Promise<Shared> {
    return this.reduce('truncate', z, reduction);
  }

  async rectify(z: Additive, reduction: Reduction): Promise<Shared> {
    return this.reduce('rectify', z, reduction);
  }

  /** As if they had been run: all their messages were sent ahead. */
  skip(operations: number): void {
    for (let i = 0; i < operations; i++) this.next();
  }

  private reduce(kind: Operation['kind'], z: Additive, reduction: Reduction): Shared {
    const { arena } = this.context;
    const result = { first: arena.words(z.n), second: arena.words(z.n), n: z.n };
    const pieces = this.next();
    this.gather(result.first, pieces, 'first');
    this.gather(result.second, pieces, 'second');
    if (pieces.some(({ own }) => own !== null))
      this.sendSummand(z, pieces, dealtLayout(kind, z.n, reduction));
    return result;
  }

  private next(): readonly HelperPiece[] {
    const { context, roles, prepared } = this;
    const number = this.spent++;
    return prepared.map(({ helper }) => {
      const piece = helper[number]!;
      countDealt(context.traffic, roles, piece.layout);
      return piece;
    });
  }

  private sendSummand(
    z: Additive,
    pieces: readonly HelperPiece[],
    { openedWidth, openedBytes }: ReturnType<typeof dealtLayout>,
  ): void {
    const { context, kernels, roles } = this;
    const mark = context.arena.mark();
    const words = context.arena.words(z.n);
    let at = 0;
    for (const { own, layout } of pieces) {
      kernels.add(words + at, z.words + at, own!, layout.n);
      at += 8 * layout.n;
    }
    const packed = context.arena.allocate(openedBytes);
    kernels.pack(packed, words, z.n, openedWidth);
    context.send(roles.leftEvaluator, packed, openedBytes);
    context.send(roles.rightEvaluator, packed, openedBytes);
    context.arena.rewind(mark);
  }

  private gather(dst: number, pieces: readonly HelperPiece[], part: 'first' | 'second'): void {
    const { bytes } = this.kernels.memory;
    let at = dst;
    for (const piece of pieces) {
      bytes.copyWithin(at, piece[part], piece[part] + 8 * piece.layout.n);
      at += 8 * piece.layout.n;
    }
  }
}
