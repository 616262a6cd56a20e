/**
 * The model owner's say in who may ask for predictions: which models are open, and the tokens for those that are not. Every
 * change is one signed access order, which the three workers follow as soon as they hear it. One of them may be away: it
 * hears of the order from the others, and no prediction runs without it.
 *
 * ```ts
 * const { token } = await owner.access.createToken({ name: 'reader', models: ['mnist'], quota: 1000 });
 * await owner.access.revokeToken(id);
 * ```
 */
import {
  ACCESS_LIMITS,
  type AccessMode,
  type AccessOrder,
  accessSchema,
  ClientToken,
  EVENTS,
  emptySchema,
  type Rate,
  signAccessOrder,
  type TokenGrant,
  TrivetError,
  verifyAccessOrder,
} from '@trivet/shared-types';
import { mostTelling, toTrivetError } from './failures.js';
import type { CallOptions, WorkerLink } from './link.js';
import type { OwnerKey } from './owner-key.js';
import type { WorkerLinks } from './worker-links.js';

export interface TokenRequest {
  /** For the owner to tell tokens apart, 1 to 64 characters. The workers read it: it should name nobody. */
  readonly name: string;
  /** What it is good for; null: every model of the cluster, of now and of later. */
  readonly models: readonly string[] | null;
  /** Predictions that it may have answered in its life; no limit unless told. */
  readonly quota?: number | null;
  /** Samples a second in the long run, and at once (1,000, or one second's, whichever is more, unless told). */
  readonly rate?: { readonly perSecond: number; readonly burst?: number } | null;
  readonly expiresAt?: Date | null;
}

export type TokenState = 'active' | 'expired' | 'revoked' | 'used up';

/** A token as its owner sees it, and anybody may: nothing that could be used. */
export interface TokenInfo extends Omit<TokenGrant, 'verifiers'> {
  /** Samples answered so far, as worker 0 counts them. */
  readonly used: number;
  readonly state: TokenState;
}

export interface IssuedToken extends TokenInfo {
  /** The token itself. It is made here, kept nowhere, and cannot be shown again. */
  readonly token: string;
}

interface Standing {
  /** Null: there was none yet. */
  readonly order: AccessOrder | null;
  readonly used: ReadonlyMap<string, number>;
}

/** What one corrupted worker could hide, another one says. */
const LEAST_WORKERS = 2;
const DEFAULT_BURST = 1000;

export class AccessControl {
  readonly #links: WorkerLinks;
  readonly #clusterId: string;
  readonly #key: OwnerKey;

  constructor(links: WorkerLinks, clusterId: string, key: OwnerKey) {
    this.#links = links;
    this.#clusterId = clusterId;
    this.#key = key;
  }

