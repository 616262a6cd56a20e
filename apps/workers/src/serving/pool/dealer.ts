/**
 * The leader's side of the pool: says when an item is dealt, and which ones a batch uses.
 *
 * It deals at once what waiting requests lack, keeps a few items ahead of a steady load, and fills the rest of the pool
 * while nobody asks for anything. The three workers agree, for they do what the leader proposes: an item is ready when
 * all three have it, and a proposal names the items of its batch.
 */
import type { PartyIndex } from '@trivet/mpc-core';
import { type ProtocolName, TransientMap, TrivetError } from '@trivet/shared-types';
import type { WorkerConfig } from '../../config/schema.js';
import { FRAME_KINDS, type SessionKey } from '../../mesh/frames.js';
import type { Link } from '../../mesh/link.js';
import { encodeDeal } from '../../mesh/messages.js';
import type { Session } from '../../mesh/session.js';
import { viewOf } from '../../mesh/session-view.js';
import type { ServingContext } from '../context.js';
import { defaultProtocol } from '../models.js';
import { ALL, LEADER } from '../peers.js';
import { dealItem } from './deal-item.js';
import type { MaterialKind } from './material-pool.js';

/** Items that are dealt at the same time while somebody waits for them. */
const MAX_DEALING = 4;
/** Items that are kept ready while requests run: below that the workers deal beside them. */
export const POOL_LOW_WATER = 8;
/** So long must nothing have been asked before the pool is filled. */
const IDLE_MS = 20;
/** After a failure nothing is dealt for so long. */
const PAUSE_MS = 500;
/** Memory of an item before the first is there. */
const FIRST_GUESS_BYTES = 1 << 20;
const DEAL_TIMEOUT_MS = 30_000;
const HELPERS: readonly PartyIndex[] = [0, 1, 2];

/** What one model under one protocol needs. */
export interface Demand {
  readonly digest: string;
  readonly protocol: ProtocolName;
  /** Images. */
  readonly images: number;
}

/** Which items a batch uses. */
export interface Allotment {
  readonly helper: PartyIndex;
  readonly keys: readonly SessionKey[];
}

/** Items of one model under one protocol, by helper, the oldest first. */
interface Stock {
  readonly digest: string;
  readonly protocol: ProtocolName;
  readonly ready: readonly [SessionKey[], SessionKey[], SessionKey[]];
  readonly dealing: [number, number, number];
  /** Memory of one item where it takes most. */
  itemBytes: number;
}

interface Dealing {
  readonly session: Session;
  readonly stock: Stock;
  /** Bits of the workers that have it. */
  done: number;
  readonly check: () => void;
}

export interface DealerHooks {
  nextKey(): SessionKey;
  /** Images that wait for their batch. */
  demands(): readonly Demand[];
  /** When a request last came, waited, ran or ended, in milliseconds of `performance.now`. */
  lastBusyAt(): number;
  /** An item has become ready. */
  onReady(): void;
}

export class Dealer {
  readonly #stocks = new Map<string, Stock>();
  readonly #dealing = new TransientMap<SessionKey, Dealing>();
  /** Items that the followers still have to drop. */
  #toDrop: SessionKey[] = [];
  #timer: NodeJS.Timeout | undefined;
  #maxBytes: number;
  #pausedUntil = 0;
  #rotation = 0;
  #closed = false;

  constructor(
    private readonly context: ServingContext,
    private readonly options: WorkerConfig['pool'],
    private readonly hooks: DealerHooks,
  ) {
    this.#maxBytes = options.maxBytes;
  }

  /** Images that could run at once with what is ready. */
  available(digest: string, protocol: ProtocolName): number {
    const stock = this.#stocks.get(digest + protocol);
    return stock === undefined ? 0 : Math.max(...stock.ready.map((keys) => keys.length));
  }

