/**
 * The model owner's side: shares a model among three workers, starts and stops serving it. The weights are split
 * here; each worker is sent its own share, and only that one.
 *
 * ```ts
 * const owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey });
 * await owner.share({ name: 'mnist', compiled, … });
 * await owner.serve('mnist', { requestLimit: 3, onServed: (n) => console.log(n) });
 * owner.close();
 * ```
 */
import { type CompiledModel, createKernels, type Kernels, shareModel } from '@trivet/mpc-core';
import {
  CLIENT_LIMITS,
  EVENTS,
  emptySchema,
  type Manifest,
  manifestDigest,
  PROTOCOL_NAMES,
  type ProtocolName,
  parseStrict,
  type ServingOrder,
  type SignedManifest,
  type SignedServingOrder,
  sha256Hex,
  shareBegunSchema,
  shareCommittedSchema,
  signManifest,
  signServingOrder,
  TrivetError,
  verifyServingOrder,
  versionLabelSchema,
  type WorkerStatus,
} from '@trivet/shared-types';
import { AccessControl } from './access-control.js';
import { proveOwner } from './credentials.js';
import { delay, openDeadline } from './deadline.js';
import { toTrivetError } from './failures.js';
import type { CallOptions, WorkerAddress, WorkerLink } from './link.js';
import { highestVersion, ModelCatalogue, nameAndVersion, type SharedModel } from './models.js';
import {
  checkReveal,
  counting,
  NOTHING,
  newest,
  notServed,
  pick,
  protocolOf,
  served,
  type Wish,
  whoIsMissing,
  withCurrent,
  withProtocol,
} from './orders.js';
import { OwnerKey } from './owner-key.js';
import { type ServeOptions, type StartOptions, serveUntilDone } from './serve.js';
import { connectLinks, type StatusListener, type Triple, type WorkerLinks } from './worker-links.js';

export interface ModelOwnerOptions {
  /** The three workers, in order of their index. */
  readonly workers: Triple<WorkerAddress>;
  readonly clusterId: string;
  /** The owner's Ed25519 secret key, hex. It signs here and is sent nowhere. */
  readonly ownerSecretKey: string;
  /** Time to reach all three and to authenticate; 10,000 ms unless told. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly kernels?: Kernels;
  /** Connects though one worker is away: enough for `access`, and for nothing else. None unless told. */
  readonly mayBeAway?: 0 | 1;
}

export interface ShareRequest
  extends Pick<Manifest, 'name' | 'preprocessing' | 'signature' | 'inputRange' | 'labels'> {
  readonly compiled: CompiledModel;
  /** Those that may run the model, the default one first; all of them unless told. */
  readonly protocols?: readonly ProtocolName[];
  /** One more than the highest version that any worker holds, or 1, unless told. */
  readonly version?: number;
}

export interface ShareOptions {
  /** Bytes uploaded so far, of all three shares together. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
  /** 120,000 ms unless told. */
  readonly timeoutMs?: number;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_SHARE_TIMEOUT_MS = 120_000;
const DEFAULT_ORDER_TIMEOUT_MS = 60_000;
/** How long the workers may take to load a version. */
const LOADING_TIMEOUT_MS = 30_000;
const ORDER_POLL_MS = 25;

export class ModelOwner {
  /** Who may ask for predictions. */
  readonly access: AccessControl;
  readonly #links: WorkerLinks;
  readonly #catalogue: ModelCatalogue;
  readonly #clusterId: string;
  readonly #key: OwnerKey;
  readonly #kernels: Kernels;

  private constructor(links: WorkerLinks, clusterId: string, key: OwnerKey, kernels: Kernels) {
    this.#links = links;
    this.#clusterId = clusterId;
    this.#key = key;
    this.#catalogue = new ModelCatalogue(key.publicKey);
    this.#kernels = kernels;
    this.access = new AccessControl(links, clusterId, key);
  }

