/**
 * One party's side of a prediction: what a worker service calls. No sockets, no disk: channels carry bytes.
 */
import type { Channel, PartyIndex } from '../channel/channel.js';
import { InvalidModelError } from '../graph/errors.js';
import type { Plan } from '../graph/plan.js';
import { Allocator, Arena } from '../kernels/arena.js';
import type { Kernels } from '../kernels/kernels.js';
import type { Material, Protocol, Rehearsal, SessionContext, Traffic } from '../protocols/protocol.js';
import { SEED_BYTES } from '../random/entropy.js';
import { SessionStreams } from '../random/session-streams.js';
import { WORD_BYTES } from '../ring/words.js';
import type { InputShare } from '../sharing/input.js';
import { replySize } from '../sharing/replies.js';
import type { Shared } from '../sharing/values.js';
import { expandPart, loadShareFile, ModelMemory } from './model.js';
import { planOperations } from './operations.js';
import { runPlan, sampleSizes } from './run.js';

/** The randomness of a session, the same 16-byte id and pairwise keys at both ends of each link. */
export interface SessionKeys {
  /** Unique for the lifetime of the pairwise keys; a repeated id would repeat masks and must be refused before. */
  readonly sessionId: Uint8Array;
  /** 32-byte key shared with the next party (i + 1), fresh for the mesh connection. */
  readonly next: Uint8Array;
  /** 32-byte key shared with the previous party (i - 1 = i + 2). */
  readonly previous: Uint8Array;
}

export interface StepStatistics {
  readonly name: string;
  readonly op: string;
  readonly rounds: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly microseconds: number;
}

export interface RunStatistics {
  /** Online rounds: messages that had to wait for a message. */
  readonly rounds: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Part of `bytesSent` that does not depend on any input: correlated randomness dealt ahead. */
  readonly bytesDealt: number;
  readonly steps: readonly StepStatistics[];
}

export interface RunResult {
  /** One reply per input share, in order: count * replySize 64-bit words, for `reconstructOutputs`. */
  readonly outputs: readonly Uint8Array[];
  readonly statistics: RunStatistics;
}

/** A model's weights, expanded and laid out for the kernels. Free it with `Party.unload`. */
export interface LoadedModel {
  readonly plan: Plan;
  readonly weightBytes: number;
}

/** What a session of the protocol runs on. */
export interface SessionOptions {
  /** The same at all three parties. Any will do: a model's shares are the same for all. */
  readonly protocol: Protocol;
  readonly keys: SessionKeys;
  readonly channel: Channel;
}

export interface RunOptions extends SessionOptions {
  /** Their samples together are the batch. */
  readonly inputs: readonly InputShare[];
  /** One a sample, from `prepare`, the same ones in the same order at all three parties. They are spent and released. */
  readonly material?: readonly Material[];
  readonly signal?: AbortSignal;
}

/** The engine of one party. Safe to run several sessions at once; all methods are for one thread. */
export interface Party {
  readonly index: PartyIndex;
  /** Bytes of the kernels' memory: weights, material, and what runs. It never shrinks. */
  readonly memoryBytes: number;
  /** @throws InvalidModelError when the share file does not fit the plan. */
  load(plan: Plan, shareFile: Uint8Array): LoadedModel;
  unload(model: LoadedModel): void;
  /**
   * Deals ahead what one sample of the model needs, in a session of its own; null where the protocol has no such phase.
   * Rejects when the channel does. It serves this model alone: the helper rehearses with its shares of the weights.
   */
  prepare(model: LoadedModel, options: SessionOptions): Promise<Material | null>;
  /** Runs one batch. Rejects when the channel does, or when the signal aborts. */
  run(model: LoadedModel, options: RunOptions): Promise<RunResult>;
}

class EngineParty implements Party {
  private readonly allocator: Allocator;

  constructor(
    readonly index: PartyIndex,
    private readonly kernels: Kernels,
  ) {
    this.allocator = new Allocator(kernels.memory);
  }

  get memoryBytes(): number {
    return this.kernels.memory.byteLength;
  }

  load(plan: Plan, shareFile: Uint8Array): LoadedModel {
    return loadShareFile(plan, shareFile, this.index, this.kernels, this.allocator);
  }

  unload(model: LoadedModel): void {
    if (model instanceof ModelMemory) model.release();
  }

