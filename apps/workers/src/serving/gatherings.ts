/** The requests that the leader has heard of, and which workers hold them: what all three hold may run. */
import type { PartyIndex } from '@trivet/mpc-core';
import { type ProtocolName, TransientMap, TrivetError } from '@trivet/shared-types';
import { FRAME_KINDS } from '../mesh/frames.js';
import { type Arrived, encodeRefusal } from '../mesh/messages.js';
import type { Batchable, BatchQueue } from './batch-queue.js';
import { GRACE_MS } from './batch-runs.js';
import type { ServingContext } from './context.js';
import { ALL, type Links } from './peers.js';
import { RecentRefusals } from './recent-refusals.js';
import type { OpenRequest } from './request-table.js';

export interface Gathering {
  readonly id: string;
  readonly digest: string;
  readonly count: number;
  /** The one that the client named; null: none. */
  readonly asked: ProtocolName | null;
  /** By `performance.now()`. */
  readonly expiresAt: number;
  /** Bits of the workers that hold it. */
  holders: number;
  /** What this worker holds of it. */
  request: OpenRequest | null;
  queued: Queued | null;
  running: boolean;
}

/** A request that all three hold, waiting for its batch. */
export interface Queued extends Batchable {
  readonly gathering: Gathering;
}

export class Gatherings {
  readonly #all = new TransientMap<string, Gathering>();
  /** Of requests that are not here any more, or have not been yet. */
  readonly refusals = new RecentRefusals();

  constructor(
    private readonly context: ServingContext,
    private readonly links: Links,
    private readonly queue: BatchQueue<Queued>,
  ) {}

  get size(): number {
    return this.#all.size;
  }

  get(requestId: string): Gathering | undefined {
    return this.#all.get(requestId);
  }

  /** Whether it has neither ended nor been refused. */
  has(gathering: Gathering): boolean {
    return this.#all.get(gathering.id) === gathering;
  }

  /** That of a request that some worker holds: a new one for the first. */
  gather({ requestId: id, digest, count, protocol: asked, deadlineMs }: Arrived): Gathering {
    let gathering = this.#all.get(id);
    if (gathering === undefined) {
      const expiresAt = performance.now() + deadlineMs + GRACE_MS;
      const empty = { holders: 0, request: null, queued: null, running: false };
      gathering = { id, digest, count, asked, expiresAt, ...empty };
      this.#all.set(id, gathering);
    }
    return gathering;
  }

  /** Its batch has ended. */
  end(requestId: string): void {
    this.#all.delete(requestId);
  }

  /** Ends a request that is in no batch, on all three workers. */
  reject(gathering: Gathering, error: TrivetError): void {
    if (gathering.queued !== null) this.queue.remove(gathering.queued);
    this.#all.delete(gathering.id);
    this.refusals.add(gathering.id, error);
    const payload = encodeRefusal(gathering.id, error);
    for (const { index } of this.context.peers.others) {
      if (isHeldBy(gathering, index)) this.links.link(index)?.send(FRAME_KINDS.reject, payload);
    }
    if (gathering.request !== null) {
      gathering.request.answer(error);
      this.context.table.remove(gathering.request);
    }
  }

  /** Ends all that have not begun. */
  rejectWaiting(error: TrivetError): void {
    for (const gathering of [...this.#all.values()]) {
      if (!gathering.running) this.reject(gathering, error);
    }
  }

  /** Ends those that not all three workers will hold any more. */
  rejectExpired(now: number): void {
    for (const gathering of [...this.#all.values()]) {
      if (gathering.running || gathering.expiresAt > now) continue;
      const message = 'The request did not arrive at all three workers before its deadline.';
      this.reject(gathering, new TrivetError('DEADLINE_EXCEEDED', message, this.context.self.name));
    }
  }
}

/** Whether what one more worker holds is what the others hold. */
export function agrees(gathering: Gathering, { digest, count, protocol }: Arrived): boolean {
  return gathering.digest === digest && gathering.count === count && gathering.asked === protocol;
}

export function isHeldByAll({ holders }: Gathering): boolean {
  return holders === ALL;
}

function isHeldBy({ holders }: Gathering, worker: PartyIndex): boolean {
  return (holders & (1 << worker)) !== 0;
}
