/**
 * Dealing ahead. Every party's shares of a result that are not opened are streams, so before there is an input each runs the
 * plan on those alone. The helper has no others: it knows its summand of every value, but for what the input goes into, and
 * counts it into the masks. An evaluator learns what its masks make of every value, which is linear in them, and
 * counts that into what it adds to its summand; online it takes products with what was opened alone.
 */
import type { PartyIndex } from '../../channel/channel.js';
import type { Conv2DGeometry } from '../../graph/plan.js';
import type { Arena } from '../../kernels/arena.js';
import type { Kernels, Pointer } from '../../kernels/kernels.js';
import type { Additive, LinearWeights, Shared } from '../../sharing/values.js';
import type { Material, Operation, ProtocolSession, Rehearsal, SessionContext } from '../protocol.js';
import { ReplicatedContext } from '../replicated/context.js';
import { rolesOf } from '../replicated/roles.js';
import {
  Dealing,
  type Dealt,
  type EvaluatorPiece,
  FssMaterial,
  type HelperPiece,
  type Prepared,
} from './material.js';
import { type Side, SideSession } from './side.js';

/** Deals the operations in the order in which the plan meets them. */
abstract class Rehearsing implements Side {
  private met = 0;

  constructor(private readonly operations: readonly Operation[]) {}

  truncate(z: Additive): Promise<Shared> {
    return this.deal(this.next(z), z);
  }

  rectify(z: Additive): Promise<Shared> {
    return this.deal(this.next(z), z);
  }

  protected abstract deal(operation: Operation, z: Additive): Promise<Shared>;

  private next({ n }: Additive): Operation {
    const operation = this.operations[this.met++];
    if (operation?.n !== n) throw new Error('The rehearsal met another operation than was declared.');
    return operation;
  }
}

class RehearsingHelper extends Rehearsing {
  readonly pieces: HelperPiece[] = [];

  constructor(
    private readonly dealing: Dealing,
    operations: readonly Operation[],
  ) {
    super(operations);
  }

  protected async deal(operation: Operation, z: Additive): Promise<Shared> {
    const piece = this.dealing.deal(operation, operation.ofResults === true ? z.words : null);
    this.pieces.push(piece);
    return piece;
  }
}

class RehearsingEvaluator extends Rehearsing {
  readonly pieces: (EvaluatorPiece & Dealt)[] = [];

  constructor(
    private readonly kernels: Kernels,
    private readonly arena: Arena,
    private readonly dealing: Dealing,
    private readonly isLeft: boolean,
    operations: readonly Operation[],
  ) {
    super(operations);
  }

  protected async deal(operation: Operation, z: Additive): Promise<Shared> {
    const { kernels } = this;
    const { n } = operation;
    const piece = await receivePiece(this.dealing, operation);
    if (operation.ofResults) kernels.add(piece.opening, piece.opening, z.words, n);
    this.pieces.push(piece);
    const opened = zeros(kernels, this.arena, n);
    return this.isLeft ? { first: piece.mask, second: opened, n } : { first: opened, second: piece.mask, n };
  }
}

class HelperRehearsal extends SideSession implements ProtocolSession {
  constructor(
    session: SessionContext,
    protected readonly side: RehearsingHelper,
  ) {
    super(session, session.party);
  }
}

/** What comes of masks alone: constants are added online, once. */
class EvaluatorRehearsal extends SideSession implements ProtocolSession {
  constructor(
    session: SessionContext,
    helper: PartyIndex,
    protected readonly side: RehearsingEvaluator,
  ) {
    super(session, helper);
  }

  override linear(
    x: Shared,
    weights: LinearWeights,
    batch: number,
    geometry: Conv2DGeometry,
    bits: number,
  ): Additive {
    const { depthwise } = weights;
    const unbiased = { depthwise, bias: null, form: weights.form.bind(weights) };
    return this.sumOfProducts([this.maskProduct(x)], unbiased, batch, geometry, bits);
  }

  override affine(x: Additive, slopes: Pointer, _offsets: Pointer, count: number): Additive {
    return super.affine(x, slopes, zeros(this.kernels, this.arena, count), count);
  }

  override publicLinear(
    x: Additive,
    matrix: Pointer,
    _offsets: Pointer,
    batch: number,
    inputs: number,
    outputs: number,
  ): Additive {
    const offsets = zeros(this.kernels, this.arena, outputs);
    return super.publicLinear(x, matrix, offsets, batch, inputs, outputs);
  }
}

async function prepareHelper(
  session: SessionContext,
  dealing: Dealing,
  operations: readonly Operation[],
  rehearsal: Rehearsal | undefined,
): Promise<Prepared> {
  if (rehearsal === undefined) {
    const helper = operations.map((each) => dealing.deal(each, null));
    return { operations, evaluator: [], helper, output: null };
  }
  const side = new RehearsingHelper(dealing, operations);
  const output = await rehearsal.run(new HelperRehearsal({ ...session, arena: rehearsal.arena }, side));
  const kept = rehearsal.isSeparate ? keep(session, output) : null;
  return { operations, evaluator: [], helper: side.pieces, output: kept };
}

async function prepareEvaluator(
  session: SessionContext,
  helper: PartyIndex,
  dealing: Dealing,
  operations: readonly Operation[],
  rehearsal: Rehearsal | undefined,
): Promise<Prepared> {
  if (!rehearsal?.isSeparate) {
    const evaluator: (EvaluatorPiece & Dealt)[] = [];
    for (const operation of operations) evaluator.push(await receivePiece(dealing, operation));
    return { operations, evaluator, helper: [], output: null };
  }
  const { arena } = rehearsal;
  const { isLeft } = rolesOf(session.party, helper);
  const side = new RehearsingEvaluator(session.kernels, arena, dealing, isLeft, operations);
  const output = await rehearsal.run(new EvaluatorRehearsal({ ...session, arena }, helper, side));
  return { operations, evaluator: side.pieces, helper: [], output: keep(session, output) };
}

async function receivePiece(dealing: Dealing, operation: Operation): Promise<EvaluatorPiece & Dealt> {
  const piece = dealing.draw(operation, operation.ofResults !== true);
  return { ...piece, ...(await dealing.receive(piece)) };
}

function keep({ arena, kernels }: SessionContext, { words, n }: Additive): Additive {
  const kept = arena.words(n);
  kernels.memory.bytes.copyWithin(kept, words, words + 8 * n);
  return { words: kept, n };
}

function zeros({ memory }: Kernels, arena: Arena, n: number): Pointer {
  const words = arena.words(n);
  memory.bytes.fill(0, words, words + 8 * n);
  return words;
}

/** One party's part of dealing ahead for one sample. */
export async function prepareMaterial(
  session: SessionContext,
  helper: PartyIndex,
  operations: readonly Operation[],
  rehearsal: Rehearsal | undefined,
): Promise<Material> {
  const context = new ReplicatedContext(session);
  const dealing = new Dealing(context, rolesOf(session.party, helper), session.streams.salt);
  // Without a rehearsal nothing is known ahead of the request.
  const known = rehearsal ? operations : operations.map((each) => ({ ...each, ofResults: false }));
  const prepared =
    session.party === helper
      ? await prepareHelper(session, dealing, known, rehearsal)
      : await prepareEvaluator(session, helper, dealing, known, rehearsal);
  return new FssMaterial(prepared, session.arena, context.transcripts());
}
