/**
 * What the leader has proposed for a request that its client has announced and nobody has yet: the followers begin with it as
 * soon as they have it, as the leader does, and not one message later. One at a time, so that those who announce and don't
 * ask cost an item of the pool and no more; the client itself may have its place taken by what it announces later.
 */
import type { ProtocolName } from '@trivet/shared-types';
import { FRAME_KINDS } from '../mesh/frames.js';
import type { Session } from '../mesh/session.js';
import type { ServingContext } from './context.js';
import { defaultProtocol, type Model } from './models.js';
import { AHEAD_MS } from './parked.js';
import type { Proposed, Proposer } from './proposer.js';
import type { OpenRequest } from './request-table.js';

export interface Ahead {
  readonly requestId: string;
  readonly client: string;
  /** The one on which it was announced. */
  readonly connection: string;
  readonly model: Model;
  /** The protocol that the request names; null: none. */
  readonly asked: ProtocolName | null;
  readonly proposed: Proposed;
  /** By `performance.now()`. */
  readonly expiresAt: number;
}

export class ProposedAhead {
  #one: Ahead | null = null;

  constructor(
    private readonly context: ServingContext,
    private readonly proposer: Proposer,
  ) {}

  /** Proposes what a request's client has announced, of one sample for the same model and protocol, if that can be. */
  propose({ nextRequestId: requestId, client, connection, model, protocol: asked }: OpenRequest): void {
    const { peers, sessions, table } = this.context;
    const links = peers.both();
    if (requestId === null || links === undefined) return;
    if (this.#one !== null && (this.#one.client !== client || this.#one.requestId === requestId)) return;
    if (peers.oppositeLink() === undefined || table.get(requestId) !== undefined || table.isPast(requestId))
      return;
    const demand = { digest: model.digest, protocol: asked ?? defaultProtocol(model), images: 1 };
    if (!this.proposer.materialIsReady()(demand)) return;
    this.check(true);
    const proposed = this.proposer.propose(demand, [requestId], links, { asked, ahead: true });
    if (proposed === undefined) return;
    sessions.reserve(proposed.key, links);
    const expiresAt = performance.now() + AHEAD_MS;
    this.#one = { requestId, client, connection, model, asked, proposed, expiresAt };
  }

  /** What was proposed for a request that has come: begun now, or recalled. */
  take(requestId: string): Ahead | null {
    const one = this.#one;
    if (one?.requestId !== requestId) return null;
    this.#one = null;
    return one;
  }

  /** Its session; null when a follower could not keep the proposal, or the request is not what it was proposed for. */
  start(ahead: Ahead, { model, count, protocol }: OpenRequest): Session | null {
    const { sessions } = this.context;
    const fits = model === ahead.model && count === 1 && protocol === ahead.asked;
    if (!fits || !this.#isStillMeant(ahead)) return null;
    const session = sessions.start(ahead.proposed.key, ahead.proposed.links);
    if (session.error === null) return session;
    sessions.end(session);
    return null;
  }

  /** Takes back what was proposed: a follower that has begun waits for another proposal. */
  recall({ proposed: { key, links, material } }: Ahead): void {
    for (const link of links) link.send(FRAME_KINDS.recall, undefined, key);
    this.context.sessions.refuse(key, links);
    for (const item of material ?? []) item.release();
  }

  /** Its client has gone: others may have theirs proposed. */
  connectionClosed(connection: string): void {
    if (this.#one?.connection === connection) this.check(true);
  }

  /** Connections or models have changed, or time has passed. @param all whether nothing that was proposed is of use now */
  check(all = false): void {
    const one = this.#one;
    if (one === null) return;
    if (!all && this.#isStillMeant(one) && performance.now() < one.expiresAt) return;
    this.#one = null;
    this.recall(one);
  }

  /** Whether the request would run now as it would have when it was announced. */
  #isStillMeant({ model, asked, proposed }: Ahead): boolean {
    const isLoaded = this.context.models.byDigest(model.digest) === model;
    return isLoaded && (asked ?? defaultProtocol(model)) === proposed.protocol;
  }
}