  /**
   * Connects to all three workers and proves to each that this is the owner.
   * @throws TrivetError as `PredictionClient.connect`, and UNAUTHENTICATED or PERMISSION_DENIED when a worker does not
   *   accept the key
   */
  static async connect(options: ModelOwnerOptions): Promise<ModelOwner> {
    const { workers, clusterId, signal, timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
    const key = new OwnerKey(options.ownerSecretKey);
    const kernels = options.kernels ?? (await createKernels());
    const prepare = (link: WorkerLink) => proveOwner(link, clusterId, key);
    const { mayBeAway } = options;
    const links = await connectLinks({ workers, clusterId, prepare }, { timeoutMs, signal, mayBeAway });
    return new ModelOwner(links, clusterId, key, kernels);
  }

  /** This owner's models, every version that all three workers hold. */
  async models(options: CallOptions = {}): Promise<SharedModel[]> {
    return this.#catalogue.list(await this.#links.refresh(options));
  }

  /**
   * Shares a version of a model: splits the weights, signs the manifest, uploads to each worker its share, and commits
   * on all three, or on none. It is served from the next `startServing` on; what is served until then goes on.
   */
  async share(request: ShareRequest, options: ShareOptions = {}): Promise<SharedModel> {
    const { timeoutMs = DEFAULT_SHARE_TIMEOUT_MS, signal, onProgress } = options;
    const deadline = openDeadline(timeoutMs, 'Sharing the model', signal);
    const { name } = request;
    const made: Uint8Array[] = [];
    try {
      const call = { signal: deadline.signal, timeoutMs };
      const statuses = await this.#links.refresh(call);
      await this.#clearIncomplete(name, statuses, call);
      const version = request.version ?? highestVersion(name, statuses) + 1;
      const files = shareModel(request.compiled, this.#kernels);
      made.push(...files);
      const signed = this.#sign(request, version, files);
      const total = files.reduce((sum, file) => sum + file.length, 0);
      let done = 0;
      const onBytes = (bytes: number) => {
        done += bytes;
        onProgress?.(done, total);
      };
      const uploads = await this.#links.each((link) =>
        upload(link, signed, files[link.index], onBytes, call),
      );
      await this.#links
        .each((link) =>
          link.call(EVENTS.shareCommit, { uploadId: uploads[link.index] }, shareCommittedSchema, call),
        )
        .catch(async (error: unknown) => {
          // A version that only some hold is of no use.
          await this.#atAll(EVENTS.remove, { model: name, version });
          throw error;
        });
      const digest = manifestDigest(signed);
      return this.#catalogue.list(await this.#links.refresh(call)).find((model) => model.digest === digest)!;
    } finally {
      deadline.close();
      // Together they are the weights.
      for (const file of made) file.fill(0);
    }
  }

  /**
   * Serves a version on all three workers, counting anew, and returns once it answers; with a limit, they stop by
   * themselves after so many images. A version that was served until now answers until all three have changed over.
   * Whom it answers is for `access`; a model of which nothing was said there is opened to this machine when all three workers
   * are on it, and needs a token anywhere else.
   * @throws TrivetError INVALID_ARGUMENT when the manifest does not allow the protocol; NOT_FOUND; FAILED_PRECONDITION
   *   when a version reveals more than `reveal` (then nothing is changed), or naming the worker that cannot serve it; ABORTED
   *   when another command came between. Then nothing is served.
   */
  async startServing(model: string, options: StartOptions & CallOptions = {}): Promise<void> {
    const { requestLimit = null, protocol = null, version, access, reveal, ...call } = options;
    const held = await this.#versions(model, call);
    if (reveal !== undefined) checkReveal(held, version, reveal);
    await this.access.prepareServing(model, access, call);
    await this.#command(model, call, (sequence, previous, versions) => {
      const chosen = version === undefined ? newest(versions)! : pick(model, versions, version);
      const served = withProtocol(chosen, protocol);
      return counting(sequence, requestLimit, withCurrent(previous, versions, served));
    });
  }

