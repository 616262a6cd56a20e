/**
 * One party's side of a prediction: what a worker service calls. No sockets, no disk: channels carry bytes.
 */
import type { Channel, PartyIndex } from '../channel/channel.js';
import type { Plan } from '../graph/plan.js';

/** One of the two replicated shares that a worker is given: a ChaCha20 seed, or the words themselves. */
export type SharePart =
  | { readonly kind: 'seed'; readonly seed: Uint8Array }
  | { readonly kind: 'explicit'; readonly words: Uint8Array };

/** What a client gives party i for `count` samples: its parts x_i and x_{i+1}. */
export interface InputShare {
  readonly count: number;
  readonly first: SharePart;
  readonly second: SharePart;
}

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
  /** One reply share per input share, in order: this party's additive share, count * outputSize 64-bit words. */
  readonly outputs: readonly Uint8Array[];
  readonly statistics: RunStatistics;
}

/** A model's weights, expanded and laid out for the kernels. Free it with `Party.unload`. */
export interface LoadedModel {
  readonly plan: Plan;
  readonly weightBytes: number;
}

/** The engine of one party. Safe to run several sessions at once; all methods are for one thread. */
export interface Party {
  readonly index: PartyIndex;
  /** @throws InvalidModelError when the share file does not fit the plan. */
  load(plan: Plan, shareFile: Uint8Array): LoadedModel;
  unload(model: LoadedModel): void;
  /** Runs one batch. Rejects when the channel does, or when `signal` aborts. */
  run(
    model: LoadedModel,
    keys: SessionKeys,
    channel: Channel,
    inputs: readonly InputShare[],
    signal?: AbortSignal,
  ): Promise<RunResult>;
}
