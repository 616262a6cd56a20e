/**
 * Worker 0: decides which requests run together, and when. A request may run once all three workers hold it; the
 * leader hears of arrivals, forms batches, and proposes each to the others under a fresh session id. It learns ids,
 * model, number of images and timing: what any worker sees of its own requests.
 */
import type { PartyIndex } from '@trivet/mpc-core';
import { type ProtocolName, TrivetError } from '@trivet/shared-types';
import type { WorkerConfig } from '../config/schema.js';
import { FRAME_KINDS, type FrameKind, type SessionKey } from '../mesh/frames.js';
import type { Link } from '../mesh/link.js';
import { type Arrived, decodeArrived, decodeDealt, decodeRefusal, encodeRefusal } from '../mesh/messages.js';
import { type Ahead, ProposedAhead } from './ahead.js';
import { type Batch, type Batchable, BatchQueue } from './batch-queue.js';
import { BatchRuns, GRACE_MS, type RunningBatch } from './batch-runs.js';
import type { Role, ServingContext, Wanted } from './context.js';
import { defaultProtocol, type Model } from './models.js';
import { Pace } from './pace.js';
import { EARLY_MS } from './parked.js';
import { ALL, LEADER, type Links } from './peers.js';
import { Dealer, type Demand } from './pool/dealer.js';
import { Proposer } from './proposer.js';
import { RecentRefusals } from './recent-refusals.js';
import type { OpenRequest } from './request-table.js';
import { SessionIds } from './session-ids.js';
import { withResolvers } from './with-resolvers.js';

const SWEEP_MS = 1000;
/** After one that never reached the followers none begins early for so long: each takes something out of the pool. */
const EARLY_PAUSE_MS = 1000;
/** Part of its deadline that a request may have to wait for those before it; the batch that it shares takes time too. */
const MOST_WAITING = 0.3;
/**
 * Part of the places, and of the wait, up to which whoever asks is told that there is room: many ask at once, and what
 * they are told should stay true, for to refuse a request that has been shared and sent costs several times as much as to refuse the question.
 */
export const PROMISED = 0.8;
/** The leader is full before its followers are: what only one of them refuses, the others have taken in for nothing. */
const FULL = 0.8;

/** How many requests a worker may hold. */
export function placesOf(worker: PartyIndex, maxRequests: number): number {
  return worker === LEADER ? Math.ceil(FULL * maxRequests) : maxRequests;
}

interface Gathering {
  readonly id: string;
  readonly digest: string;
  readonly count: number;
  /** The one that the client named; null: none. */
  readonly asked: ProtocolName | null;
  readonly expiresAt: number;
  holders: number;
  request: OpenRequest | null;
  queued: Queued | null;
  running: boolean;
}

/** A request that all three hold, waiting for its batch. */
interface Queued extends Batchable {
  readonly gathering: Gathering;
}

/** A lone request that began before the followers had it. */
interface EarlyBatch {
  readonly gathering: Gathering;
  readonly running: RunningBatch;
  /** The followers hold the same request: its answer may leave. */
  readonly agree: () => void;
  readonly timer: NodeJS.Timeout;
}

export interface LeaderOptions {
  readonly batching: WorkerConfig['batching'];
  readonly pool: WorkerConfig['pool'];
  readonly maxRequests: number;
}

