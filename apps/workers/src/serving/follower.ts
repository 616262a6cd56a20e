/**
 * Workers 1 and 2: tell the leader which requests have arrived, and run the batches that it proposes.
 *
 * A request that its client gave up is answered at once, but its shares stay until the leader confirms that no batch
 * has it: a batch that crosses the news on its way still runs, for the sake of the others in it.
 *
 * A proposal may come before its request, which then begins when it comes. Until the leader has begun too, it may recall
 * the proposal: the request waits for another one then, under another session id.
 */
import { nextParty, type PartyIndex, previousParty } from '@trivet/mpc-core';
import { TransientMap, TrivetError } from '@trivet/shared-types';
import { FRAME_KINDS, type FrameKind, type SessionKey } from '../mesh/frames.js';
import type { Link } from '../mesh/link.js';
import {
  type Deal,
  decodeDeal,
  decodeProposal,
  decodeRefusal,
  decodeServed,
  encodeArrived,
  encodeDealt,
  encodeError,
  encodeRefusal,
  type Proposal,
} from '../mesh/messages.js';
import type { Session } from '../mesh/session.js';
import { type SessionView, viewOf } from '../mesh/session-view.js';
import type { Role, ServingContext } from './context.js';
import { type Parked, ParkedProposals } from './parked.js';
import { LEADER, type Links } from './peers.js';
import { dealItem } from './pool/deal-item.js';
import type { OpenRequest } from './request-table.js';
import { type BatchRun, runBatch } from './run-batch.js';
import { withResolvers } from './with-resolvers.js';

interface Recallable {
  readonly recall: () => void;
  readonly begun: () => void;
}

