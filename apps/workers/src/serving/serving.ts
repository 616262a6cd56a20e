/**
 * Everything between the client endpoint and the mesh: takes requests, keeps the peers informed, and hands frames to
 * whom they concern.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Party } from '@trivet/mpc-core';
import {
  decodePredictRequest,
  type ModelStatus,
  type PredictRequest,
  type RoomQuery,
  TrivetError,
} from '@trivet/shared-types';
import type { Access, Caller } from '../access/access.js';
import type { WorkerConfig } from '../config/schema.js';
import { BusyPoll } from '../mesh/busy-poll.js';
import { FRAME_KINDS, type FrameKind, type SessionKey } from '../mesh/frames.js';
import type { Link, Peer } from '../mesh/link.js';
import type { MeshHandler } from '../mesh/mesh.js';
import { decodeJson, encodeJson, type MeshState, stateSchema } from '../mesh/messages.js';
import { Sessions } from '../mesh/sessions.js';
import type { Logger } from '../observe/logger.js';
import type { Metrics } from '../observe/metrics.js';
import type { Role, ServingContext } from './context.js';
import { Follower } from './follower.js';
import { Leader, placesOf } from './leader.js';
import { Lifecycle } from './lifecycle.js';
import { defaultProtocol, type HeldModel, type Model, type Models } from './models.js';
import { PROMISED } from './overload.js';
import { LEADER, type Links, Peers } from './peers.js';
import { MaterialPool } from './pool/material-pool.js';
import { allowedProtocol, type ProtocolTable } from './protocols.js';
import { type Asker, type OpenRequest, RequestTable } from './request-table.js';

/** Forms of the two shares that a client sends to worker 0, 1 and 2 (see mpc-core's input-sharer.ts). */
const SHARE_FORMS = [
  ['seed', 'seed'],
  ['seed', 'explicit'],
  ['explicit', 'seed'],
] as const;

export interface ServingOptions {
  readonly config: WorkerConfig;
  readonly access: Access;
  readonly party: Party;
  readonly protocols: ProtocolTable;
  readonly models: Models;
  readonly links: Links;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Peers, models or what is served have changed. */
  readonly onChange: () => void;
  readonly onServed: (model: Model) => void;
}

export class Serving implements MeshHandler {
  readonly table: RequestTable;
  readonly peers: Peers;
  readonly totals = { images: 0 };
  readonly lifecycle: Lifecycle;
  readonly pool = new MaterialPool();
  readonly #sessions: Sessions;
  readonly #role: Role;
  readonly #self: Peer;
  #stopping = false;

