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
  challengeSchema,
  EVENTS,
  emptySchema,
  type Manifest,
  manifestDigest,
  ownerPublicKey,
  PROTOCOL_NAMES,
  type ProtocolName,
  type SignedManifest,
  sha256Hex,
  shareBegunSchema,
  shareCommittedSchema,
  signManifest,
  signOwnerChallenge,
} from '@trivet/shared-types';
import { delay, openDeadline } from './deadline.js';
import type { CallOptions, WorkerAddress, WorkerLink } from './link.js';
import { checkProtocol, highestVersion, ModelCatalogue, type SharedModel } from './models.js';
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
const LOADED_POLL_MS = 50;

export class ModelOwner {
  readonly #links: WorkerLinks;
  readonly #catalogue: ModelCatalogue;
  readonly #secretKey: string;
  readonly #kernels: Kernels;

  private constructor(links: WorkerLinks, secretKey: string, kernels: Kernels) {
    this.#links = links;
    this.#secretKey = secretKey;
    this.#catalogue = new ModelCatalogue(ownerPublicKey(secretKey));
    this.#kernels = kernels;
  }

  /**
   * Connects to all three workers and proves to each that this is the owner.
   * @throws TrivetError as `PredictionClient.connect`, and UNAUTHENTICATED or PERMISSION_DENIED when a worker does not
   *   accept the key
   */
  static async connect(options: ModelOwnerOptions): Promise<ModelOwner> {
    const { workers, clusterId, ownerSecretKey, signal, timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
    ownerPublicKey(ownerSecretKey);
    const kernels = options.kernels ?? (await createKernels());
    const prepare = async (link: WorkerLink) => {
      const { challenge } = await link.call(EVENTS.challenge, {}, challengeSchema);
      const signature = signOwnerChallenge(ownerSecretKey, clusterId, link.index, challenge);
      await link.call(EVENTS.authenticate, { signature }, emptySchema);
    };
    const links = await connectLinks({ workers, clusterId, prepare }, { timeoutMs, signal });
    return new ModelOwner(links, ownerSecretKey, kernels);
  }

  /** This owner's models that the three workers agree on. */
  async models(options: CallOptions = {}): Promise<SharedModel[]> {
    return this.#catalogue.list(await this.#links.refresh(options));
  }

  /**
   * Shares a model: splits the weights, signs the manifest, uploads to each worker its share, commits on all three,
   * and waits until all three hold it.
   */
  async share(request: ShareRequest, options: ShareOptions = {}): Promise<SharedModel> {
    const { timeoutMs = DEFAULT_SHARE_TIMEOUT_MS, signal, onProgress } = options;
    const deadline = openDeadline(timeoutMs, 'Sharing the model', signal);
    try {
      const version = request.version ?? (await this.#nextVersion(request.name, deadline.signal));
      const files = shareModel(request.compiled, this.#kernels);
      const signed = this.#sign(request, version, files);
      const total = files.reduce((sum, file) => sum + file.length, 0);
      let done = 0;
      const onBytes = (bytes: number) => {
        done += bytes;
        onProgress?.(done, total);
      };
      const call = { signal: deadline.signal, timeoutMs };
      const uploads = await this.#links.each((link) =>
        upload(link, signed, files[link.index], onBytes, call),
      );
      await this.#links.each((link) =>
        link.call(EVENTS.shareCommit, { uploadId: uploads[link.index] }, shareCommittedSchema, call),
      );
      return await this.#loaded(manifestDigest(signed), deadline.signal);
    } finally {
      deadline.close();
    }
  }

  /**
   * Starts serving on all three workers and returns; with a limit, they stop by themselves after so many images. A model
   * that is served already goes on without a gap, with this limit and protocol: what is under way ends as it began.
   * @throws TrivetError INVALID_ARGUMENT when the manifest does not allow the protocol
   */
  async startServing(model: string, options: StartOptions & CallOptions = {}): Promise<void> {
    const { requestLimit = null, protocol = null, ...call } = options;
    if (protocol !== null) {
      const known = this.#catalogue.find(model, await this.#links.refresh(call));
      checkProtocol(known, protocol);
    }
    const request = { model, requestLimit, protocol };
    try {
      await this.#links.each((link) => link.call(EVENTS.serve, request, emptySchema, call));
    } catch (error) {
      // None or all: a model that only some serve answers nobody.
      await this.stop(model).catch(() => undefined);
      throw error;
    }
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

  /** Stops serving a model; it stays shared. */
  async stop(model: string, options: CallOptions = {}): Promise<void> {
    await this.#links.each((link) => link.call(EVENTS.stop, { model }, emptySchema, options));
  }

  onStatus(listener: StatusListener): () => void {
    return this.#links.onStatus(listener);
  }

  close(): void {
    this.#links.close();
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
    return signManifest(manifest, this.#secretKey);
  }

  async #nextVersion(name: string, signal: AbortSignal): Promise<number> {
    return highestVersion(name, await this.#links.refresh({ signal })) + 1;
  }

  async #loaded(digest: string, signal: AbortSignal): Promise<SharedModel> {
    for (;;) {
      const found = (await this.models({ signal })).find((model) => model.digest === digest);
      if (found !== undefined && found.state !== 'LOADING') return found;
      await delay(LOADED_POLL_MS, signal);
    }
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
    const data = file.slice(offset, offset + CLIENT_LIMITS.shareChunkBytes);
    await link.call(EVENTS.shareChunk, { uploadId, offset, data }, emptySchema, call);
    onBytes(data.length);
  }
  return uploadId;
}