  /**
   * Makes a token. It is good as soon as this resolves.
   * @throws TrivetError INVALID_ARGUMENT; RESOURCE_EXHAUSTED when the cluster has as many as it may; UNAVAILABLE when two
   *   workers are away; ABORTED when another command came between
   */
  async createToken(request: TokenRequest, options: CallOptions = {}): Promise<IssuedToken> {
    const { name, models, quota = null, rate = null, expiresAt = null } = request;
    const token = ClientToken.generate();
    const now = new Date();
    if (expiresAt !== null && !(expiresAt.getTime() > now.getTime())) {
      throw new TrivetError('INVALID_ARGUMENT', 'A token must expire in the future.');
    }
    const verifier = (index: number) => token.verifier(this.#clusterId, index);
    const grant: TokenGrant = {
      id: token.id,
      name,
      models: models === null ? null : [...models],
      quota,
      rate: rate === null ? null : withBurst(rate),
      createdAt: now.toISOString(),
      expiresAt: expiresAt?.toISOString() ?? null,
      revokedAt: null,
      verifiers: [verifier(0), verifier(1), verifier(2)],
    };
    await this.#change(options, (order) => ({ tokens: [...withRoom(order.tokens, now), grant] }));
    return { ...info(grant, 0), token: token.reveal() };
  }

  /** Every token that there is a record of, the oldest first. */
  async tokens(options: CallOptions = {}): Promise<TokenInfo[]> {
    const { order, used } = await this.#standing(options);
    return (order?.tokens ?? []).map((grant) => info(grant, used.get(grant.id) ?? 0));
  }

  /**
   * Makes a token worthless, at once; what was asked with it before is answered. Nothing happens to one that is revoked.
   * @throws TrivetError NOT_FOUND; as `createToken`
   */
  async revokeToken(id: string, options: CallOptions = {}): Promise<void> {
    const revokedAt = new Date().toISOString();
    await this.#change(options, ({ tokens }) => {
      const found = tokens.find((token) => token.id === id);
      if (found === undefined) throw new TrivetError('NOT_FOUND', `There is no token with the id ${id}.`);
      if (found.revokedAt !== null) return null;
      return { tokens: tokens.map((token) => (token === found ? { ...token, revokedAt } : token)) };
    });
  }

  /** Who may ask, by model; a model that is not named needs a token. */
  async modes(options: CallOptions = {}): Promise<Readonly<Record<string, AccessMode>>> {
    return (await this.#standing(options)).order?.models ?? {};
  }

  /** Says who may ask for a model's predictions, shared or not yet. @throws TrivetError as `createToken` */
  async setMode(model: string, mode: AccessMode, options: CallOptions = {}): Promise<void> {
    await this.#change(options, ({ models }) =>
      models[model] === mode ? null : { models: { ...models, [model]: mode } },
    );
  }

  /**
   * Before a model is served: with a wish, that is its mode from now on. Without one, a model of which nothing was said
   * is opened to this machine if that is where all three workers are, and stays closed anywhere else.
   */
  async prepareServing(model: string, wish: AccessMode | undefined, options: CallOptions): Promise<void> {
    const isLocal = this.#links.links.every(({ url }) => isThisMachine(url));
    await this.#change(options, ({ models }) => {
      const mode = wish ?? models[model] ?? (isLocal ? 'local' : undefined);
      return mode === undefined || mode === models[model] ? null : { models: { ...models, [model]: mode } };
    });
  }

  /** @param change what is to be different; null: nothing */
  async #change(
    options: CallOptions,
    change: (order: Pick<AccessOrder, 'models' | 'tokens'>) => Partial<AccessOrder> | null,
  ): Promise<void> {
    const { order: before } = await this.#standing(options);
    const last = before ?? { sequence: 0, models: {}, tokens: [] };
    const changes = change(last);
    if (changes === null) return;
    const { models, tokens } = { ...last, ...changes };
    const sequence = last.sequence + 1;
    const next: AccessOrder = { format: 1, clusterId: this.#clusterId, sequence, models, tokens };
    const order = signAccessOrder(next, this.#key.secretKey);
    await this.#enough((link) => link.call(EVENTS.accessOrder, { order }, emptySchema, options));
  }

  /** The newest order that any worker has, and the highest counts. */
  async #standing(options: CallOptions): Promise<Standing> {
    const answers = await this.#enough((link) => link.call(EVENTS.access, {}, accessSchema, options));
    const used = new Map<string, number>();
    for (const [id, count] of answers.flatMap((answer) => Object.entries(answer.used))) {
      used.set(id, Math.max(count, used.get(id) ?? 0));
    }
    const orders = answers.flatMap(({ order }) =>
      order === null ? [] : [verifyAccessOrder(order, this.#key.publicKey, this.#clusterId)],
    );
    const [newest] = orders.sort((left, right) => right.sequence - left.sequence);
    return { order: newest ?? null, used };
  }

  /** Does the same with every worker that is here; one may be away. @throws TrivetError the most telling failure */
  async #enough<T>(work: (link: WorkerLink) => Promise<T>): Promise<T[]> {
    const here = this.#links.links.filter((link) => link.ready);
    if (here.length < LEAST_WORKERS) return this.#links.each(work);
    const settled = await Promise.allSettled(here.map(work));
    const failures = settled.flatMap((one) => (one.status === 'rejected' ? [toTrivetError(one.reason)] : []));
    const done = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const refused = failures.filter((failure) => failure.code !== 'UNAVAILABLE');
    if (refused.length > 0 || done.length < LEAST_WORKERS) throw mostTelling(failures);
    return done;
  }
}

function withBurst({ perSecond, burst }: { readonly perSecond: number; readonly burst?: number }): Rate {
  return { perSecond, burst: burst ?? Math.max(DEFAULT_BURST, Math.ceil(perSecond)) };
}

/** Takes the oldest that are good for nothing off a full list. @throws TrivetError RESOURCE_EXHAUSTED */
function withRoom(tokens: readonly TokenGrant[], now: Date): readonly TokenGrant[] {
  if (tokens.length < ACCESS_LIMITS.maxTokens) return tokens;
  const over = tokens.find(({ expiresAt, revokedAt }) => {
    return revokedAt !== null || (expiresAt !== null && Date.parse(expiresAt) <= now.getTime());
  });
  if (over === undefined) {
    throw new TrivetError(
      'RESOURCE_EXHAUSTED',
      `The cluster has ${tokens.length} tokens, as many as it may: revoke one first.`,
    );
  }
  return tokens.filter((token) => token !== over);
}

function info({ verifiers: _, ...grant }: TokenGrant, used: number): TokenInfo {
  return { ...grant, used, state: stateOf(grant, used) };
}

function stateOf({ revokedAt, expiresAt, quota }: Omit<TokenGrant, 'verifiers'>, used: number): TokenState {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) return 'expired';
  return quota !== null && used >= quota ? 'used up' : 'active';
}

/** Whether a worker's URL leads to this machine by name. */
function isThisMachine(url: string): boolean {
  const { hostname } = new URL(url);
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
