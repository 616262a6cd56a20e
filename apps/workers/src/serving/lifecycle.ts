/**
 * The life of each model's versions on this worker, as the owner's orders and the peers' news have it.
 *
 * An order comes from the owner, or from a peer who passes it on; signed, so it does not matter which. It is written to
 * disk, its versions are loaded, and the peers are told. As soon as all three workers hold the order and its versions,
 * each puts it in force; a worker that was killed on the way hears of the order from the others. So three workers
 * never stay apart: an order that one of them has kept, all will follow, and one that none has kept is gone.
 *
 * A version that the order leaves out answers on until both peers follow the order too, and a little longer, for those
 * clients that have not heard: at every moment there is a version that all three answer. An order to serve nothing is
 * followed at once.
 */
import {
  type OrderStatus,
  type SignedServingOrder,
  signedServingOrderSchema,
  TrivetError,
  type VersionState,
} from '@trivet/shared-types';
import { FRAME_KINDS } from '../mesh/frames.js';
import type { Peer } from '../mesh/link.js';
import { decodeJson, encodeJson, type MeshState } from '../mesh/messages.js';
import type { Logger } from '../observe/logger.js';
import type { HeldModel, Models } from './models.js';
import type { Links, Peers } from './peers.js';
import { allowedProtocol, type ProtocolTable } from './protocols.js';
import { isNewer, type KnownOrder, keyOf, knowOrder, type ServeRecords } from './serve-records.js';

/** How long a version answers on after all three workers follow an order without it. */
const DRAIN_MS = 2000;
const DRAIN_POLL_MS = 100;
/** After so long an order that could not be written is tried again. */
const RETRY_MS = 1000;

export interface LifecycleOptions {
  readonly ownerKey: string;
  readonly clusterId: string;
  readonly self: Peer;
  readonly models: Models;
  readonly peers: Peers;
  readonly links: Links;
  readonly protocols: ProtocolTable;
  readonly log: Logger;
  /** Whether requests for a version wait for their batch. */
  readonly isAwaited: (digest: string) => boolean;
  /** The owner has just stopped a model: what waits is to be refused. */
  readonly onStopped: (name: string) => void;
  readonly onStoreFailure: () => void;
  /** Peers and watchers are to be told. */
  readonly onChange: () => void;
}

/** A version on its way out. */
interface Leaving {
  readonly model: string;
  /** Set as soon as both peers follow the order that leaves it out. */
  timer: NodeJS.Timeout | null;
}

export class Lifecycle {
  readonly #leaving = new Map<string, Leaving>();
  readonly #retries = new Map<string, NodeJS.Timeout>();
  /** Orders on their way to the disk, by digest: one that is heard twice is written once. */
  readonly #adopting = new Map<string, Promise<void>>();
  #closed = false;

  constructor(private readonly options: LifecycleOptions) {}

  /** Brings into memory what the orders on disk ask for. */
  async restore(): Promise<void> {
    for (const name of this.options.models.names()) await this.#load(name);
  }