export class Follower implements Role {
  readonly queuedBatches = 0;
  readonly #third: PartyIndex;
  /** What began with a proposal ahead, which the leader may recall until it says that it has begun. */
  readonly #recallable = new TransientMap<SessionKey, Recallable>();
  /** Requests that were recalled: once is enough. */
  readonly #recalled = new WeakSet<OpenRequest>();
  readonly #parked = new ParkedProposals((parked) => {
    const { name } = this.context.self;
    this.#giveUp(
      parked,
      new TrivetError('UNAVAILABLE', `The request did not arrive at ${name} in time.`, name),
    );
  });

  constructor(
    private readonly context: ServingContext,
    private readonly links: Links,
    private readonly maxPoolBytes: number,
  ) {
    const { index } = context.self;
    this.#third = nextParty(index) === LEADER ? previousParty(index) : nextParty(index);
  }

  get queueLength(): number {
    let waiting = 0;
    for (const request of this.context.table.values()) if (request.batch === null) waiting += 1;
    return waiting;
  }

  /** The leader knows. */
  checkRoom(): void {}

  admitted(request: OpenRequest): void {
    const { id, model, count, protocol, deadlineMs } = request;
    const payload = encodeArrived({ requestId: id, digest: model.digest, count, protocol, deadlineMs });
    // What runs first sends first; the leader needs to hear of the arrival all the same.
    const parked = this.#parked.take(id);
    if (parked !== undefined && fits(parked.proposal, request)) this.#run(parked);
    else if (parked !== undefined) this.#drop(parked);
    this.links.link(LEADER)?.send(FRAME_KINDS.arrived, payload);
  }

  refused(requestId: string, error: TrivetError): void {
    const parked = this.#parked.take(requestId);
    if (parked !== undefined) this.#giveUp(parked, error);
    this.links.link(LEADER)?.send(FRAME_KINDS.withdraw, encodeRefusal(requestId, error));
  }

  givenUp(request: OpenRequest, error: TrivetError): void {
    const leader = this.links.link(LEADER);
    if (leader === undefined) this.context.table.remove(request);
    else leader.send(FRAME_KINDS.withdraw, encodeRefusal(request.id, error));
  }

  frame(link: Link, kind: FrameKind, session: SessionKey, payload: Uint8Array): void {
    const { models, onServed, table } = this.context;
    if (link.peer.index !== LEADER) {
      throw new TrivetError('INVALID_ARGUMENT', `a frame of kind ${kind} that only the leader may send.`);
    }
    if (kind === FRAME_KINDS.propose) {
      const proposal = decodeProposal(payload);
      const { digest, protocol, helper, material: keys } = proposal;
      // Spent from here on, whatever becomes of the batch. The leader has counted them out of the pool, so a proposal
      // that is parked must not keep them in it: there would be no room for what is dealt next.
      const material = this.context.pool.take(keys, { digest, protocol, helper });
      const proposed = { leader: link, key: session, proposal, view: viewOf(kind, payload), material };
      if (this.#parks(proposed)) return;
      if (this.#isOutdated(proposal)) this.#drop(proposed);
      else this.#run(proposed);
    } else if (kind === FRAME_KINDS.recall) {
      this.#recall(session);
    } else if (kind === FRAME_KINDS.begun) {
      this.#parked.begun(session);
      this.#recallable.get(session)?.begun();
    } else if (kind === FRAME_KINDS.deal) {
      this.#deal(link, session, decodeDeal(payload), viewOf(kind, payload));
    } else if (kind === FRAME_KINDS.reject) {
      const { requestId, error } = decodeRefusal(payload, link.peer.name);
      const request = table.get(requestId);
      if (request === undefined || request.batch !== null) return;
      request.answer(error);
      table.remove(request);
    } else if (kind === FRAME_KINDS.served) {
      const { digest, since, served } = decodeServed(payload);
      const model = models.byDigest(digest);
      if (model === undefined) return;
      model.records.noteServed(since, served);
      onServed(model);
    } else {
      throw new TrivetError('INVALID_ARGUMENT', `a frame of kind ${kind} that only the leader takes.`);
    }
  }

  /** What its client announced, the leader takes back. */
  connectionClosed(): void {}

  peersChanged(): void {}

  modelsChanged(): void {}

  linkDown(link: Link, error: TrivetError): void {
    const { table } = this.context;
    for (const parked of this.#parked.clear()) this.#giveUp(parked, error);
    for (const request of [...table.values()]) {
      if (request.batch !== null) continue;
      table.giveUp(request, error);
      if (link.peer.index === LEADER) table.remove(request);
    }
  }

  close(): void {
    this.#parked.clear();
  }

  /** Parks a proposal for one request that has not come yet; its session may then start after later ones. */
  #parks(parked: Parked): boolean {
    const { requestIds, asked } = parked.proposal;
    const { sessions, table } = this.context;
    const third = this.links.link(this.#third);
    const comes = requestIds.every((id) => table.get(id) === undefined && !table.isPast(id));
    if (asked === undefined || third === undefined || !comes) return false;
    return this.#parked.park(parked) && sessions.reserve(parked.key, [parked.leader, third]);
  }

  /** Whether what a client announced has come before its proposal, and is something else: the leader finds the same. */
  #isOutdated(proposal: Proposal): boolean {
    const { ahead, requestIds } = proposal;
    const held = requestIds.map((id) => this.context.table.get(id));
    return ahead && held.some((request) => request !== undefined && !fits(proposal, request));
  }

  /** The leader will not take part: it has told both followers so, and nobody else need hear of it. */
  #recall(key: SessionKey): void {
    const parked = this.#parked.takeSession(key);
    if (parked === undefined) {
      this.#recallable.get(key)?.recall();
      return;
    }
    this.#drop(parked);
  }

  /** Its session will not start here, which the leader knows or will hear otherwise. */
  #drop(parked: Parked): void {
    releaseMaterial(parked);
    this.context.sessions.refuse(parked.key, [parked.leader, this.links.link(this.#third)]);
  }

  /** The request of a parked proposal does not come. */
  #giveUp(parked: Parked, error: TrivetError): void {
    releaseMaterial(parked);
    this.#decline([parked.leader, this.links.link(this.#third)], parked.key, undefined, [], error);
  }

  #run(proposed: Parked): void {
    const { leader, key, proposal, view, material, leaderHasBegun } = proposed;
    const { self, sessions, table, models } = this.context;
    const { protocol, helper } = proposal;
    const held = proposal.requestIds
      .map((id) => table.get(id))
      .filter((request) => request !== undefined && request.batch === null) as OpenRequest[];
    const model = models.byDigest(proposal.digest);
    const third = this.links.link(this.#third);
    let session: Session | undefined;
    try {
      if (third === undefined || third.id !== proposal.link) {
        const message = `The connection between ${self.name} and its peer has just changed; try again.`;
        throw new TrivetError('UNAVAILABLE', message, self.name);
      }
      session = sessions.start(key, [leader, third]);
      if (session.error !== null) throw session.error;
      if (model === undefined || held.length !== proposal.requestIds.length) {
        throw new TrivetError('ABORTED', `${self.name} does not hold every request of the batch.`, self.name);
      }
      const images = held.reduce((total, request) => total + request.count, 0);
      const { asked } = proposal;
      const same = held.every(
        (request) =>
          request.model === model &&
          (asked === undefined ? (request.protocol ?? protocol) === protocol : request.protocol === asked),
      );
      if (!same || images !== proposal.images) {
        const message = 'The three workers were sent different requests under one id.';
        throw new TrivetError('INVALID_ARGUMENT', message, self.name);
      }
      if (material === undefined) {
        const message = `${self.name} does not hold what was dealt ahead for the batch; try again.`;
        throw new TrivetError('ABORTED', message, self.name);
      }
    } catch (error) {
      releaseMaterial(proposed);
      this.#decline([leader, third], key, session, held, error as TrivetError);
      return;
    }
    const run = { session, view, model: model!, protocol, helper, requests: held };
    const taken = material.length === 0 ? undefined : material;
    const mayBeRecalled =
      proposal.ahead && leaderHasBegun !== true && !held.some((request) => this.#recalled.has(request));
    const recallable = mayBeRecalled ? this.#makeRecallable(session, held) : {};
    void this.#finish(leader, { ...run, material: taken, ...recallable });
  }

  /**
   * Until the leader has begun, it may take the batch back. No answer leaves before: where a worker computes without a message of the
   * leader, it would be of another session than the others'.
   */
  #makeRecallable(
    session: Session,
    requests: readonly OpenRequest[],
  ): Required<Pick<BatchRun, 'isRecalled' | 'mayAnswer'>> {
    let recalled = false;
    const { promise: mayAnswer, resolve: begun, reject } = withResolvers();
    session.signal.addEventListener('abort', () => reject(session.error), { once: true });
    const recall = () => {
      if (session.error !== null) return;
      recalled = true;
      // Now, for the next proposal may come with the same bytes.
      for (const request of requests) {
        request.batch = null;
        this.#recalled.add(request);
      }
      const message = 'The leader has recalled its proposal.';
      session.fail(new TrivetError('CANCELLED', message, this.context.self.name), false);
    };
    this.#recallable.set(session.key, { recall, begun });
    return { isRecalled: () => recalled, mayAnswer };
  }

  async #finish(leader: Link, run: BatchRun): Promise<void> {
    const { session } = run;
    const done = await runBatch(this.context, run);
    this.#recallable.delete(session.key);
    this.context.sessions.end(session);
    if (done) leader.send(FRAME_KINDS.done, undefined, session.key);
  }

  #deal(leader: Link, key: SessionKey, deal: Deal, view: SessionView): void {
    const { models, pool, self, sessions } = this.context;
    pool.drop(deal.dropped);
    const model = models.byDigest(deal.digest);
    const third = this.links.link(this.#third);
    const linked = third !== undefined && third.id === deal.link && model !== undefined;
    if (!linked || pool.bytes >= this.maxPoolBytes) {
      const code = linked ? 'RESOURCE_EXHAUSTED' : 'UNAVAILABLE';
      const error = new TrivetError(code, `${self.name} takes nothing ahead now.`, self.name);
      this.#decline([leader, third], key, undefined, [], error);
      return;
    }
    let session: Session;
    try {
      session = sessions.start(key, [leader, third], true);
    } catch (error) {
      this.#decline([leader, third], key, undefined, [], error as TrivetError);
      return;
    }
    void dealItem(this.context, session, model, deal, view).then((bytes) => {
      sessions.end(session);
      if (bytes !== null) leader.send(FRAME_KINDS.dealt, encodeDealt(bytes), key);
    });
  }

  /** The leader has spent these requests on a batch that cannot run: everybody is told. */
  #decline(
    links: readonly (Link | undefined)[],
    key: SessionKey,
    session: Session | undefined,
    held: readonly OpenRequest[],
    error: TrivetError,
  ): void {
    const payload = encodeError(error);
    for (const link of links) link?.send(FRAME_KINDS.abort, payload, key);
    if (session !== undefined) this.context.sessions.end(session);
    else this.context.sessions.refuse(key, links);
    for (const request of held) {
      request.answer(error);
      this.context.table.remove(request);
    }
  }
}

/** Whether a request that a proposal names is what the leader expects it to be. */
function fits({ digest, images, asked }: Proposal, { model, count, protocol }: OpenRequest): boolean {
  return model.digest === digest && count === images && protocol === asked;
}

function releaseMaterial({ material }: Parked): void {
  for (const item of material ?? []) item.release();
}