  /** The largest batch that runs on material of the pool; what others need is dealt as they run. */
  capacity(digest: string, protocol: ProtocolName): number {
    if (!this.#dealsAhead(digest, protocol)) return 0;
    const largest = this.context.protocols[protocol]?.[LEADER].maxPreparedBatch ?? Number.POSITIVE_INFINITY;
    return Math.min(largest, this.#room(digest, protocol));
  }

  /** Takes the oldest items of the helper that has most; undefined when there are too few. */
  allot({ digest, protocol, images }: Demand): Allotment | undefined {
    const stock = this.#stocks.get(digest + protocol);
    if (stock === undefined) return undefined;
    const helper = fullest(stock.ready.map((keys) => keys.length));
    const ready = stock.ready[helper];
    return ready.length < images ? undefined : { helper, keys: ready.splice(0, images) };
  }

  /** The helper of a batch that is dealt for as it runs. */
  nextHelper(): PartyIndex {
    return this.options.rotateHelper ? HELPERS[this.#rotation++ % HELPERS.length]! : LEADER;
  }

  /** A follower has its part of an item, and says how much memory that takes. */
  dealt(link: Link, key: SessionKey, bytes: number): void {
    const dealing = this.#dealing.get(key);
    if (dealing === undefined || dealing.session.links[link.peer.index] !== link) return;
    dealing.stock.itemBytes = Math.max(dealing.stock.itemBytes, bytes);
    dealing.done |= 1 << link.peer.index;
    dealing.check();
  }

  /** A connection between any two workers is another one now: all that was dealt over it is of no use. */
  reset(): void {
    for (const stock of this.#stocks.values()) this.#forget(stock.ready.flatMap((keys) => keys.splice(0)));
  }

  /** Deals what should be dealt now. Called whenever anything of it may have changed. */
  refill(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#dropUnknown();
    const now = performance.now();
    const idleIn = this.hooks.lastBusyAt() + IDLE_MS - now;
    while (this.#dealing.size < MAX_DEALING) {
      const kind = now < this.#pausedUntil ? undefined : this.#next(idleIn <= 0);
      if (kind === undefined || !this.#deal(kind)) break;
    }
    const wait = Math.max(idleIn, this.#pausedUntil - now);
    if (wait > 0) this.#timer = setTimeout(() => this.refill(), Math.ceil(wait));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** What should be dealt next, if anything. */
  #next(idle: boolean): MaterialKind | undefined {
    for (const { digest, protocol, images } of this.hooks.demands()) {
      const stock = this.#stock(digest, protocol);
      const helper = fullest(counts(stock));
      if (counts(stock)[helper]! < images && this.#makeRoom(stock, true)) return { digest, protocol, helper };
    }
    // Filling is low in priority: one at a time.
    if (this.#dealing.size > 0) return undefined;
    const wanted = this.#wanted();
    for (const { digest, protocol } of wanted) {
      const share = Math.floor(this.#room(digest, protocol) / wanted.length);
      const target = Math.min(share, idle ? share : POOL_LOW_WATER);
      if (!this.#makeRoom(this.#stock(digest, protocol), false)) continue;
      const all = counts(this.#stock(digest, protocol));
      const helper = this.options.rotateHelper ? emptiest(all) : LEADER;
      if (all[helper]! < target) return { digest, protocol, helper };
    }
    return undefined;
  }

  /** Models that are served, now, with a protocol that deals ahead, and those that somebody asks for. */
  #wanted(): readonly Omit<Demand, 'images'>[] {
    const wanted = new Map<string, Omit<Demand, 'images'>>();
    for (const model of this.context.models.loaded()) {
      const { digest, records } = model;
      const protocol = defaultProtocol(model);
      const served = records.inForce?.order.versions.some((version) => version.digest === digest) === true;
      if (served && !records.limitReached && this.#dealsAhead(digest, protocol)) {
        wanted.set(digest + protocol, { digest, protocol });
      }
    }
    for (const { digest, protocol } of this.hooks.demands()) {
      if (this.#dealsAhead(digest, protocol)) wanted.set(digest + protocol, { digest, protocol });
    }
    return [...wanted.values()];
  }

  #dealsAhead(digest: string, protocol: ProtocolName): boolean {
    const { models, protocols } = this.context;
    if (!this.options.protocols.includes(protocol) || models.byDigest(digest) === undefined) return false;
    return protocols[protocol]?.[LEADER].prepare !== undefined;
  }

  /** Items of one helper for which there is room. */
  #room(digest: string, protocol: ProtocolName): number {
    const items = Math.floor(this.#maxBytes / this.#stock(digest, protocol).itemBytes);
    return this.options.rotateHelper ? Math.floor(items / HELPERS.length) : items;
  }

  /** Starts to deal an item; whether that was possible. */
  #deal(kind: MaterialKind): boolean {
    const { models, peers, sessions, self } = this.context;
    const links = peers.both();
    const followersLink = peers.oppositeLink();
    const model = models.byDigest(kind.digest);
    if (links === undefined || followersLink === undefined || model === undefined) return false;
    if (peers.lacking(kind.digest).length > 0) return false;
    const key = this.hooks.nextKey();
    const session = sessions.start(key, links, true);
    const stock = this.#stock(kind.digest, kind.protocol);
    const bytesBefore = this.#bytes();
    stock.dealing[kind.helper] += 1;
    const deal = encodeDeal({ link: followersLink, ...kind, dropped: this.#toDrop });
    this.#toDrop = [];
    for (const link of links) link.send(FRAME_KINDS.deal, deal, key);
    let settled = false;
    const settle = (well: boolean): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      session.signal.removeEventListener('abort', check);
      sessions.end(session);
      this.#dealing.delete(key);
      stock.dealing[kind.helper] -= 1;
      if (well) {
        stock.ready[kind.helper].push(key);
        this.hooks.onReady();
      } else {
        this.#pausedUntil = performance.now() + PAUSE_MS;
        this.#forget([key]);
        // A follower's pool is smaller than this one's: what fits there is what there can be. It was full with what it
        // had when this was proposed; something of that may have been used since.
        if (session.error?.code === 'RESOURCE_EXHAUSTED') {
          this.#maxBytes = Math.min(this.#maxBytes, bytesBefore);
        }
      }
      this.refill();
    };
    const dealing: Dealing = { session, stock, done: 0, check: () => check() };
    const check = (): void => {
      if (session.error !== null) settle(false);
      else if (dealing.done === ALL) settle(true);
    };
    const timer = setTimeout(() => {
      session.fail(new TrivetError('DEADLINE_EXCEEDED', 'Dealing took too long.', self.name), true);
    }, DEAL_TIMEOUT_MS);
    this.#dealing.set(key, dealing);
    session.signal.addEventListener('abort', check, { once: true });
    void dealItem(this.context, session, model, kind, viewOf(FRAME_KINDS.deal, deal)).then((bytes) => {
      if (bytes !== null) {
        stock.itemBytes = Math.max(stock.itemBytes, bytes);
        dealing.done |= 1 << LEADER;
      }
      check();
    });
    return true;
  }

  /**
   * Whether one more item fits. Items that nobody wants make room for it, and all others too when somebody waits.
   */
  #makeRoom(stock: Stock, urgent: boolean): boolean {
    const fits = () => this.#bytes() + stock.itemBytes <= this.#maxBytes;
    const wanted = new Set(this.#wanted().map(({ digest, protocol }) => digest + protocol));
    for (const [name, other] of this.#stocks) {
      if (other === stock || (wanted.has(name) && !urgent)) continue;
      for (const keys of other.ready) while (!fits() && keys.length > 0) this.#forget([keys.shift()!]);
    }
    return fits();
  }

  /** Memory of all that is ready or being dealt, at the worker where it takes most. */
  #bytes(): number {
    let bytes = 0;
    for (const stock of this.#stocks.values()) {
      bytes += stock.itemBytes * counts(stock).reduce((sum, count) => sum + count, 0);
    }
    return bytes;
  }

  #stock(digest: string, protocol: ProtocolName): Stock {
    let stock = this.#stocks.get(digest + protocol);
    if (stock === undefined) {
      stock = { digest, protocol, ready: [[], [], []], dealing: [0, 0, 0], itemBytes: FIRST_GUESS_BYTES };
      this.#stocks.set(digest + protocol, stock);
    }
    return stock;
  }

  /** Stocks of models that are not there any more. */
  #dropUnknown(): void {
    for (const [name, stock] of this.#stocks) {
      if (this.context.models.byDigest(stock.digest) !== undefined) continue;
      this.#forget(stock.ready.flat());
      this.#stocks.delete(name);
    }
  }

  #forget(keys: readonly SessionKey[]): void {
    this.context.pool.drop(keys);
    this.#toDrop.push(...keys);
  }
}

function counts({ ready, dealing }: Stock): number[] {
  return HELPERS.map((helper) => ready[helper]!.length + dealing[helper]!);
}

function fullest(numbers: readonly number[]): PartyIndex {
  return numbers.indexOf(Math.max(...numbers)) as PartyIndex;
}

function emptiest(numbers: readonly number[]): PartyIndex {
  return numbers.indexOf(Math.min(...numbers)) as PartyIndex;
}
