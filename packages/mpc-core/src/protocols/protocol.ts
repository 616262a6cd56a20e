/**
 * The Protocol interface: what the engine asks of a protocol. Layers are unknown here.
 *
 * A *shared* value is held at scale f in the protocol's own form; an *additive* value is what a linear step leaves:
 * one summand a party, at scale 2f after a product. All values live in the kernels' memory, in the session's arena.
 *
 * Ranges: with k activation bits, |z| < 2^(shift + k - 2) for an additive z that is truncated by `shift` bits, and
 * |z| < 2^(shift + k - 1) - 2^shift for one that is rectified. Within them, truncation gives floor(z / 2^shift) or one
 * more, never anything else, and comparison is exact. Results are shared modulo 2^bits, bits as the caller asks.
 */
import type { Channel, PartyIndex } from '../channel/channel.js';
import type { Conv2DGeometry, PoolGeometry } from '../graph/plan.js';
import type { Arena } from '../kernels/arena.js';
import type { Kernels, Pointer } from '../kernels/kernels.js';
import type { SessionStreams } from '../random/session-streams.js';
import type { Additive, LinearWeights, Shared } from '../sharing/values.js';

/** What a truncation or rectification takes and gives. */
export interface Reduction {
  /** Bits that are cut off. */
  readonly shift: number;
  /** k: how large values can be, see above. */
  readonly activationBits: number;
  /** Results are shared modulo 2^bits; more than k. */
  readonly bits: number;
}

export interface SessionContext {
  readonly party: PartyIndex;
  readonly kernels: Kernels;
  readonly arena: Arena;
  readonly channel: Channel;
  readonly streams: SessionStreams;
  /** f of the model. */
  readonly fractionalBits: number;
}

/** A truncation or rectification of n values, for which correlated randomness can be dealt ahead. */
export interface Operation {
  readonly kind: 'truncate' | 'rectify';
  readonly n: number;
  readonly reduction: Reduction;
  /**
   * Whether its operand comes from earlier results alone. A party whose parts of results are streams then knows its summand of
   * it before any input: see `Rehearsal`.
   */
  readonly ofResults?: boolean;
  /** The operand is so many blocks, each with the values of all samples in their order; 1 when it is not given. */
  readonly blocks?: number;
}

/**
 * A run of the plan at one party before there is an input: with zeros for it and for all that only the run itself will show.
 * What is linear in what the party has already comes out as it will be, unless the input has summands in it.
 */
export interface Rehearsal {
  /** For what the steps compute; freed after the rehearsal. */
  readonly arena: Arena;
  /** Runs all steps for one sample; gives the party's summand of the output, not yet blinded. */
  run(session: ProtocolSession): Promise<Additive>;
  /** Whether nothing joins values of results with values that have summands of the input, and the output has none. */
  readonly isSeparate: boolean;
}

/** What a session counted on its channel so far; what was dealt ahead counts where it is used. */
export interface Traffic {
  /** Messages that had to wait for another message of this session. */
  rounds: number;
  bytesSent: number;
  bytesReceived: number;
  /** The part of `bytesSent` that is independent of every input. */
  bytesDealt: number;
}

/** One party's side of one session. Methods are called in the same order by all parties. */
export interface ProtocolSession {
  readonly traffic: Traffic;