  /**
   * Lets another version answer who names none. Limit and count go on; what is under way ends on the version it began on.
   * @throws TrivetError FAILED_PRECONDITION when the model is not served, and as `startServing`; then all is as before
   */
  async switchTo(model: string, version: number, options: CallOptions = {}): Promise<void> {
    await this.#command(model, options, (_, previous, versions) => {
      const order = served(model, previous);
      const chosen = pick(model, versions, version);
      return { ...order, ...withCurrent(order, versions, withProtocol(chosen, protocolOf(order, chosen))) };
    });
  }

  /**
   * Back to an older version: the newest below the current one that was served before.
   * @returns its number
   */
  async rollback(model: string, options: CallOptions = {}): Promise<number> {
    const versions = await this.#versions(model, options);
    const current = versions.find((one) => one.current);
    if (current === undefined) throw notServed(model);
    const older = versions.filter((one) => one.version < current.version);
    const target = newest(older.filter((one) => one.state !== 'START')) ?? newest(older);
    if (target === undefined) {
      throw new TrivetError('NOT_FOUND', `Model "${model}" has no version below ${current.version}.`);
    }
    await this.switchTo(model, target.version, options);
    return target.version;
  }

  /**
   * Names a version, so that it is served beside the current one to whoever asks for that label; null takes the label
   * away. @throws as `switchTo`
   */
  async setLabel(
    model: string,
    label: string,
    version: number | null,
    options: CallOptions = {},
  ): Promise<void> {
    parseStrict(versionLabelSchema, label, `The label "${label}"`);
    await this.#command(model, options, (_, previous, versions) => {
      const order = served(model, previous);
      const { [label]: before, ...others } = order.labels;
      if (version === null && before === undefined) {
        throw new TrivetError('NOT_FOUND', `Model "${model}" has no label "${label}".`);
      }
      const labels = version === null ? others : { ...others, [label]: version };
      const current = order.versions.find((one) => one.version === order.current)!;
      return { ...order, ...withCurrent({ ...order, labels }, versions, current) };
    });
  }

  /** Takes a version that is not served from the workers' disks. */
  async removeVersion(model: string, version: number, options: CallOptions = {}): Promise<void> {
    const statuses = await this.#links.refresh(options);
    const heads = statuses.flatMap((status) => status.models).map(nameAndVersion);
    if (!heads.some((head) => head?.name === model && head.version === version)) {
      throw new TrivetError('NOT_FOUND', `Model "${model}" has no version ${version}.`);
    }
    await this.#links.each((link) => link.call(EVENTS.remove, { model, version }, emptySchema, options));
  }

  /**
   * Serves until the limit is reached, someone stops it, or the signal aborts; then it is stopped on all three.
   * @returns images served
   */
  async serve(model: string, options: ServeOptions = {}): Promise<number> {
    return serveUntilDone(this.#links, model, options, {
      start: (start) => this.startServing(model, { ...start, signal: options.signal }),
      stop: () => this.stop(model),
    });
  }

  /** Stops serving a model, all its versions, at once; it stays shared. Its labels are taken away. */
  async stop(model: string, options: CallOptions = {}): Promise<void> {
    const statuses = await this.#links.refresh(options);
    const previous = this.#newestOrder(model, statuses);
    if (previous === null) {
      this.#catalogue.find(model, statuses);
      return;
    }
    if (previous.versions.length === 0) return;
    const order = this.#signOrder(model, previous, { ...previous, ...NOTHING });
    await this.#links.each((link) => link.call(EVENTS.order, { order }, emptySchema, options));
  }

  onStatus(listener: StatusListener): () => void {
    return this.#links.onStatus(listener);
  }

  close(): void {
    this.#links.close();
    this.#key.forget();
  }

  #sign(request: ShareRequest, version: number, files: readonly Uint8Array[]): SignedManifest {
    const { name, compiled, inputRange, preprocessing, signature, labels } = request;
    const { protocols = PROTOCOL_NAMES } = request;
    const [first, second, third] = files.map((file) => sha256Hex(file)) as [string, string, string];
    const manifest = {
      format: 1,
      name,
      version,
      createdAt: new Date().toISOString(),
      plan: structuredClone(compiled.plan) as Manifest['plan'],
      inputRange,
      preprocessing,
      ...(signature === undefined ? {} : { signature }),
      labels,
      protocols: [...protocols],
      shareDigests: [first, second, third],
    } satisfies Manifest;
    return signManifest(manifest, this.#key.secretKey);
  }

  /**
   * Gives the three workers an order and waits until it is in force at all of them. When that fails, an order that began
   * to count anew is followed by one to stop, any other by one to go on as before: so it is in force everywhere or
   * nowhere, also at a worker that was away meanwhile.
   */
  async #command(
    model: string,
    options: CallOptions,
    build: (sequence: number, previous: ServingOrder | null, versions: readonly SharedModel[]) => Wish,
  ): Promise<void> {
    const { timeoutMs = DEFAULT_ORDER_TIMEOUT_MS, signal } = options;
    const deadline = openDeadline(timeoutMs, `Changing what is served of "${model}"`, signal);
    try {
      const call = { signal: deadline.signal, timeoutMs };
      const statuses = await this.#links.refresh(call);
      const versions = this.#catalogue.list(statuses).filter((one) => one.name === model);
      if (versions.length === 0) this.#catalogue.find(model, statuses);
      const previous = this.#newestOrder(model, statuses);
      const wish = build((previous?.sequence ?? 0) + 1, previous, versions);
      const order = this.#signOrder(model, previous, wish);
      try {
        await this.#links.each((link) => link.call(EVENTS.order, { order }, emptySchema, call));
        await this.#inForce(model, order, call);
      } catch (error) {
        if (toTrivetError(error).code !== 'ABORTED') await this.#takeBack(model, previous, order);
        throw error;
      }
    } finally {
      deadline.close();
    }
  }

  async #takeBack(model: string, previous: ServingOrder | null, failed: SignedServingOrder): Promise<void> {
    const last = verifyServingOrder(failed, this.#key.publicKey, this.#clusterId);
    const goesOn = previous !== null && previous.since === last.since;
    const order = this.#signOrder(model, last, goesOn ? previous : { ...last, ...NOTHING });
    await this.#atAll(EVENTS.order, { order });
  }

  /** As much as can be done, at whichever worker can be reached. */
  async #atAll(event: string, payload: object): Promise<void> {
    await Promise.allSettled(this.#links.links.map((link) => link.call(event, payload, emptySchema)));
  }

  #signOrder(model: string, last: ServingOrder | null, wish: Wish): SignedServingOrder {
    const { versions, current, labels, requestLimit } = wish;
    const sequence = (last?.sequence ?? 0) + 1;
    const since = Math.min(wish.since, sequence);
    const order: ServingOrder = {
      format: 1,
      clusterId: this.#clusterId,
      model,
      sequence,
      since,
      requestLimit,
      versions,
      current,
      labels,
    };
    return signServingOrder(order, this.#key.secretKey);
  }

  /** The newest order that any worker has, signature checked. */
  #newestOrder(model: string, statuses: Triple<WorkerStatus>): ServingOrder | null {
    const orders = statuses.flatMap((status) => status.orders.filter((one) => one.model === model));
    const known = orders.map(({ order }) => verifyServingOrder(order, this.#key.publicKey, this.#clusterId));
    return known.sort((left, right) => right.sequence - left.sequence)[0] ?? null;
  }

  async #versions(model: string, options: CallOptions): Promise<SharedModel[]> {
    const statuses = await this.#links.refresh(options);
    const versions = this.#catalogue.list(statuses).filter((one) => one.name === model);
    if (versions.length === 0) this.#catalogue.find(model, statuses);
    return versions;
  }

  /** Waits until all three workers follow the order. */
  async #inForce(
    model: string,
    order: SignedServingOrder,
    call: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<void> {
    const until = performance.now() + Math.min(call.timeoutMs / 2, LOADING_TIMEOUT_MS);
    for (;;) {
      const statuses = await this.#links.refresh(call);
      const heard = statuses.map((status) => status.orders.find((one) => one.model === model));
      if (heard.some((one) => one !== undefined && one.order.text !== order.text)) {
        throw new TrivetError('ABORTED', `Another command for "${model}" came between; look at the status.`);
      }
      if (heard.every((one) => one?.inForce === true)) return;
      if (performance.now() > until) throw whoIsMissing(model, order, statuses);
      await delay(ORDER_POLL_MS, call.signal);
    }
  }

  /** Takes away what an earlier try to share, cut short, has left at some of the workers. */
  async #clearIncomplete(name: string, statuses: Triple<WorkerStatus>, call: CallOptions): Promise<void> {
    const complete = new Set(this.#catalogue.list(statuses).map((model) => model.digest));
    await this.#links.each(async (link) => {
      for (const model of statuses[link.index].models) {
        const head = nameAndVersion(model);
        if (head?.name !== name || complete.has(model.digest) || model.state !== 'START') continue;
        const removal = { model: name, version: head.version };
        await link.call(EVENTS.remove, removal, emptySchema, call);
      }
    });
  }
}

/** Uploads one worker's share in chunks; resolves with the upload to commit. */
async function upload(
  link: WorkerLink,
  manifest: SignedManifest,
  file: Uint8Array,
  onBytes: (bytes: number) => void,
  call: CallOptions,
): Promise<string> {
  const begin = { manifest, bytes: file.length };
  const { uploadId } = await link.call(EVENTS.shareBegin, begin, shareBegunSchema, call);
  for (let offset = 0; offset < file.length; offset += CLIENT_LIMITS.shareChunkBytes) {
    const data = file.subarray(offset, offset + CLIENT_LIMITS.shareChunkBytes);
    await link.call(EVENTS.shareChunk, { uploadId, offset, data }, emptySchema, call);
    onBytes(data.length);
  }
  return uploadId;
}
