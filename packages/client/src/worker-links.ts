/**
 * The three connections of a client, and the state of the three workers as they report it. A client only ever counts
 * on a worker after it has shown that it is who it should be: wire version, index, name and cluster.
 */
import {
  ClientToken,
  check,
  EVENTS,
  TrivetError,
  WIRE_VERSION,
  type WorkerStatus,
  workerStatusSchema,
} from '@trivet/shared-types';
import { z } from 'zod';
import { presentToken, proveOwner } from './credentials.js';
import { openDeadline } from './deadline.js';
import { allOrMostTelling, toTrivetError } from './failures.js';
import { type CallOptions, type WorkerAddress, WorkerLink } from './link.js';
import { OwnerKey } from './owner-key.js';

export type Triple<T> = readonly [T, T, T];

/** What a client sees of one worker. */
export interface WorkerView {
  readonly index: 0 | 1 | 2;
  readonly name: string;
  readonly url: string;
  /** Connected, and who it should be. */
  readonly reachable: boolean;
  /** Its last report; stale while it is not reachable, null before the first. */
  readonly status: WorkerStatus | null;
  /** Why it is not reachable, as a sentence; null while the first attempt is under way. */
  readonly problem: string | null;
}

export type StatusListener = (workers: Triple<WorkerView>) => void;

export interface WorkerLinksOptions {
  readonly workers: Triple<WorkerAddress>;
  /** The only cluster to talk to; without it, the three workers must merely agree. */
  readonly clusterId?: string | undefined;
  /** Runs after the worker has been identified, on every connect: shows it who this is. */
  readonly prepare?: (link: WorkerLink, status: WorkerStatus) => Promise<void>;
}

/** Read before the strict schema, so that a worker of another version gets its own sentence. */
const versionSchema = z.looseObject({ wireVersion: z.number() });

export class WorkerLinks {
  readonly links: Triple<WorkerLink>;
  readonly #options: WorkerLinksOptions;
  readonly #statuses: [WorkerStatus | null, WorkerStatus | null, WorkerStatus | null] = [null, null, null];
  readonly #listeners = new Set<StatusListener>();
  #clusterId: string | undefined;

  constructor(options: WorkerLinksOptions) {
    this.#options = options;
    this.#clusterId = options.clusterId;
    const link = (index: 0 | 1 | 2) =>
      new WorkerLink(index, options.workers[index], {
        prepare: (self) => this.#identify(self),
        onChange: () => this.#notify(),
      });
    this.links = [link(0), link(1), link(2)];
    for (const one of this.links) {
      one.on(EVENTS.server.status, workerStatusSchema, (status) => {
        if (one.ready) this.#accept(one, status);
      });
    }
  }

  /**
   * Waits until all three workers are ready.
   * @param patient false: fails with the first failure of any; true: waits for those that are away
   * @param mayBeAway so many workers need not be reached
   * @throws TrivetError that names every worker that is missing
   */
  async ready(signal: AbortSignal, patient: boolean, mayBeAway = 0): Promise<void> {
    const settled = await Promise.allSettled(this.links.map((link) => link.whenReady(signal, patient)));
    const failures = settled.flatMap((one) => (one.status === 'rejected' ? [toTrivetError(one.reason)] : []));
    const missing = this.links.filter((_, index) => settled[index]!.status === 'rejected');
    const away = failures.filter((failure) => failure.code === 'UNAVAILABLE');
    if (away.length === failures.length && away.length <= mayBeAway) return;
    if (missing.length === 1 || failures.some((failure) => failure.code !== 'UNAVAILABLE')) {
      throw failures.find((failure) => failure.code !== 'UNAVAILABLE') ?? failures[0]!;
    }
    const list = new Intl.ListFormat('en', { type: 'conjunction' });
    const names = list.format(missing.map((link) => `"${link.name}" (${link.url})`));
    throw new TrivetError('UNAVAILABLE', `Workers ${names} cannot be reached. Are they running?`);
  }

  /** The last report of each worker. @throws TrivetError UNAVAILABLE naming a worker that is away */
  statuses(): Triple<WorkerStatus> {
    for (const link of this.links) {
      if (!link.ready)
        throw link.failure ?? new TrivetError('UNAVAILABLE', `Worker "${link.name}" is away.`, link.name);
    }
    return this.#statuses as unknown as Triple<WorkerStatus>;
  }

  /** Asks each worker for its state now. */
  async refresh(options: CallOptions): Promise<Triple<WorkerStatus>> {
    await this.each(async (link) => {
      this.#accept(link, await link.call(EVENTS.describe, {}, workerStatusSchema, options));
    });
    return this.statuses();
  }

