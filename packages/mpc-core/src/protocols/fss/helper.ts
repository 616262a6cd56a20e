/**
 * The helper's side, online: it sends its summand of every opening under a mask, and learns which of its two masks of a
 * result is in use, by a bit that tells it nothing. Everything else it has dealt before.
 */
import type { Kernels, Pointer } from '../../kernels/kernels.js';
import type { Additive, Shared } from '../../sharing/values.js';
import type { Operation, Reduction } from '../protocol.js';
import type { ReplicatedContext } from '../replicated/context.js';
import type { Roles } from '../replicated/roles.js';
import { dealtLayout, pieces, planeBytes } from './layout.js';
import { countDealt, type Dealing, type HelperPiece, type Prepared } from './material.js';

interface Part {
  readonly at: number;
  readonly piece: HelperPiece;
  /** Deals what was not dealt ahead. */
  readonly deal: () => void;
}

export class Helper {
  private readonly kernels: Kernels;
  private spent = 0;

  /** @param prepared material of every sample, or null to deal as operations come */
  constructor(
    private readonly context: ReplicatedContext,
    private readonly roles: Roles,
    private readonly dealing: Dealing,
    private readonly prepared: readonly Prepared[] | null,
  ) {
    this.kernels = context.kernels;
  }

  async truncate(z: Additive, reduction: Reduction): Promise<Shared> {
    const result = this.resultWords(z.n);
    const mark = this.context.arena.mark();
    const parts = this.parts({ kind: 'truncate', n: z.n, reduction });
    this.sendOpening(z, parts, reduction, 'truncate');
    this.gatherMasks(result.first, parts, 'rightMasks', 0);
    this.gatherMasks(result.second, parts, 'leftMasks', 0);
    this.context.arena.rewind(mark);
    return result;
  }

  async rectify(z: Additive, reduction: Reduction): Promise<Shared> {
    const { context, kernels, roles } = this;
    const { arena } = context;
    const { n } = z;
    const result = this.resultWords(n);
    const mark = arena.mark();
    const parts = this.parts({ kind: 'rectify', n, reduction });
    this.sendOpening(z, parts, reduction, 'rectify');
    const columns = (['rightMasks', 'leftMasks'] as const).map((masks) =>
      [0, 1].map((slot) => this.gatherMasks(arena.words(n), parts, masks, slot)),
    );
    const bytes = planeBytes(n);
    const used = await context.receive(roles.leftEvaluator, arena.allocate(bytes), bytes);
    const right = await context.receive(roles.rightEvaluator, arena.allocate(bytes), bytes);
    context.traffic.rounds++;
    kernels.xor(used, used, right, bytes);
    kernels.choose(result.first, columns[0]![0]!, columns[0]![1]!, used, n);
    kernels.choose(result.second, columns[1]![0]!, columns[1]![1]!, used, n);
    arena.rewind(mark);
    return result;
  }

  private parts(operation: Operation): readonly Part[] {
    const { context, dealing, prepared, roles } = this;
    let at = 0;
    if (prepared === null) {
      return pieces(operation.n).map((n): Part => {
        at += n;
        return { at: at - n, ...dealing.prepareHelper({ ...operation, n }) };
      });
    }
    const number = this.spent++;
    return prepared.map(({ helper }): Part => {
      const piece = helper[number]!;
      countDealt(context.traffic, roles, piece.layout);
      at += piece.layout.n;
      return { at: at - piece.layout.n, piece, deal: () => undefined };
    });
  }

  /** Sends z_h + mask to both evaluators, then what they need to go on from what they open. */
  private sendOpening(
    z: Additive,
    parts: readonly Part[],
    reduction: Reduction,
    kind: Operation['kind'],
  ): void {
    const { context, kernels, roles } = this;
    const { openedWidth, openedBytes } = dealtLayout(kind, z.n, reduction);
    const words = context.arena.words(z.n);
    for (const { at, piece } of parts) {
      kernels.add(words + 8 * at, z.words + 8 * at, piece.own, piece.layout.n);
    }
    const packed = context.arena.allocate(openedBytes);
    kernels.pack(packed, words, z.n, openedWidth);
    context.send(roles.leftEvaluator, packed, openedBytes);
    context.send(roles.rightEvaluator, packed, openedBytes);
    for (const { deal } of parts) deal();
  }

  private gatherMasks(
    dst: Pointer,
    parts: readonly Part[],
    masks: 'leftMasks' | 'rightMasks',
    slot: number,
  ): Pointer {
    const { bytes } = this.kernels.memory;
    for (const { at, piece } of parts) {
      const { n } = piece.layout;
      const from = piece[masks] + 8 * n * slot;
      bytes.copyWithin(dst + 8 * at, from, from + 8 * n);
    }
    return dst;
  }

  private resultWords(n: number): Shared {
    return { first: this.context.arena.words(n), second: this.context.arena.words(n), n };
  }
}