  /**
   * The owner's order, on disk when this resolves; it is in force once all three workers can follow it.
   * @throws TrivetError PERMISSION_DENIED, INVALID_ARGUMENT, NOT_FOUND (a version that is not here),
   *   FAILED_PRECONDITION (a protocol that the version does not allow), ABORTED (another order came first)
   */
  async order(signed: SignedServingOrder): Promise<string> {
    const { models, ownerKey, clusterId, protocols, self } = this.options;
    const known = knowOrder(signed, ownerKey, clusterId);
    const { order } = known;
    const records = models.records(order.model);
    const { newest } = records;
    if (records.durable?.digest === known.digest) return order.model;
    if (newest !== null && newest.digest !== known.digest && order.sequence <= newest.order.sequence) {
      throw this.#error(
        'ABORTED',
        `Another order for "${order.model}" came first; look at the status, and try again.`,
      );
    }
    if (order.since !== order.sequence && order.since !== newest?.order.since) {
      throw this.#error('INVALID_ARGUMENT', 'A serving order counts on from the last one, or anew.');
    }
    for (const { digest, version, protocol } of order.versions) {
      const held = models.held(digest);
      if (held === undefined) {
        throw this.#error(
          'NOT_FOUND',
          `${self.name} does not hold version ${version} of "${order.model}": share it.`,
        );
      }
      allowedProtocol(protocols, held.manifest, protocol, self.name);
    }
    await this.#adopt(known);
    return order.model;
  }

  /** An order that a peer passes on. @throws TrivetError when it is malformed or not the owner's: the link is closed */
  frame(peer: Peer, payload: Uint8Array): void {
    const { models, ownerKey, clusterId, log } = this.options;
    const known = knowOrder(
      decodeJson(signedServingOrderSchema, payload, 'The serving order'),
      ownerKey,
      clusterId,
    );
    const { model, sequence } = known.order;
    const { newest } = models.records(model);
    if (newest !== null && !isNewer(keyOf(known), keyOf(newest))) return;
    log.info({ model, sequence, peer: peer.name }, 'order heard from a peer');
    this.#adopt(known).catch((error) => this.#failed(model, error));
  }

  /** A peer has told what it holds. */
  peerChanged(peer: Peer, state: MeshState): void {
    const { models } = this.options;
    for (const { model, since, served } of state.serving) models.records(model).noteServed(since, served);
    this.#tell(peer, state);
    this.#proceed();
  }

  /** @throws TrivetError FAILED_PRECONDITION when this worker does not answer for that version */
  checkServed(held: HeldModel): void {
    const { self } = this.options;
    const { records, name, version, digest } = held;
    records.checkConsent(self.name);
    if (this.#isServed(held) || this.#leaving.has(digest)) return;
    const current = records.inForce?.order.current;
    throw this.#error(
      'FAILED_PRECONDITION',
      `Version ${version} of "${name}" is not served now; version ${current} is.`,
    );
  }

  /** @throws TrivetError FAILED_PRECONDITION while it is served, or about to be */
  async remove(name: string, version: number): Promise<void> {
    const { models } = this.options;
    const held = models.all().find((one) => one.name === name && one.version === version);
    if (
      held !== undefined &&
      (this.#isNeeded(held.digest, held.records) || models.usersOf(held.digest) > 0)
    ) {
      throw this.#error(
        'FAILED_PRECONDITION',
        `Version ${version} of "${name}" is served, or was until a moment ago; serve another one first.`,
      );
    }
    await models.remove(name, version);
  }

  stateOf(held: HeldModel): Exclude<VersionState, 'UNKNOWN'> {
    const { models, peers } = this.options;
    const { digest, records } = held;
    const leaving = this.#leaving.get(digest);
    if (leaving !== undefined) return leaving.timer === null && records.serving ? 'AVAILABLE' : 'UNLOADING';
    if (this.#isServed(held)) {
      if (records.limitReached) return 'END';
      const everywhere = models.byDigest(digest) !== undefined && peers.lacking(digest).length === 0;
      return everywhere ? 'AVAILABLE' : 'LOADING';
    }
    if (includes(records.next, digest)) return 'LOADING';
    if (models.usersOf(digest) > 0) return 'UNLOADING';
    return records.wasServed(digest) ? 'END' : 'START';
  }

  /** The orders on disk. */
  orders(): OrderStatus[] {
    const { models } = this.options;
    return models.names().flatMap((model) => {
      const { durable, inForce } = models.records(model);
      if (durable === null) return [];
      return [{ model, order: durable.signed, inForce: inForce?.digest === durable.digest }];
    });
  }

  /** What the peers are told. */
  meshState(): Pick<MeshState, 'models' | 'serving'> {
    const { models } = this.options;
    return {
      models: models.loaded().map((model) => model.digest),
      serving: models.names().flatMap((model) => {
        const { durable, inForce, since, served } = models.records(model);
        if (durable === null) return [];
        return [{ model, order: keyOf(durable), inForce: inForce?.digest ?? null, since, served }];
      }),
    };
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#leaving.values()) clearTimeout(timer ?? undefined);
    for (const timer of this.#retries.values()) clearTimeout(timer);
  }

  #adopt(known: KnownOrder): Promise<void> {
    let adopting = this.#adopting.get(known.digest);
    if (adopting === undefined) {
      adopting = this.#takeIn(known).finally(() => this.#adopting.delete(known.digest));
      this.#adopting.set(known.digest, adopting);
    }
    return adopting;
  }

  async #takeIn(known: KnownOrder): Promise<void> {
    const { models, onStopped, onChange, log, peers } = this.options;
    const { model, versions, sequence, current, requestLimit } = known.order;
    const records = models.records(model);
    const written = records.adopt(known);
    if (versions.length === 0) {
      this.#enforce(records);
      onStopped(model);
      onChange();
      log.info({ model, sequence, served: records.served }, 'model is no longer served');
    } else {
      log.info({ model, sequence, current, requestLimit }, 'model is to be served');
    }
    await written.catch((error: unknown) => {
      this.#adoptLater(known);
      throw error;
    });
    for (const peer of peers.others) this.#tell(peer, peers.state(peer));
    onChange();
    await this.#load(model);
    this.#proceed();
  }

  /** The disk did not take an order, which the peers may have and follow: so must this worker, once it can. */
  #adoptLater(known: KnownOrder): void {
    const { models } = this.options;
    const { model } = known.order;
    clearTimeout(this.#retries.get(model));
    if (this.#closed) return;
    const retry = () => {
      this.#retries.delete(model);
      if (models.records(model).newest !== known) return;
      this.#adopt(known).catch((error) => this.#failed(model, error));
    };
    this.#retries.set(model, setTimeout(retry, RETRY_MS));
  }

  /** Sends a peer every order that is newer than what it has. */
  #tell(peer: Peer, state: MeshState | undefined): void {
    const { models, links } = this.options;
    const link = links.link(peer.index);
    if (link === undefined || state === undefined) return;
    for (const name of models.names()) {
      const { durable } = models.records(name);
      if (durable === null) continue;
      const theirs = state.serving.find(({ model }) => model === name)?.order;
      if (theirs !== undefined && !isNewer(keyOf(durable), theirs)) continue;
      link.send(FRAME_KINDS.order, encodeJson(durable.signed));
    }
  }

  /** Brings into memory what the orders ask for; what cannot be, stays LOADING. */
  async #load(name: string): Promise<void> {
    const { models } = this.options;
    const records = models.records(name);
    const wanted = [...(records.inForce?.order.versions ?? []), ...(records.next?.order.versions ?? [])];
    for (const { digest } of wanted) {
      const held = models.held(digest);
      if (held === undefined) continue;
      try {
        await models.load(held);
      } catch (error) {
        this.#failed(name, error);
      }
    }
  }

  /** Does whatever has become possible. */
  #proceed(): void {
    const { models, onChange, log } = this.options;
    let changed = false;
    for (const name of models.names()) {
      const records = models.records(name);
      if (this.#isAgreed(records)) {
        this.#enforce(records);
        const { sequence, current } = records.inForce!.order;
        log.info({ model: name, sequence, current }, 'model is being served');
        changed = true;
      }
    }
    for (const [digest, leaving] of this.#leaving) {
      if (leaving.timer !== null || !this.#isFollowedByAll(models.records(leaving.model))) continue;
      const stopped = models.records(leaving.model).inForce?.order.versions.length === 0;
      leaving.timer = setTimeout(() => this.#letGo(digest), stopped ? 0 : DRAIN_MS);
      changed = true;
    }
    for (const model of models.loaded()) {
      if (!this.#isNeeded(model.digest, model.records)) models.unload(model);
    }
    if (changed) onChange();
  }

  /** Whether all three workers hold the next order and everything that it names. */
  #isAgreed(records: ServeRecords): boolean {
    const { models, peers } = this.options;
    const { next, durable } = records;
    if (next === null || next.digest !== durable?.digest) return false;
    return (
      next.order.versions.every(
        ({ digest }) => models.byDigest(digest) !== undefined && peers.lacking(digest).length === 0,
      ) && peers.others.every((peer) => this.#servingOf(peer, records.model)?.order.digest === next.digest)
    );
  }

  #isFollowedByAll(records: ServeRecords): boolean {
    const { inForce } = records;
    return this.options.peers.others.every(
      (peer) => this.#servingOf(peer, records.model)?.inForce === inForce?.digest,
    );
  }

  #servingOf(peer: Peer, name: string): MeshState['serving'][number] | undefined {
    return this.options.peers.state(peer)?.serving.find(({ model }) => model === name);
  }

  #enforce(records: ServeRecords): void {
    const before = records.inForce;
    records.enforce();
    // Peers may have followed the order, and counted, when this worker's record was older.
    for (const peer of this.options.peers.others) {
      const theirs = this.#servingOf(peer, records.model);
      if (theirs !== undefined) records.noteServed(theirs.since, theirs.served);
    }
    for (const { digest } of records.inForce?.order.versions ?? []) this.#stay(digest);
    for (const { digest } of before?.order.versions ?? []) {
      if (!includes(records.inForce, digest) && this.options.models.byDigest(digest) !== undefined) {
        this.#leaving.set(digest, { model: records.model, timer: null });
      }
    }
  }

  /** A version that was on its way out is served again. */
  #stay(digest: string): void {
    clearTimeout(this.#leaving.get(digest)?.timer ?? undefined);
    this.#leaving.delete(digest);
  }

  #letGo(digest: string): void {
    const leaving = this.#leaving.get(digest);
    if (leaving === undefined || this.#closed) return;
    if (this.options.isAwaited(digest)) {
      leaving.timer = setTimeout(() => this.#letGo(digest), DRAIN_POLL_MS);
      return;
    }
    this.#leaving.delete(digest);
    this.#proceed();
    this.options.onChange();
  }

  #isServed({ records, digest }: HeldModel): boolean {
    return includes(records.inForce, digest);
  }

  #isNeeded(digest: string, records: ServeRecords): boolean {
    return this.#leaving.has(digest) || includes(records.inForce, digest) || includes(records.next, digest);
  }

  #failed(model: string, error: unknown): void {
    this.options.onStoreFailure();
    this.options.log.error({ err: error, model }, 'an order cannot be followed yet');
  }

  #error(code: ConstructorParameters<typeof TrivetError>[0], message: string): TrivetError {
    return new TrivetError(code, message, this.options.self.name);
  }
}

function includes(known: KnownOrder | null, digest: string): boolean {
  return known?.order.versions.some((version) => version.digest === digest) ?? false;
}
