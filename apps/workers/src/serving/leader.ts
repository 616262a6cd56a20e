/**
 * Worker 0: decides which requests run together, and when. A request may run once all three workers hold it; the
 * leader hears of arrivals, forms batches, and proposes each to the others under a fresh session id. It learns ids,
 * model, number of images and timing: what any worker sees of its own requests.
 */
import type { PartyIndex } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import type { WorkerConfig } from '../config/schema.js';
import { FRAME_KINDS, type FrameKind, type SessionKey } from '../mesh/frames.js';
import type { Link } from '../mesh/link.js';
import { type Arrived, decodeArrived, decodeDealt, decodeRefusal, encodeRefusal } from '../mesh/messages.js';
import { type Ahead, ProposedAhead } from './ahead.js';
import { type Batch, BatchQueue } from './batch-queue.js';
import { BatchRuns, type RunningBatch } from './batch-runs.js';
import type { Role, ServingContext, Wanted } from './context.js';
import { EarlyBatch } from './early-batch.js';
import { agrees, type Gathering, Gatherings, isHeldByAll, type Queued } from './gatherings.js';
import { defaultProtocol, type Model } from './models.js';
import { Overload } from './overload.js';
import { LEADER, type Links } from './peers.js';
import { Dealer, type Demand } from './pool/dealer.js';
import { Proposer } from './proposer.js';
import type { OpenRequest } from './request-table.js';
import { SessionIds } from './session-ids.js';

const SWEEP_MS = 1000;
/** The leader is full before its followers are: what only one of them refuses, the others have taken in for nothing. */
const FULL = 0.8;

/** How many requests a worker may hold. */
export function placesOf(worker: PartyIndex, maxRequests: number): number {
  return worker === LEADER ? Math.ceil(FULL * maxRequests) : maxRequests;
}

export interface LeaderOptions {
  readonly batching: WorkerConfig['batching'];
  readonly pool: WorkerConfig['pool'];
  readonly maxRequests: number;
}

