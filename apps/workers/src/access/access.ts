/**
 * Who may ask this worker for predictions, by the newest access order of the owner that it has heard of. Each of the three
 * workers decides this for itself, from what its own client has shown to it; a prediction needs all three. The leader
 * alone counts and limits: see token-use.ts and rate-limits.ts.
 *
 * An order is in force here as soon as it is heard, and is passed on to the peers once it is on disk; a worker that was
 * away hears it when its connections are back. A model of which no order says anything is closed.
 */
import {
  type AccessMode,
  type AccessOrder,
  type SignedAccessOrder,
  sha256Hex,
  signedAccessOrderSchema,
  type TokenGrant,
  TrivetError,
  verifyAccessOrder,
} from '@trivet/shared-types';
import { FRAME_KINDS } from '../mesh/frames.js';
import type { Link, Peer } from '../mesh/link.js';
import { decodeJson, decodeUsed, encodeJson, encodeUsed } from '../mesh/messages.js';
import type { Logger } from '../observe/logger.js';
import type { Metrics } from '../observe/metrics.js';
import type { Links } from '../serving/peers.js';
import { isNewer } from '../serving/serve-records.js';
import type { ModelStore } from '../store/model-store.js';
import { isProofOf, type TokenProof } from './compare-secrets.js';
import { RateLimits } from './rate-limits.js';
import { TokenUse } from './token-use.js';

/** How long counts may wait before the peers are told. */
const TELL_USE_MS = 100;

/** Who asks, as far as the connection has shown. */
export interface Caller {
  /** The id of the token that it has proved to hold; null: none. */
  readonly tokenId: string | null;
  /** Which connection it is. */
  readonly connection: string;
  readonly isFromThisMachine: boolean;
}

export interface AccessOptions {
  readonly ownerKey: string;
  readonly clusterId: string;
  readonly self: Peer;
  readonly peers: readonly Peer[];
  readonly links: Links;
  readonly store: ModelStore;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Watchers are to be told. */
  readonly onChange: () => void;
}

interface Known {
  readonly order: AccessOrder;
  readonly signed: SignedAccessOrder;
  readonly digest: string;
  readonly tokens: ReadonlyMap<string, TokenGrant>;
}

export class Access {
  readonly use: TokenUse;
  readonly #rates: RateLimits;
  #known: Known | null = null;
  /** What is on disk, and may be told to others. */
  #durable: Known | null = null;
  #writing: Promise<void> = Promise.resolve();
  /** Tokens whose counts the peers have not heard. */
  readonly #untold = new Set<string>();
  #telling: NodeJS.Timeout | undefined;

  constructor(private readonly options: AccessOptions) {
    const { metrics, self, store } = options;
    this.#rates = new RateLimits(self.name);
    this.use = new TokenUse(self.name, store, {
      onUsed: (ids) => this.#tellUse(ids),
      onRefused: () => metrics.accessRefused.inc({ reason: 'quota' }),
    });
  }

  /** Reads what the store holds. What cannot be used counts as nothing: then all is closed until a peer, or the owner, says more. */
  async restore(): Promise<void> {
    const { store, log, metrics } = this.options;
    try {
      const signed = await store.readAccessOrder();
      if (signed !== null) this.#enforce(this.#verified(signed));
      this.#durable = this.#known;
      await this.use.restore();
    } catch (error) {
      metrics.storeFailures.inc();
      log.error(
        { err: error },
        'the record of who may ask cannot be used; until it is given again, nobody may',
      );
      this.#known = null;
    }
  }

  /** The newest order on disk. */
  get signed(): SignedAccessOrder | null {
    return this.#durable?.signed ?? null;
  }