export class Leader implements Role {
  readonly #gatherings = new Map<string, Gathering>();
  readonly #refusals = new RecentRefusals();
  readonly #queue: BatchQueue<Queued>;
  readonly #runs: BatchRuns;
  readonly #sweep: NodeJS.Timeout;
  readonly #dealer: Dealer;
  readonly #proposer: Proposer;
  readonly #ahead: ProposedAhead;
  readonly #pace = new Pace();
  #early: EarlyBatch | null = null;
  /** Until then none begins early, for the last one that did was for nothing. */
  #noneEarlyUntil = 0;
  #followersLink: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When a request was last held by all three, or a batch ended that was. */
  #busyAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly context: ServingContext,
    private readonly links: Links,
    private readonly options: LeaderOptions,
  ) {
    this.#queue = new BatchQueue(options.batching, context.self.name);
    this.#runs = new BatchRuns(context, links, (batch, answered) => this.#ended(batch, answered));
    const ids = new SessionIds();
    this.#dealer = new Dealer(context, options.pool, {
      nextKey: () => ids.next(),
      demands: () => this.#demands(),
      lastBusyAt: () => {
        const busy = this.#inFlight > 0 || this.#queue.requests > 0;
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
    const overload = this.#overload(wanted, PROMISED * MOST_WAITING);
    if (overload !== null) throw overload;
  }

  admitted(request: OpenRequest): void {
    const { id: requestId, model, count, protocol, deadlineMs } = request;
    const message = { requestId, digest: model.digest, count, protocol, deadlineMs };
    const gathering = this.#gather(message);
    gathering.request = request;
    const ahead = this.#ahead.take(request.id);
    const refusal = this.#refusals.get(request.id) ?? this.#overload(request, MOST_WAITING);
    // What was proposed ahead must have begun before it is known that all three hold it, or it would be proposed again.
    const begun = ahead !== null && refusal === null && this.#beginAhead(gathering, ahead);
    if (ahead !== null && !begun) this.#ahead.recall(ahead);
    if (refusal !== null) {
      this.#reject(gathering, refusal);
      return;
    }
    this.#hold(gathering, LEADER, message);
    if (this.#isLone(gathering)) this.#startEarly(gathering);
  }

  refused(requestId: string, error: TrivetError): void {
    const gathering = this.#gatherings.get(requestId);
    if (gathering !== undefined) this.#reject(gathering, error);
    else this.#refusals.add(requestId, error);
  }

  givenUp(request: OpenRequest, error: TrivetError): void {
    const gathering = this.#gatherings.get(request.id);
    if (gathering !== undefined && !gathering.running) this.#reject(gathering, error);
  }

  frame(link: Link, kind: FrameKind, session: SessionKey, payload: Uint8Array): void {
    if (kind === FRAME_KINDS.arrived) {
      this.#arrived(link, decodeArrived(payload));
    } else if (kind === FRAME_KINDS.withdraw) {
      const { requestId, error } = decodeRefusal(payload, link.peer.name);
      const gathering = this.#gatherings.get(requestId);
      if (gathering === undefined) {
        this.#refusals.add(requestId, error);
        link.send(FRAME_KINDS.reject, encodeRefusal(requestId, error));
      } else if (!gathering.running) {
        this.#reject(gathering, error);
      } else if (gathering === this.#early?.gathering) {
        this.#early.running.session.fail(error, true);
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
    if (obstacle !== null) this.#rejectWaiting(obstacle);
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
    this.#rejectWaiting(error);
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
    const refusal = this.#refusals.get(requestId);
    if (refusal !== undefined) {
      refuse(refusal);
    } else if (table.isPast(requestId)) {
      refuse(new TrivetError('ALREADY_EXISTS', 'This request id was used before.', self.name));
    } else if (!this.#gatherings.has(requestId) && this.#gatherings.size >= 2 * this.options.maxRequests) {
      const message = `${self.name} holds as many requests as it may; try again later.`;
      refuse(new TrivetError('RESOURCE_EXHAUSTED', message, self.name));
    } else {
      this.#hold(this.#gather(message), link.peer.index, message);
    }
  }

  #gather({ requestId: id, digest, count, protocol: asked, deadlineMs }: Arrived): Gathering {
    let gathering = this.#gatherings.get(id);
    if (gathering === undefined) {
      const expiresAt = performance.now() + deadlineMs + GRACE_MS;
      const empty = { holders: 0, request: null, queued: null, running: false };
      gathering = { id, digest, count, asked, expiresAt, ...empty };
      this.#gatherings.set(id, gathering);
    }
    return gathering;
  }

  /** One more worker holds the request: what it holds must be what the others hold. */
  #hold(gathering: Gathering, holder: PartyIndex, { digest, count, protocol }: Arrived): void {
    gathering.holders |= 1 << holder;
    const early = this.#early?.gathering === gathering ? this.#early : null;
    if (gathering.running && early === null) return;
    if (gathering.digest !== digest || gathering.count !== count || gathering.asked !== protocol) {
      const message = 'The three workers were sent different requests under one id.';
      const error = new TrivetError('INVALID_ARGUMENT', message, this.context.self.name);
      if (early === null) {
        this.#reject(gathering, error);
      } else {
        early.running.session.fail(error, true);
        // Who holds something else has no part in that session.
        const payload = encodeRefusal(gathering.id, error);
        for (const link of early.running.session.links) link?.send(FRAME_KINDS.reject, payload);
      }
      return;
    }
    if (gathering.holders !== ALL) return;
    this.#busyAt = performance.now();
    if (early !== null) {
      early.running.startedAt = this.#busyAt;
      early.agree();
      this.#noLongerEarly();
      return;
    }
    try {
      this.#queue.add(this.#checked(gathering), performance.now());
    } catch (error) {
      this.#reject(gathering, error as TrivetError);
      return;
    }
    this.#pump();
  }

  /**
   * Why a request cannot be answered in time, by those that all three workers hold already; null when it can.
   * @param mostWaiting the part of its deadline that it may wait
   */
  #overload({ client, count, deadlineMs }: Wanted, mostWaiting: number): TrivetError | null {
    const { name } = this.context.self;
    const waiting = this.#queue.imagesBefore(client);
    const now = performance.now();
    let running = 0;
    let runningSince = now;
    for (const batch of this.#runs.values()) {
      if (batch === this.#early?.running) continue;
      running += batch.images;
      runningSince = Math.min(runningSince, batch.startedAt);
    }
    // Whoever finds nobody before it is taken, whatever the pace was: so the pace is measured anew.
    if (waiting + running === 0) return null;
    const wait = this.#pace.waitMs({ running, runningSince, waiting: waiting + count }, now);
    if (wait <= mostWaiting * deadlineMs) return null;
    const why = `this request could not be answered within its ${deadlineMs} ms`;
    const message = `${name} has ${waiting + running} images to do before this one; ${why}: try again later.`;
    return new TrivetError('RESOURCE_EXHAUSTED', message, name);
  }

  /** Batches that run, of requests that all three hold. */
  get #inFlight(): number {
    return this.#runs.size - (this.#early === null ? 0 : 1);
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
    const nothingElse = this.#runs.size === 0 && this.#queue.requests === 0 && this.#early === null;
    return (
      nothingElse &&
      performance.now() >= this.#noneEarlyUntil &&
      !gathering.running &&
      this.#gatherings.get(gathering.id) === gathering &&
      gathering.count === 1 &&
      this.options.batching.batchTimeoutMicros === 0
    );
  }

  /**
   * Proposes a request that the followers may not have yet: they park the proposal until it comes, and two messages one
   * after the other are saved. One at a time, small, and not for long, so that whoever sends a request to the leader alone
   * holds nothing up: such a batch does not count as one in flight.
   */
  #startEarly(gathering: Gathering): void {
    let queued: Queued;
    try {
      queued = this.#checked(gathering);
    } catch (error) {
      this.#reject(gathering, error as TrivetError);
      return;
    }
    const { digest, protocol, count } = queued;
    if (!this.#proposer.materialIsReady()({ digest, protocol, images: count })) return;
    const batch = { digest, protocol, items: [queued], images: count, openedAt: performance.now() };
    this.#beginEarly(gathering, (agreed) => this.#start(batch, agreed));
  }

  /** @param begin gives undefined when it can't */
  #beginEarly(gathering: Gathering, begin: (agreed: Promise<void>) => RunningBatch | undefined): boolean {
    const { promise: agreed, resolve: agree, reject } = withResolvers();
    const running = begin(agreed);
    if (running === undefined) return false;
    const { session } = running;
    session.signal.addEventListener('abort', () => reject(session.error), { once: true });
    const timer = setTimeout(() => {
      const message = 'The request did not arrive at all three workers in time.';
      session.fail(new TrivetError('UNAVAILABLE', message, this.context.self.name), true);
    }, EARLY_MS);
    this.#early = { gathering, running, agree, timer };
    return true;
  }

  /** Whether the announced request has begun with what was proposed for it. */
  #beginAhead(gathering: Gathering, ahead: Ahead): boolean {
    const request = gathering.request!;
    if (this.#early !== null) return false;
    try {
      this.#checked(gathering);
    } catch {
      // It is refused for that when all three hold it.
      return false;
    }
    const session = this.#ahead.start(ahead, request);
    if (session === null) return false;
    const begun = this.#beginEarly(gathering, (agreed) => {
      return this.#begin([gathering], (requests) => {
        return this.#runs.begin(session, ahead.proposed, request.model, requests, agreed);
      });
    });
    // It will not be recalled any more: the followers may answer.
    for (const link of ahead.proposed.links) link.send(FRAME_KINDS.begun, undefined, ahead.proposed.key);
    return begun;
  }

  /** The followers have it by now, or the batch has ended. */
  #noLongerEarly(): void {
    clearTimeout(this.#early?.timer);
    this.#early = null;
  }

  /** Ends a request that is in no batch, on all three workers. */
  #reject(gathering: Gathering, error: TrivetError): void {
    if (gathering.queued !== null) this.#queue.remove(gathering.queued);
    this.#gatherings.delete(gathering.id);
    this.#refusals.add(gathering.id, error);
    const payload = encodeRefusal(gathering.id, error);
    for (const peer of this.context.peers.others) {
      if ((gathering.holders & (1 << peer.index)) === 0) continue;
      this.links.link(peer.index)?.send(FRAME_KINDS.reject, payload);
    }
    if (gathering.request !== null) {
      gathering.request.answer(error);
      this.context.table.remove(gathering.request);
    }
  }

  #rejectWaiting(error: TrivetError): void {
    for (const gathering of [...this.#gatherings.values()]) {
      if (!gathering.running) this.#reject(gathering, error);
    }
  }

  /** Starts every batch that may start now, and has dealt what others lack. */
  #pump(): void {
    clearTimeout(this.#timer);
    this.#startBatches();
    this.#dealer.refill();
  }

  #startBatches(): void {
    while (this.#inFlight < this.options.batching.maxBatchesInFlight) {
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
      for (const { gathering } of batch.items) this.#reject(gathering, error);
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
      for (const gathering of gatherings) this.#reject(gathering, error);
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
    // After its own first messages, and if it has the workers to itself.
    const isAlone = this.#runs.size === 1 && this.#queue.requests === 0;
    if (gatherings.length === 1 && isAlone && this.options.batching.batchTimeoutMicros === 0) {
      this.#ahead.propose(gatherings[0]!.request!);
    }
    return running;
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
        this.#reject(gathering, error as TrivetError);
      }
    }
    return { gatherings, images };
  }

  #ended({ session, requests, images, startedAt }: RunningBatch, answered: boolean): void {
    if (answered) this.#pace.ended(images, startedAt, performance.now());
    if (this.#early?.running.session === session) {
      this.#noneEarlyUntil = performance.now() + EARLY_PAUSE_MS;
      this.#noLongerEarly();
    } else {
      this.#busyAt = performance.now();
    }
    for (const request of requests) {
      this.#gatherings.delete(request.id);
      // A follower that the request reaches only now is told why.
      if (!answered && session.error !== null) this.#refusals.add(request.id, session.error);
    }
    this.#pump();
  }

  #sweepExpired(): void {
    const now = performance.now();
    this.#ahead.check();
    const { self } = this.context;
    for (const gathering of [...this.#gatherings.values()]) {
      if (gathering.running || gathering.expiresAt > now) continue;
      const message = 'The request did not arrive at all three workers before its deadline.';
      this.#reject(gathering, new TrivetError('DEADLINE_EXCEEDED', message, self.name));
    }
  }
}