  constructor(private readonly options: ServingOptions) {
    const { config, party, protocols, models, links, metrics, log, onServed } = options;
    this.#self = { index: config.index, name: config.name };
    const others = config.mesh.peers.map(({ index, name }) => ({ index, name }) as Peer);
    this.#sessions = new Sessions(this.#self, new BusyPoll(config.mesh.busyPollMicros));
    this.peers = new Peers(this.#self, others, links);
    this.table = new RequestTable({
      worker: config.name,
      maxRequests: placesOf(config.index, config.limits.maxRequests),
      maxRequestBytes: config.limits.maxRequestBytes,
      onGivenUp: (request, error) => {
        if (request.batch !== null) request.batch.abandon(error);
        else this.#role.givenUp(request, error);
      },
    });
    this.lifecycle = new Lifecycle({
      ownerKey: config.ownerKey,
      clusterId: config.clusterId,
      self: this.#self,
      models,
      peers: this.peers,
      links,
      protocols,
      log,
      isAwaited: (digest) =>
        [...this.table.values()].some((request) => request.model.digest === digest && !request.answered),
      onStopped: (name) => this.#refuseWaiting(name),
      onStoreFailure: () => metrics.storeFailures.inc(),
      onChange: () => {
        this.modelsChanged();
        this.tellPeers();
        options.onChange();
      },
    });
    const context: ServingContext = {
      self: this.#self,
      access: options.access,
      party,
      protocols,
      models,
      table: this.table,
      sessions: this.#sessions,
      peers: this.peers,
      pool: this.pool,
      metrics,
      log,
      totals: this.totals,
      onServed,
    };
    const { batching, limits, pool } = config;
    this.#role =
      config.index === LEADER
        ? new Leader(context, links, { batching, pool, maxRequests: limits.maxRequests })
        : new Follower(context, links, pool.maxBytes);
  }

  /** Whether a batch could run now. */
  get ready(): boolean {
    return !this.#stopping && this.peers.obstacle() === null;
  }

  get runningBatches(): number {
    return this.#sessions.size;
  }

  get queuedBatches(): number {
    return this.#role.queuedBatches;
  }

  get queueLength(): number {
    return this.#role.queueLength;
  }

  /**
   * Takes a client's request; `answer` is called once, later, unless this throws.
   * @throws TrivetError when the request is refused
   */
  predict(
    bytes: Uint8Array,
    caller: Caller,
    answer: (outcome: Uint8Array | TrivetError) => void,
  ): OpenRequest {
    const { access, models, config } = this.options;
    const request = decodePredictRequest(bytes, {
      maxCount: config.limits.maxImagesPerRequest,
      inputSizeOf: (digest) => models.held(digest)?.inputSize,
    });
    const [first, second] = SHARE_FORMS[config.index];
    if (request.first.kind !== first || request.second.kind !== second) {
      throw this.#error('INVALID_ARGUMENT', `The shares are not those meant for ${config.name}.`);
    }
    this.table.checkNew(request.requestId);
    const held = models.held(request.manifestDigest)!;
    // The peers are not told of a refusal: whoever may not ask here has no say in what they do.
    const token = access.check(caller, held.name);
    const { connection } = caller;
    const asker = { token, client: token?.id ?? connection, connection };
    let open: OpenRequest;
    try {
      open = this.#admit(request, held, asker, answer);
    } catch (error) {
      this.#role.refused(request.requestId, error as TrivetError);
      throw error;
    }
    this.#role.admitted(open);
    return open;
  }

  /**
   * Whether a request like this would be taken now. Nothing is kept or counted of the question, and it is asked of worker 0
   * alone: to be refused by it costs the others nothing.
   * @throws TrivetError RESOURCE_EXHAUSTED when there is no room; NOT_FOUND; whatever whoever may not ask is told
   */
  checkRoom({ digest, count, deadlineMs }: RoomQuery, caller: Caller): void {
    const { access, models } = this.options;
    const held = models.held(digest);
    if (held === undefined) throw this.#error('NOT_FOUND', 'There is no such version of a model here.');
    const client = access.check(caller, held.name)?.id ?? caller.connection;
    try {
      this.table.checkRoom(client, PROMISED);
      this.#role.checkRoom({ client, count, deadlineMs });
    } catch (error) {
      this.options.metrics.requests.inc({ code: (error as TrivetError).code });
      throw error;
    }
  }

  /** The client does not want the answer any more. */
  cancel(request: OpenRequest): void {
    this.table.giveUp(request, this.#error('CANCELLED', 'The prediction was cancelled.'));
  }

  /** A client's connection is closed: what it announced will not come. */
  connectionClosed(connection: string): void {
    this.#role.connectionClosed(connection);
  }

  modelStatus(held: HeldModel): ModelStatus {
    const { records, signed, digest, version } = held;
    const order = records.inForce?.order;
    const served = order?.versions.some((one) => one.digest === digest) ?? false;
    const labels = Object.entries(order?.labels ?? {}).filter(([, target]) => target === version);
    return {
      manifest: signed,
      digest,
      state: this.lifecycle.stateOf(held),
      current: served && order?.current === version,
      labels: labels.map(([label]) => label),
      served: records.served,
      requestLimit: records.requestLimit,
      protocol: defaultProtocol(held),
      access: this.options.access.modeOf(held.name),
    };
  }

  /** Tells the peers what this worker holds and sees. */
  tellPeers(): void {
    for (const peer of this.peers.others) {
      const link = this.options.links.link(peer.index);
      link?.send(FRAME_KINDS.state, encodeJson(this.#stateFor(peer)));
    }
  }

  linkUp(link: Link): void {
    this.options.log.info({ peer: link.peer.name }, 'peer connected');
    this.options.access.linkUp(link);
    this.tellPeers();
    this.options.onChange();
  }

  /** Models came, went, or are served otherwise: what was dealt for those that went is dropped. */
  modelsChanged(): void {
    const { models } = this.options;
    this.pool.dropWhere(({ digest }) => models.byDigest(digest) === undefined);
    this.#role.modelsChanged();
  }

  linkDown(link: Link, error: TrivetError): void {
    if (!this.#stopping) this.options.log.warn({ peer: link.peer.name, reason: error.message }, 'peer lost');
    this.#sessions.linkDown(link, error);
    this.pool.dropWhere((item) => item.links.includes(link));
    // A link that took this one's place is already up.
    if (this.options.links.link(link.peer.index) === undefined) this.peers.lost(link.peer);
    this.#role.linkDown(link, error);
    this.tellPeers();
    this.options.onChange();
  }

  frame(link: Link, kind: FrameKind, session: SessionKey, step: number, payload: Uint8Array): void {
    if (kind === FRAME_KINDS.data || kind === FRAME_KINDS.abort) {
      this.#sessions.frame(link, kind, session, step, payload);
    } else if (kind === FRAME_KINDS.order) {
      this.lifecycle.frame(link.peer, payload);
    } else if (kind === FRAME_KINDS.access) {
      this.options.access.frame(link.peer, payload);
    } else if (kind === FRAME_KINDS.used) {
      this.options.access.useFrame(payload);
    } else if (kind === FRAME_KINDS.state) {
      this.#noteState(link.peer, decodeJson(stateSchema, payload, 'The state'));
    } else {
      this.#role.frame(link, kind, session, payload);
    }
  }

  refused(reason: string): void {
    this.options.metrics.refusedPeers.inc();
    this.options.log.debug({ reason }, 'mesh connection refused');
  }

  /** Takes no more requests, waits for the open ones up to `drainMs`, then gives up what is left. */
  async close(drainMs: number): Promise<void> {
    this.#stopping = true;
    const until = performance.now() + drainMs;
    while (this.table.size + this.#sessions.size > 0 && performance.now() < until) await sleep(5);
    const error = this.#error('UNAVAILABLE', `${this.#self.name} is stopping.`);
    for (const request of [...this.table.values()]) this.table.giveUp(request, error);
    this.#sessions.failAll(error);
    this.#role.close();
    this.lifecycle.close();
    this.pool.clear();
  }

  #admit(
    request: PredictRequest,
    held: HeldModel,
    asker: Asker,
    answer: (outcome: Uint8Array | TrivetError) => void,
  ): OpenRequest {
    const { name } = this.#self;
    if (this.#stopping) throw this.#error('UNAVAILABLE', `${name} is stopping; try again later.`);
    const obstacle = this.peers.obstacle();
    if (obstacle !== null) throw obstacle;
    this.lifecycle.checkServed(held);
    const model = this.options.models.byDigest(held.digest);
    if (model === undefined) {
      const message = `${name} is still loading version ${held.version} of "${held.name}"; try again in a moment.`;
      throw this.#error('UNAVAILABLE', message);
    }
    const lacking = this.peers.lacking(model.digest);
    if (lacking.length > 0) {
      const message = `Version ${model.version} of "${model.name}" is not loaded at ${lacking.join(' and ')}.`;
      throw this.#error('FAILED_PRECONDITION', message);
    }
    const { access, metrics, protocols } = this.options;
    if (request.protocol !== null) allowedProtocol(protocols, model.manifest, request.protocol, name);
    if (this.#self.index === LEADER) access.spend(asker.token, request.count);
    return this.table.admit(request, model, asker, (outcome) => {
      metrics.requests.inc({ code: outcome instanceof TrivetError ? outcome.code : 'OK' });
      answer(outcome);
    });
  }

  /** The owner stops a model: requests that have not begun are refused. */
  #refuseWaiting(name: string): void {
    const error = this.#error('FAILED_PRECONDITION', `The owner of "${name}" has just stopped serving it.`);
    for (const request of [...this.table.values()]) {
      if (request.model.name === name && request.batch === null) this.table.giveUp(request, error);
    }
  }

  #noteState(peer: Peer, state: MeshState): void {
    this.peers.note(peer, state);
    this.lifecycle.peerChanged(peer, state);
    this.#role.peersChanged();
    this.options.onChange();
  }

  #stateFor(reader: Peer): MeshState {
    const third = this.peers.others.find((peer) => peer.index !== reader.index)!;
    return { ...this.lifecycle.meshState(), link: this.options.links.link(third.index)?.id ?? null };
  }

  #error(code: ConstructorParameters<typeof TrivetError>[0], message: string): TrivetError {
    return new TrivetError(code, message, this.#self.name);
  }
}