  /** Tokens that are neither revoked nor expired. */
  get activeTokens(): number {
    return [...(this.#known?.tokens.values() ?? [])].filter((token) => endOf(token) === null).length;
  }

  modeOf(model: string): AccessMode {
    const models = this.#known?.order.models;
    // A model may be called "constructor", which every object has.
    return models !== undefined && Object.hasOwn(models, model) ? models[model]! : 'tokens';
  }

  /** Whether this machine is open, to whoever is on it: for trying out. */
  get isTriedOut(): boolean {
    return Object.values(this.#known?.order.models ?? {}).includes('local');
  }

  /** Whether what the caller has shown is good for something now. */
  holdsToken({ tokenId }: Caller): boolean {
    return this.#activeToken(tokenId) !== undefined;
  }

  /** Whether `check` would let the caller ask for predictions of a model now; nothing is counted. */
  mayAsk(caller: Caller, model: string): boolean {
    if (this.#isOpenTo(caller, model)) return true;
    const token = this.#activeToken(caller.tokenId);
    return token !== undefined && isFor(token, model);
  }

  /**
   * The owner's order: in force at once, on disk when this resolves.
   * @throws TrivetError INVALID_ARGUMENT, PERMISSION_DENIED, ABORTED (another order came first)
   */
  async order(signed: SignedAccessOrder): Promise<void> {
    const known = this.#verified(signed);
    const before = this.#known;
    if (before !== null && before.digest !== known.digest && !isNewer(keyOf(known), keyOf(before))) {
      throw this.#error('ABORTED', 'Another order about access came first; look at it, and try again.');
    }
    await this.#adopt(known);
  }

  /** An order that a peer passes on. @throws TrivetError when it is malformed or not the owner's: the link is closed */
  frame(peer: Peer, payload: Uint8Array): void {
    const { log, metrics } = this.options;
    const signed = decodeJson(signedAccessOrderSchema, payload, 'The access order');
    // A long order takes its time to check, and each of two peers sends it whenever it connects.
    if (signed.text === this.#known?.signed.text) return;
    const known = this.#verified(signed);
    if (this.#known !== null && !isNewer(keyOf(known), keyOf(this.#known))) return;
    log.info({ sequence: known.order.sequence, peer: peer.name }, 'order about access heard from a peer');
    this.#adopt(known).catch((error) => {
      metrics.storeFailures.inc();
      log.error({ err: error }, 'an order about access could not be written');
    });
  }

  /** Counts that a peer passes on. @throws TrivetError when they are malformed: the link is closed */
  useFrame(payload: Uint8Array): void {
    this.use.note(decodeUsed(payload).filter(([id]) => this.#known?.tokens.has(id)));
  }

  /** A peer is here: it may have been away. */
  linkUp(link: Link): void {
    if (this.#durable !== null) link.send(FRAME_KINDS.access, encodeJson(this.#durable.signed));
    const entries = this.use.entries();
    if (entries.length > 0) link.send(FRAME_KINDS.used, encodeUsed(entries));
  }

  /**
   * Checks a token that a connection shows.
   * @throws TrivetError UNAUTHENTICATED: it is none of this worker's, was revoked, or has expired
   */
  authenticate(proof: TokenProof): TokenGrant {
    const { clusterId, self } = this.options;
    const token = this.#known?.tokens.get(proof.id);
    if (token === undefined || !isProofOf(token.verifiers[self.index], proof, clusterId, self.index)) {
      throw new UnknownTokenError(self.name);
    }
    this.#requireActive(token);
    return token;
  }

  /**
   * Whether this caller may ask for predictions of a model, now.
   * @returns the token that it is counted on; null where none is needed
   * @throws TrivetError UNAUTHENTICATED, PERMISSION_DENIED
   */
  check(caller: Caller, model: string): TokenGrant | null {
    if (this.#isOpenTo(caller, model)) return null;
    const { tokenId } = caller;
    if (tokenId === null) {
      const why =
        this.modeOf(model) === 'local'
          ? `is open to the worker's own machine only`
          : `is not open to everybody`;
      throw this.#refused(
        'no_token',
        'UNAUTHENTICATED',
        `Model "${model}" ${why}: show a token, which its owner makes with \`trivet tokens create\`.`,
      );
    }
    const token = this.#known?.tokens.get(tokenId);
    if (token === undefined) throw new UnknownTokenError(this.options.self.name);
    this.#requireActive(token);
    if (isFor(token, model)) return token;
    throw this.#refused(
      'model',
      'PERMISSION_DENIED',
      `The token "${token.name}" is not for model "${model}"; ask its owner for one that is.`,
    );
  }

  /** Leader: takes samples out of what the token may ask for in this moment. @throws TrivetError RESOURCE_EXHAUSTED */
  spend(token: TokenGrant | null, count: number): void {
    if (token === null) return;
    this.use.checkRoom({ token, count });
    try {
      this.#rates.spend(token, count);
    } catch (error) {
      this.options.metrics.accessRefused.inc({ reason: 'rate' });
      throw error;
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#telling);
    await this.#writing.catch(() => undefined);
    await this.use.flush();
  }

  #verified(signed: SignedAccessOrder): Known {
    const { ownerKey, clusterId } = this.options;
    const order = verifyAccessOrder(signed, ownerKey, clusterId);
    const tokens = new Map(order.tokens.map((token) => [token.id, token]));
    return { order, signed, digest: sha256Hex(signed.text), tokens };
  }

  #adopt(known: Known): Promise<void> {
    if (this.#known?.digest !== known.digest) this.#enforce(known);
    const written = this.#writing
      .catch(() => undefined)
      .then(async () => {
        if (this.#durable !== null && !isNewer(keyOf(known), keyOf(this.#durable))) return;
        await this.options.store.writeAccessOrder(known.signed);
        this.#durable = known;
        this.#tellOrder(known);
      });
    this.#writing = written;
    return written;
  }

  #enforce(known: Known): void {
    const { log, onChange } = this.options;
    this.#known = known;
    const ids = new Set(known.tokens.keys());
    this.use.keepOnly(ids);
    this.#rates.keepOnly(ids);
    const { sequence, models } = known.order;
    log.info({ sequence, tokens: this.activeTokens }, 'who may ask has changed');
    const inMode = (wanted: AccessMode) =>
      Object.entries(models).flatMap(([model, mode]) => (mode === wanted ? [model] : []));
    const [open, local] = [inMode('open'), inMode('local')];
    if (open.length > 0)
      log.warn({ models: open }, 'these models answer everybody who can reach this worker');
    if (local.length > 0) {
      const what = 'these models answer everybody on this machine, without a token: for trying out only';
      log.warn({ models: local }, what);
    }
    onChange();
  }

  #isOpenTo({ isFromThisMachine }: Caller, model: string): boolean {
    const mode = this.modeOf(model);
    return mode === 'open' || (mode === 'local' && isFromThisMachine);
  }

  #activeToken(id: string | null): TokenGrant | undefined {
    const token = id === null ? undefined : this.#known?.tokens.get(id);
    return token === undefined || endOf(token) !== null ? undefined : token;
  }

  #requireActive(token: TokenGrant): void {
    const end = endOf(token);
    if (end === null) return;
    const what = end === 'revoked' ? 'was revoked by the owner' : `has expired on ${token.expiresAt}`;
    throw this.#refused(
      end,
      'UNAUTHENTICATED',
      `The token "${token.name}" ${what}; ask the owner of the model for another one.`,
    );
  }

  #refused(reason: string, code: 'UNAUTHENTICATED' | 'PERMISSION_DENIED', message: string): TrivetError {
    this.options.metrics.accessRefused.inc({ reason });
    return this.#error(code, message);
  }

  #tellOrder(known: Known): void {
    const payload = encodeJson(known.signed);
    for (const peer of this.options.peers) {
      this.options.links.link(peer.index)?.send(FRAME_KINDS.access, payload);
    }
  }