  /** Does the same with each worker at once. @throws TrivetError the most telling failure */
  each<T>(work: (link: WorkerLink) => Promise<T>): Promise<[T, T, T]> {
    const [first, second, third] = this.links;
    return allOrMostTelling([work(first), work(second), work(third)]);
  }

  views(): Triple<WorkerView> {
    const view = (link: WorkerLink): WorkerView => ({
      index: link.index,
      name: link.name,
      url: link.url,
      reachable: link.ready,
      status: this.#statuses[link.index],
      problem: link.ready ? null : (link.failure?.message ?? null),
    });
    return [view(this.links[0]), view(this.links[1]), view(this.links[2])];
  }

  /** Calls the listener now and at every change, until the returned function is called. */
  onStatus(listener: StatusListener): () => void {
    this.#listeners.add(listener);
    listener(this.views());
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
    for (const link of this.links) link.close();
  }

  async #identify(link: WorkerLink): Promise<void> {
    const answer = await link.call(EVENTS.watch, {}, versionSchema);
    const fail = (sentence: string): never => {
      throw new TrivetError('FAILED_PRECONDITION', sentence, link.name);
    };
    if (answer.wireVersion !== WIRE_VERSION) {
      fail(
        `Worker "${link.name}" speaks wire version ${answer.wireVersion}, this client ${WIRE_VERSION}: update one of them.`,
      );
    }
    const parsed = check(workerStatusSchema, answer);
    if (!parsed.success)
      return fail(`Worker "${link.name}" describes itself in a way this client does not know.`);
    const status = parsed.data;
    if (status.worker.index !== link.index || status.worker.name !== link.name) {
      const found = `worker ${status.worker.index} ("${status.worker.name}")`;
      fail(`At ${link.url} answers ${found} where worker ${link.index} ("${link.name}") is expected.`);
    }
    this.#clusterId ??= status.clusterId;
    if (status.clusterId !== this.#clusterId) {
      fail(`Worker "${link.name}" at ${link.url} belongs to another cluster.`);
    }
    const { prepare } = this.#options;
    if (prepare === undefined) return this.#accept(link, status);
    await prepare(link, status);
    // A worker shows more to whom it knows.
    this.#accept(link, await link.call(EVENTS.describe, {}, workerStatusSchema));
  }

  #accept(link: WorkerLink, status: WorkerStatus): void {
    this.#statuses[link.index] = status;
    this.#notify();
  }

  #notify(): void {
    // The first change may come while the links are still being made.
    if (this.links === undefined) return;
    const views = this.views();
    for (const listener of [...this.#listeners]) listener(views);
  }
}

/**
 * Connects within a time limit; on failure nothing is left open.
 * @throws TrivetError that names every worker that is missing
 */
export async function connectLinks(
  options: WorkerLinksOptions,
  limits: { timeoutMs: number; signal?: AbortSignal | undefined; mayBeAway?: number | undefined },
): Promise<WorkerLinks> {
  const deadline = openDeadline(limits.timeoutMs, 'Connecting to the workers', limits.signal);
  const links = new WorkerLinks(options);
  try {
    await links.ready(deadline.signal, false, limits.mayBeAway);
    return links;
  } catch (error) {
    links.close();
    throw error;
  } finally {
    deadline.close();
  }
}

export interface WatchOptions extends Omit<WorkerLinksOptions, 'prepare'> {
  /** A client token, to see the models that it is for. */
  readonly token?: string | undefined;
  /** The owner's Ed25519 secret key, hex, to see everything. It signs here and is sent nowhere. */
  readonly ownerSecretKey?: string | undefined;
}

/**
 * Watches three workers without needing any of them: for status pages and `trivet status`.
 * The listener is called at once and at every change; a worker that is away is reported and waited for. Without a token
 * or a key the workers show what is open to everybody here, if anything is.
 * @throws TrivetError INVALID_ARGUMENT when the token or the key is none
 */
export function watchWorkers(options: WatchOptions, listener: StatusListener): { close(): void } {
  const { token, ownerSecretKey, ...rest } = options;
  const key = ownerSecretKey === undefined ? null : new OwnerKey(ownerSecretKey);
  const shown = token === undefined ? null : ClientToken.parse(token);
  const prepare = async (link: WorkerLink, { clusterId }: WorkerStatus) => {
    if (shown !== null) await presentToken(link, clusterId, shown);
    if (key !== null) await proveOwner(link, clusterId, key);
  };
  const links = new WorkerLinks(shown === null && key === null ? rest : { ...rest, prepare });
  links.onStatus(listener);
  const close = () => {
    links.close();
    key?.forget();
  };
  return { close };
}
