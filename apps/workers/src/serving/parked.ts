/**
 * Proposals that came before their request: the leader proposes a lone request as soon as it has it, for its two
 * messages to the followers and the client's own are on their way at the same time; and one that a client has announced
 * before anybody has it. Few, and for a short while.
 */
import type { Material } from '@trivet/mpc-core';
import { TransientMap } from '@trivet/shared-types';
import type { SessionKey } from '../mesh/frames.js';
import type { Link } from '../mesh/link.js';
import type { Proposal } from '../mesh/messages.js';
import type { SessionView } from '../mesh/session-view.js';

/** An honest leader has one. */
const MAX_PARKED = 4;
/**
 * How long a lone request that has begun may take to reach everybody: less than the mesh keeps the frames of a session
 * that has not started.
 */
export const EARLY_MS = 10_000;
/** How long the leader leaves a proposal for a request that its client has announced. */
export const AHEAD_MS = 30_000;
/** The leader gives up first, and says so. */
export const PARKED_MS = AHEAD_MS + EARLY_MS;

export interface Parked {
  readonly leader: Link;
  readonly key: SessionKey;
  readonly proposal: Proposal;
  /** Of the frame that it came in. */
  readonly view: SessionView;
  /** What was dealt ahead for it, already taken out of the pool; undefined when it was not all there. */
  readonly material: readonly Material[] | undefined;
  /** The leader has begun already. */
  leaderHasBegun?: boolean;
}

interface Waiting extends Parked {
  readonly timer: NodeJS.Timeout;
}

export class ParkedProposals {
  readonly #byRequest = new TransientMap<string, Waiting>();

  /** @param onExpired the request has not come */
  constructor(private readonly onExpired: (parked: Parked) => void) {}

  /** Whether there was room for it. */
  park(parked: Parked): boolean {
    const [requestId] = parked.proposal.requestIds;
    if (requestId === undefined || this.#byRequest.size >= MAX_PARKED || this.#byRequest.has(requestId)) {
      return false;
    }
    const timer = setTimeout(() => {
      this.#byRequest.delete(requestId);
      this.onExpired(parked);
    }, PARKED_MS);
    this.#byRequest.set(requestId, { ...parked, timer });
    return true;
  }

  /** The proposal that waits for a request, which is here now or will never be. */
  take(requestId: string): Parked | undefined {
    const parked = this.#byRequest.get(requestId);
    if (parked === undefined) return undefined;
    clearTimeout(parked.timer);
    this.#byRequest.delete(requestId);
    return parked;
  }

  /** The proposal of a session, which the leader has recalled. */
  takeSession(key: SessionKey): Parked | undefined {
    const parked = this.#ofSession(key);
    return parked && this.take(parked.proposal.requestIds[0]!);
  }

  /** The leader has begun with a session. */
  begun(key: SessionKey): void {
    const parked = this.#ofSession(key);
    if (parked !== undefined) parked.leaderHasBegun = true;
  }

  #ofSession(key: SessionKey): Waiting | undefined {
    return [...this.#byRequest.values()].find((parked) => parked.key === key);
  }

  /** Forgets all: a connection that they belong to is gone. */
  clear(): readonly Parked[] {
    return [...this.#byRequest.keys()].map((requestId) => this.take(requestId)!);
  }
}