  async prepare(model: LoadedModel, options: SessionOptions): Promise<Material | null> {
    const memory = memoryOf(model);
    const { plan } = memory;
    const { protocol } = options;
    if (protocol.prepare === undefined) return null;
    const operations = planOperations(plan, 1).flatMap((step) => step.operations);
    const context = this.context(plan, options);
    const rehearsal = this.rehearsal(memory);
    try {
      return await protocol.prepare(context, operations, rehearsal);
    } catch (error) {
      context.arena.release();
      throw error;
    } finally {
      rehearsal.arena.release();
      context.streams.wipe();
    }
  }

  async run(model: LoadedModel, options: RunOptions): Promise<RunResult> {
    const memory = memoryOf(model);
    const { plan } = memory;
    const { protocol, inputs, material, signal } = options;
    const sizes = sampleSizes(plan);
    const batch = inputs.reduce((total, input) => total + input.count, 0);
    if (material !== undefined && material.length !== batch) {
      throw new RangeError(
        `A batch of ${batch} samples takes as many items of material, not ${material.length}.`,
      );
    }
    const context = this.context(plan, options);
    const { arena, streams } = context;
    try {
      const session = protocol.open(context, material);
      const steps: StepStatistics[] = [];
      const observe = stepObserver(session.traffic, steps);
      const input = this.expandInputs(arena, inputs, batch, sizes.input);
      const summands = await runPlan(session, memory, input, batch, observe, signal);
      const output = session.reveal(summands, batch, plan.outputBits);
      const words = this.kernels.memory.bytes.slice(output.words, output.words + output.n * WORD_BYTES);
      let at = 0;
      const outputs = inputs.map(({ count }) => {
        const bytes = count * replySize(plan) * WORD_BYTES;
        at += bytes;
        return words.subarray(at - bytes, at);
      });
      return { outputs, statistics: { ...session.traffic, steps } };
    } finally {
      streams.wipe();
      arena.release();
      for (const item of material ?? []) item.release();
    }
  }

  private context(plan: Plan, { keys, channel }: SessionOptions): SessionContext {
    return {
      party: this.index,
      kernels: this.kernels,
      arena: new Arena(this.allocator),
      channel,
      streams: new SessionStreams(keys.sessionId, keys.next, keys.previous),
      fractionalBits: plan.fractionalBits,
    };
  }

  private rehearsal(model: ModelMemory): Rehearsal {
    const arena = new Arena(this.allocator);
    const n = sampleSizes(model.plan).input;
    return {
      arena,
      isSeparate: model.dependence.isSeparate,
      run: (session) => {
        const words = arena.words(n);
        this.kernels.memory.bytes.fill(0, words, words + WORD_BYTES * n);
        return runPlan(session, model, { first: words, second: words, n }, 1);
      },
    };
  }

  private expandInputs(arena: Arena, inputs: readonly InputShare[], batch: number, size: number): Shared {
    const shared = { first: arena.words(batch * size), second: arena.words(batch * size), n: batch * size };
    const scratch = arena.allocate(SEED_BYTES);
    let at = 0;
    for (const { count, first, second } of inputs) {
      expandPart(this.kernels, first, shared.first + at, count * size, scratch);
      expandPart(this.kernels, second, shared.second + at, count * size, scratch);
      at += count * size * WORD_BYTES;
    }
    return shared;
  }
}

function memoryOf(model: LoadedModel): ModelMemory {
  if (model instanceof ModelMemory) return model;
  throw new InvalidModelError('The model was not loaded by this party.');
}

function stepObserver(traffic: Traffic, steps: StepStatistics[]): Parameters<typeof runPlan>[4] {
  let before = { ...traffic };
  let started = performance.now();
  return ({ name, op }) => {
    const now = performance.now();
    steps.push({
      name,
      op,
      rounds: traffic.rounds - before.rounds,
      bytesSent: traffic.bytesSent - before.bytesSent,
      bytesReceived: traffic.bytesReceived - before.bytesReceived,
      microseconds: Math.round((now - started) * 1000),
    });
    before = { ...traffic };
    started = now;
  };
}

/** @param kernels of this party alone: the engine manages their whole memory */
export function createParty(index: PartyIndex, kernels: Kernels): Party {
  return new EngineParty(index, kernels);
}