export class Leader implements Role {
  readonly #queue: BatchQueue<Queued>;
  readonly #gatherings: Gatherings;
  readonly #runs: BatchRuns;
  readonly #sweep: NodeJS.Timeout;
  readonly #dealer: Dealer;
  readonly #proposer: Proposer;
  readonly #ahead: ProposedAhead;
  readonly #early: EarlyBatch;
  readonly #overload: Overload;
  #followersLink: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When a request was last held by all three, or a batch ended that was. */
  #busyAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly context: ServingContext,
    links: Links,
    private readonly options: LeaderOptions,
  ) {
    const { name } = context.self;
    this.#queue = new BatchQueue(options.batching, name);
    this.#gatherings = new Gatherings(context, links, this.#queue);
    this.#early = new EarlyBatch(name);
    this.#runs = new BatchRuns(context, links, (batch, answered) => this.#ended(batch, answered));
    this.#overload = new Overload(name, this.#queue, () => this.#inFlight());
    const ids = new SessionIds();
    this.#dealer = new Dealer(context, options.pool, {
      nextKey: () => ids.next(),
      demands: () => this.#demands(),
      lastBusyAt: () => {
        const busy = this.#inFlight().length > 0 || this.#queue.requests > 0;
        return busy ? performance.now() : this.#busyAt;
      },
      onReady: () => this.#pump(),
    });
    this.#proposer = new Proposer(context, this.#dealer, ids, options.pool.whenEmpty === 'wait');
    this.#ahead = new ProposedAhead(context, this.#proposer);
    this.#sweep = setInterval(() => this.#sweepExpired(), SWEEP_MS);
  }

  get queuedBatches(): number {
    return this.#queue.batches.length;
  }

  get queueLength(): number {
    return this.#queue.requests;
  }

  checkRoom(wanted: Wanted): void {
    const overload = this.#overload.refusal(wanted, true);
    if (overload !== null) throw overload;
  }

  admitted(request: OpenRequest): void {
    const { id: requestId, model, count, protocol, deadlineMs } = request;
    const message = { requestId, digest: model.digest, count, protocol, deadlineMs };
    const gathering = this.#gatherings.gather(message);
    gathering.request = request;
    const ahead = this.#ahead.take(request.id);
    const refusal = this.#gatherings.refusals.get(request.id) ?? this.#overload.refusal(request, false);
    // What was proposed ahead must have begun before it is known that all three hold it, or it would be proposed again.
    const begun = ahead !== null && refusal === null && this.#beginAhead(gathering, ahead);
    if (ahead !== null && !begun) this.#ahead.recall(ahead);
    if (refusal !== null) {
      this.#gatherings.reject(gathering, refusal);
      return;
    }
    this.#hold(gathering, LEADER, message);
    if (this.#isLone(gathering)) this.#startEarly(gathering);
  }

  refused(requestId: string, error: TrivetError): void {
    const gathering = this.#gatherings.get(requestId);
    if (gathering !== undefined) this.#gatherings.reject(gathering, error);
    else this.#gatherings.refusals.add(requestId, error);
  }

  givenUp(request: OpenRequest, error: TrivetError): void {
    const gathering = this.#gatherings.get(request.id);
    if (gathering !== undefined && !gathering.running) this.#gatherings.reject(gathering, error);
  }

  frame(link: Link, kind: FrameKind, session: SessionKey, payload: Uint8Array): void {
    if (kind === FRAME_KINDS.arrived) {
      this.#arrived(link, decodeArrived(payload));
    } else if (kind === FRAME_KINDS.withdraw) {
      const { requestId, error } = decodeRefusal(payload, link.peer.name);
      const gathering = this.#gatherings.get(requestId);
      if (gathering === undefined) {
        this.#gatherings.refusals.add(requestId, error);
        link.send(FRAME_KINDS.reject, encodeRefusal(requestId, error));
      } else if (!gathering.running) {
        this.#gatherings.reject(gathering, error);
      } else if (this.#early.isOf(gathering)) {
        this.#early.running?.session.fail(error, true);
      }
    } else if (kind === FRAME_KINDS.done) {
      this.#runs.done(link, session);
    } else if (kind === FRAME_KINDS.dealt) {
      this.#dealer.dealt(link, session, decodeDealt(payload));
    } else {
      throw new TrivetError('INVALID_ARGUMENT', `a frame of kind ${kind} that only the leader sends.`);
    }
  }

  connectionClosed(connection: string): void {
    this.#ahead.connectionClosed(connection);
  }

  peersChanged(): void {
    const obstacle = this.context.peers.obstacle();
    if (obstacle !== null) this.#gatherings.rejectWaiting(obstacle);
    const followersLink = this.context.peers.oppositeLink();
    if (followersLink !== this.#followersLink) {
      this.#ahead.check(true);
      this.#dealer.reset();
    }
    this.#followersLink = followersLink;
    this.#dealer.refill();
  }

  modelsChanged(): void {
    this.#ahead.check();
    this.#dealer.refill();
  }

  linkDown(_link: Link, error: TrivetError): void {
    this.#ahead.check(true);
    this.#gatherings.rejectWaiting(error);
    this.#dealer.reset();
  }

  close(): void {
    this.#dealer.close();
    clearInterval(this.#sweep);
    clearTimeout(this.#timer);
  }

  #arrived(link: Link, message: Arrived): void {
    const { requestId } = message;
    const { self, table } = this.context;
    const refuse = (error: TrivetError) => link.send(FRAME_KINDS.reject, encodeRefusal(requestId, error));
    const refusal = this.#gatherings.refusals.get(requestId);
    if (refusal !== undefined) {
      refuse(refusal);
    } else if (table.isPast(requestId)) {
      refuse(new TrivetError('ALREADY_EXISTS', 'This request id was used before.', self.name));
    } else if (
      this.#gatherings.get(requestId) === undefined &&
      this.#gatherings.size >= 2 * this.options.maxRequests
    ) {
      const message = `${self.name} holds as many requests as it may; try again later.`;
      refuse(new TrivetError('RESOURCE_EXHAUSTED', message, self.name));
    } else {
      this.#hold(this.#gatherings.gather(message), link.peer.index, message);
    }
  }

  /** One more worker holds the request: what it holds must be what the others hold. */
  #hold(gathering: Gathering, holder: PartyIndex, message: Arrived): void {
    gathering.holders |= 1 << holder;
    const early = this.#early.isOf(gathering) ? this.#early.running : null;
    if (gathering.running && early === null) return;
    if (!agrees(gathering, message)) {
      const sentence = 'The three workers were sent different requests under one id.';
      const error = new TrivetError('INVALID_ARGUMENT', sentence, this.context.self.name);
      if (early === null) {
        this.#gatherings.reject(gathering, error);
      } else {
        early.session.fail(error, true);
        // Who holds something else has no part in that session.
        const payload = encodeRefusal(gathering.id, error);
        for (const link of early.session.links) link?.send(FRAME_KINDS.reject, payload);
      }
      return;
    }
    if (!isHeldByAll(gathering)) return;
    this.#busyAt = performance.now();
    if (early !== null) {
      this.#early.agree(this.#busyAt);
      return;
    }
    try {
      this.#queue.add(this.#checked(gathering), performance.now());
    } catch (error) {
      this.#gatherings.reject(gathering, error as TrivetError);
      return;
    }
    this.#pump();
  }

  /** Batches that run, of requests that all three hold. */
  #inFlight(): RunningBatch[] {
    return [...this.#runs.values()].filter((batch) => batch !== this.#early.running);
  }

  /** What goes into a batch. @throws TrivetError when the request cannot run */
  #checked(gathering: Gathering): Queued {
    const { digest, count, asked } = gathering;
    const obstacle = this.context.peers.obstacle();
    if (obstacle !== null) throw obstacle;
    const { client, model } = gathering.request!;
    model.records.checkRoom(count, 0, this.context.self.name);
    this.context.access.use.checkRoom(gathering.request!);
    // From here on it keeps its protocol, even if the model is served with another one meanwhile.
    gathering.queued = { gathering, digest, count, client, protocol: asked ?? defaultProtocol(model) };
    return gathering.queued;
  }

  /** Whether a request can only run alone, and now: then it need not wait until the followers tell of its arrival. */
  #isLone(gathering: Gathering): boolean {
    const nothingElse = this.#runs.size === 0 && this.#queue.requests === 0 && this.#early.running === null;
    return (
      nothingElse &&
      !this.#early.isPaused &&
      !gathering.running &&
      this.#gatherings.has(gathering) &&
      gathering.count === 1 &&
      this.options.batching.batchTimeoutMicros === 0
    );
  }

  /**
   * Proposes a request that the followers may not have yet: they park the proposal until it comes, and two messages one
   * after the other are saved.
   */
  #startEarly(gathering: Gathering): void {
    let queued: Queued;
    try {
      queued = this.#checked(gathering);
    } catch (error) {
      this.#gatherings.reject(gathering, error as TrivetError);
      return;
    }
    const { digest, protocol, count } = queued;
    if (!this.#proposer.materialIsReady()({ digest, protocol, images: count })) return;
    const batch = { digest, protocol, items: [queued], images: count, openedAt: performance.now() };
    this.#early.begin(gathering, (agreed) => this.#start(batch, agreed));
  }

  /** Whether the announced request has begun with what was proposed for it. */
  #beginAhead(gathering: Gathering, ahead: Ahead): boolean {
    const request = gathering.request!;
    if (this.#early.running !== null) return false;
    try {
      this.#checked(gathering);
    } catch {
      // It is refused for that when all three hold it.
      return false;
    }
    const session = this.#ahead.start(ahead, request);
    if (session === null) return false;
    const begun = this.#early.begin(gathering, (agreed) => {
      return this.#begin([gathering], (requests) => {
        return this.#runs.begin(session, ahead.proposed, request.model, requests, agreed);
      });
    });
    // It will not be recalled any more: the followers may answer.
    for (const link of ahead.proposed.links) link.send(FRAME_KINDS.begun, undefined, ahead.proposed.key);
    return begun;
  }

  /** Starts every batch that may start now, and has dealt what others lack. */
  #pump(): void {
    clearTimeout(this.#timer);
    this.#startBatches();
    this.#dealer.refill();
  }

  #startBatches(): void {
    while (this.#inFlight().length < this.options.batching.maxBatchesInFlight) {
      const now = performance.now();
      const batch = this.#queue.take(now, this.#proposer.materialIsReady());
      if (batch === undefined) {
        const dueIn = this.#queue.nextDueIn(now);
        if (dueIn !== undefined) this.#timer = setTimeout(() => this.#pump(), Math.ceil(dueIn));
        return;
      }
      this.#start(batch);
    }
  }

  /** What the batches in the queue need, by model and protocol, no batch larger than the pool. */
  #demands(): readonly Demand[] {
    const demands = new Map<string, Demand>();
    for (const { digest, protocol, images } of this.#queue.batches) {
      const capacity = this.#dealer.capacity(digest, protocol);
      if (images > capacity) continue;
      const before = demands.get(digest + protocol)?.images ?? 0;
      demands.set(digest + protocol, { digest, protocol, images: Math.min(before + images, capacity) });
    }
    return [...demands.values()];
  }

  /**
   * @param agreed no answer leaves before it has resolved
   * @returns undefined when its requests had to be refused
   */
  #start(batch: Batch<Queued>, agreed?: Promise<void>): RunningBatch | undefined {
    const { peers, models, sessions, self } = this.context;
    const links = peers.both();
    const model = models.byDigest(batch.digest);
    if (links === undefined || peers.oppositeLink() === undefined || model === undefined) {
      const error =
        peers.obstacle() ??
        new TrivetError('NOT_FOUND', 'This version of the model is not served any more.', self.name);
      for (const { gathering } of batch.items) this.#gatherings.reject(gathering, error);
      return undefined;
    }
    const { gatherings, images } = this.#withRoom(batch, model);
    if (gatherings.length === 0) return undefined;
    const { digest, protocol } = batch;
    const requestIds = gatherings.map((gathering) => gathering.id);
    const asked = agreed === undefined ? undefined : gatherings[0]!.asked;
    const proposed = this.#proposer.propose({ digest, protocol, images }, requestIds, links, { asked });
    if (proposed === undefined) {
      const message = 'Nothing is dealt ahead for this request just now; try again in a moment.';
      const error = new TrivetError('RESOURCE_EXHAUSTED', message, self.name);
      for (const gathering of gatherings) this.#gatherings.reject(gathering, error);
      return undefined;
    }
    return this.#begin(gatherings, (requests) => {
      return this.#runs.begin(sessions.start(proposed.key, links), proposed, model, requests, agreed);
    });
  }

  #begin(
    gatherings: readonly Gathering[],
    run: (requests: readonly OpenRequest[]) => RunningBatch,
  ): RunningBatch {
    for (const gathering of gatherings) gathering.running = true;
    const running = run(gatherings.map((gathering) => gathering.request!));
    // After its own first messages.
    this.#proposeAhead();
    return running;
  }

  /**
   * Proposes what the request that runs has announced, if it has the workers to itself. It may come to have them as it runs: the client
   * has an answer, and asks again, before the followers' word that they are done is here.
   */
  #proposeAhead(): void {
    const isAlone = this.#runs.size === 1 && this.#queue.requests === 0;
    if (!isAlone || this.options.batching.batchTimeoutMicros > 0) return;
    for (const { requests } of this.#runs.values()) {
      if (requests.length === 1) this.#ahead.propose(requests[0]!);
    }
  }

  /** Those of a batch that can still be answered, and that the owner's limit leaves room for; the others are refused. */
  #withRoom(batch: Batch<Queued>, model: Model): { gatherings: Gathering[]; images: number } {
    const gatherings: Gathering[] = [];
    let images = 0;
    const now = performance.now();
    for (const { gathering } of batch.items) {
      try {
        if (gathering.request!.deadlineAt <= now) {
          const message = 'The time was up before the request could begin.';
          throw new TrivetError('DEADLINE_EXCEEDED', message, this.context.self.name);
        }
        model.records.checkRoom(gathering.count, images, this.context.self.name);
        const planned = gatherings.map((one) => one.request!);
        this.context.access.use.checkRoom(gathering.request!, planned);
        gatherings.push(gathering);
        images += gathering.count;
      } catch (error) {
        this.#gatherings.reject(gathering, error as TrivetError);
      }
    }
    return { gatherings, images };
  }

  #ended(batch: RunningBatch, answered: boolean): void {
    const { session, requests } = batch;
    if (answered) this.#overload.answered(batch);
    if (!this.#early.ended(session)) this.#busyAt = performance.now();
    for (const request of requests) {
      this.#gatherings.end(request.id);
      // A follower that the request reaches only now is told why.
      if (!answered && session.error !== null) this.#gatherings.refusals.add(request.id, session.error);
    }
    this.#pump();
    this.#proposeAhead();
  }

  #sweepExpired(): void {
    this.#ahead.check();
    this.#gatherings.rejectExpired(performance.now());
  }
}
