/**
 * `fss`: function secret sharing. Two workers evaluate, the third, the helper, deals distributed comparison keys and
 * correlated randomness ahead of the request; at most one of the three is corrupted, semi-honest.
 *
 * Values are the same replicated pairs as in `replicated`: one part is known to both evaluators, and is the value under a mask
 * whose two halves each evaluator has in common with the helper. These halves are streams, so the helper can run the whole
 * plan before there is an input, but for what the input itself goes into. A rectification takes three rounds, the opening, the
 * sign and the result; a linear layer none. docs/protocols.md gives the algorithm step by step, what each party sees, and why
 * it learns nothing.
 */
import type { PartyIndex } from '../../channel/channel.js';
import type { Conv2DGeometry } from '../../graph/plan.js';
import type { Pointer } from '../../kernels/kernels.js';
import type { Additive, LinearWeights, Shared } from '../../sharing/values.js';
import type { Material, Protocol, ProtocolSession, Reduction, SessionContext } from '../protocol.js';
import { preparedCost, rectifyCost, truncateCost } from './cost.js';
import { Evaluator } from './evaluator.js';
import { Helper, PreparedHelper } from './helper.js';
import { Dealing, FssMaterial, type Prepared } from './material.js';
import { prepareMaterial } from './rehearsal.js';
import { SideSession } from './side.js';

class FssSession extends SideSession implements ProtocolSession {
  readonly rehearsed: Additive | null;
  /** An evaluator's summand of the output as far as it comes from masks. */
  private readonly maskOutput: Additive | null;
  protected readonly side: Helper | PreparedHelper | Evaluator;
  private readonly prepared: readonly Prepared[];

  constructor(session: SessionContext, helper: PartyIndex, material: readonly Material[] | undefined) {
    super(session, helper, material);
    const { context, roles } = this;
    const prepared = material?.map((item) => {
      if (!(item instanceof FssMaterial)) throw new Error('This material was not prepared by this protocol.');
      return item.take();
    });
    const dealing = new Dealing(context, roles, session.streams.salt);
    if (roles.role === 'evaluator') this.side = new Evaluator(context, roles, dealing, prepared ?? null);
    else if (prepared === undefined) this.side = new Helper(context, roles, dealing);
    else this.side = new PreparedHelper(context, roles, prepared);
    this.prepared = prepared ?? [];
    const output = this.rehearsedOutput();
    [this.rehearsed, this.maskOutput] = roles.role === 'helper' ? [output, null] : [null, output];
  }

  override linear(
    x: Shared,
    weights: LinearWeights,
    batch: number,
    geometry: Conv2DGeometry,
    bits: number,
    ofResults: boolean,
  ): Additive {
    if (!ofResults || this.maskOutput === null) return super.linear(x, weights, batch, geometry, bits);
    return this.sumOfProducts([this.openedProduct(x)], weights, batch, geometry, bits);
  }

  override reveal(z: Additive, samples: number, bits: number): Additive {
    return super.reveal(this.maskOutput === null ? z : this.sum(z, this.maskOutput), samples, bits);
  }

  /** Material is by sample, so that is how the values have to stand. */
  override async rectify(z: Additive, reduction: Reduction): Promise<Shared> {
    const samples = this.prepared.length;
    const blocks = this.prepared[0]?.operations[this.operation]?.blocks ?? 1;
    if (samples < 2 || blocks === 1) return super.rectify(z, reduction);
    const y = await super.rectify(
      { words: this.transpose(z.words, z.n, blocks, samples), n: z.n },
      reduction,
    );
    return {
      first: this.transpose(y.first, y.n, samples, blocks),
      second: this.transpose(y.second, y.n, samples, blocks),
      n: y.n,
    };
  }

  skip(operations: number): void {
    this.operation += operations;
    if (this.side instanceof PreparedHelper) this.side.skip(operations);
  }

  /** The samples' outputs one after the other, when all of them are known. */
  private rehearsedOutput(): Additive | null {
    const outputs = this.prepared.flatMap(({ output }) => (output === null ? [] : [output]));
    if (outputs.length === 0) return null;
    const n = outputs.reduce((total, output) => total + output.n, 0);
    const words = this.arena.words(n);
    let at = words;
    for (const output of outputs) {
      this.kernels.memory.bytes.copyWithin(at, output.words, output.words + 8 * output.n);
      at += 8 * output.n;
    }
    return { words, n };
  }

  /** From [rows, columns] blocks of equally many words to [columns, rows]. */
  private transpose(words: Pointer, n: number, rows: number, columns: number): Pointer {
    const moved = this.arena.words(n);
    const bytes = (8 * n) / (rows * columns);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const from = words + bytes * (row * columns + column);
        this.kernels.memory.bytes.copyWithin(moved + bytes * (column * rows + row), from, from + bytes);
      }
    }
    return moved;
  }
}

/** @param helper which worker is the helper; the other two evaluate */
export function fss(helper: PartyIndex = 0): Protocol {
  return {
    name: 'fss',
    prepare: (session, operations, rehearsal) => prepareMaterial(session, helper, operations, rehearsal),
    open: (session, material) => new FssSession(session, helper, material),
    truncateCost: (n, reduction) => truncateCost(helper, n, reduction),
    rectifyCost: (n, reduction) => rectifyCost(helper, n, reduction),
    preparedCost: (operations) => preparedCost(helper, operations),
  };
}