  #tellUse(ids: readonly string[]): void {
    for (const id of ids) this.#untold.add(id);
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      const payload = encodeUsed([...this.#untold].map((id) => [id, this.use.of(id)] as const));
      this.#untold.clear();
      for (const peer of this.options.peers) {
        this.options.links.link(peer.index)?.send(FRAME_KINDS.used, payload);
      }
    }, TELL_USE_MS);
  }

  #error(code: ConstructorParameters<typeof TrivetError>[0], message: string): TrivetError {
    return new TrivetError(code, message, this.options.self.name);
  }
}

/** A token that this worker has never heard of, or another one's proof: the caller cannot tell which. */
export class UnknownTokenError extends TrivetError {
  constructor(worker: string) {
    super(
      'UNAUTHENTICATED',
      'This worker does not know the token: it is of another cluster, mistyped, or was taken off the list. Ask the owner of the model.',
      worker,
    );
  }
}

/** Why a token is good for nothing any more; null: it is good. */
function endOf({ expiresAt, revokedAt }: TokenGrant): 'revoked' | 'expired' | null {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'expired' : null;
}

function isFor({ models }: TokenGrant, model: string): boolean {
  return models === null || models.includes(model);
}

function keyOf({ order, digest }: Known): { readonly sequence: number; readonly digest: string } {
  return { sequence: order.sequence, digest };
}