  /**
   * Convolution (or dense layer) with secret weights, modulo 2^bits; local.
   * @param ofResults whether x comes from earlier results alone
   */
  linear(
    x: Shared,
    weights: LinearWeights,
    batch: number,
    geometry: Conv2DGeometry,
    bits: number,
    ofResults: boolean,
  ): Additive;
  /** Mean over windows with a public reciprocal at scale f; local. */
  averagePool(x: Shared, batch: number, geometry: PoolGeometry): Additive;
  /** x - y, x + y; local. */
  subtract(x: Shared, y: Shared): Shared;
  add(x: Shared, y: Shared): Shared;
  /** Selects words by public indices (-1: zero), n a sample out of srcStride; local. */
  gather(x: Shared, indices: Pointer, n: number, batch: number, srcStride: number): Shared;
  /** The values one after the other; local. */
  concatenate(parts: readonly Shared[]): Shared;
  /** The summand of a shared value; local. */
  additive(x: Shared): Additive;
  /** The summand of x * 2^f, at scale 2f; local. */
  lift(x: Shared): Additive;
  /** x + y of additive values; local. */
  sum(x: Additive, y: Additive): Additive;
  /** `gather` of an additive value; local. */
  gatherAdditive(x: Additive, indices: Pointer, n: number, batch: number, srcStride: number): Additive;
  /** slope x + offset for `count` public slopes and this party's summands of offsets, one slope after the other; local. */
  affine(x: Additive, slopes: Pointer, offsets: Pointer, count: number): Additive;
  /** Rows of `inputs` values times a public matrix, plus this party's summands of a row of offsets; local. */
  publicLinear(
    x: Additive,
    matrix: Pointer,
    offsets: Pointer,
    batch: number,
    inputs: number,
    outputs: number,
  ): Additive;

  /** z / 2^shift, at most one unit in the last place above the floor. */
  truncate(z: Additive, reduction: Reduction): Promise<Shared>;
  /** max(0, z / 2^shift): truncation and comparison fused; shift may be 0. */
  rectify(z: Additive, reduction: Reduction): Promise<Shared>;
  /**
   * This party's whole summand of the output, where its material has it. Then only those steps have to be run here that take
   * the input; `skip` says how many operations the others have.
   */
  readonly rehearsed?: Additive | null;
  skip?(operations: number): void;
  /**
   * What to reply with for `samples` samples, of whose values the low `bits` count: this party's summands of the values times
   * 2^(64 - bits), each sample's followed by its check word. Fresh, so that it tells its reader nothing but the sum.
   */
  reveal(z: Additive, samples: number, bits: number): Additive;
}

/** Traffic of one operation: what `SessionContext.channel` will count. Index 0, 1, 2 are the parties. */
export interface Cost {
  readonly rounds: number;
  readonly bytesSent: readonly [number, number, number];
  /** Part of what each sends that depends on no input. */
  readonly bytesDealt: readonly [number, number, number];
  /** The same by who receives it. */
  readonly bytesDealtTo: readonly [number, number, number];
}

/**
 * One party's part of what was dealt ahead for the operations of one sample. It serves one session, once: the session that
 * is opened with it spends it, whatever becomes of the session.
 */
export interface Material {
  /** Memory that it holds. */
  readonly bytes: number;
  /** Digests of the messages with which it was dealt, for `ReplicatedContext.goOn`. */
  readonly transcripts: Uint8Array;
  /** Gives the memory back; again does nothing. */
  release(): void;
}

export interface Protocol {
  readonly name: string;
  /**
   * The offline phase, where the protocol has one: deals, in a session of its own, what one sample's operations need, in
   * their order. The result lives in the context's arena and belongs to the keys of its streams.
   *
   * @param rehearsal without it, no operand is known ahead, whatever `ofResults` says
   */
  readonly prepare?: (
    context: SessionContext,
    operations: readonly Operation[],
    rehearsal?: Rehearsal,
  ) => Promise<Material>;
  /** The largest batch that material serves; any, when it is not given. */
  readonly maxPreparedBatch?: number;
  /**
   * @param material one a sample of the batch, the same ones at all three parties; without it, what an operation needs is
   *   dealt when it comes
   */
  open(context: SessionContext, material?: readonly Material[]): ProtocolSession;
  /** Declared cost of truncating n values. */
  truncateCost(n: number, reduction: Reduction): Cost;
  /** Declared cost of rectifying n values. */
  rectifyCost(n: number, reduction: Reduction): Cost;
  /** What a session on material costs beyond these, for the operations of one sample; nothing when it is not given. */
  readonly preparedCost?: (operations: readonly Operation[]) => Cost;
}
