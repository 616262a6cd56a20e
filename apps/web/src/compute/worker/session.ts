/** The compute worker's connection to the three workers: watches them, and opens one client for all predictions. */
import { PredictionClient, type SharedModel, type WorkerView, watchWorkers } from '@trivet/client';
import { createCpuSharer, type Kernels, revealOf } from '@trivet/mpc-core';
import { type Manifest, manifestSchema, parseJson, TrivetError } from '@trivet/shared-types';
import { AdaptiveSharer, type ComputePreference, type SharingState } from '../sharing/adaptive-sharer.js';
import { openGpuDevice } from '../sharing/webgpu-device.js';
import { WebGpuSharer } from '../sharing/webgpu-sharer.js';
import type { ClusterAddress } from './cluster.js';
import type { ConnectSettings, ModelSummary } from './messages.js';

type ConnectOptions = ClusterAddress & ConnectSettings;

export interface SessionListener {
  onWorkers(workers: readonly WorkerView[], models: readonly ModelSummary[]): void;
  onSharing(sharing: SharingState): void;
}

/** After the first request of a size: its answer should not wait for a graphics card and its library to be loaded. */
const QUIET_MS = 1_000;

export const loadGpu = async () => WebGpuSharer.create(await openGpuDevice());

export class Session {
  readonly options: ConnectOptions;
  readonly kernels: Kernels;
  readonly #listener: SessionListener;
  readonly #sharer: AdaptiveSharer;
  readonly #watch: { close(): void };
  #client: Promise<PredictionClient> | null = null;
  /** What is shown to the workers; in memory only. */
  #token: string | undefined;
  /** Names, versions and states of the models that were reported last. */
  #reported = '';
  readonly #manifests = new ManifestReader();

  constructor(options: ConnectOptions, kernels: Kernels, listener: SessionListener) {
    this.options = options;
    this.kernels = kernels;
    this.#listener = listener;
    this.#sharer = new AdaptiveSharer({
      cpu: createCpuSharer(kernels),
      loadGpu,
      preference: options.preference,
      calibrations: options.calibrations,
      onChange: (sharing) => listener.onSharing(sharing),
      quiet: () => new Promise((resolve) => setTimeout(resolve, QUIET_MS)),
    });
    listener.onSharing(this.#sharer.state);
    this.#watch = watchWorkers(this.address, (workers) => {
      this.#report(workers);
      // The first prediction should not have to wait for connections.
      if (workers.every((worker) => worker.reachable)) void this.client().catch(() => undefined);
    });
  }

  get address() {
    const { workers, clusterId } = this.options;
    return clusterId === null ? { workers } : { workers, clusterId };
  }

  setPreference(preference: ComputePreference): void {
    this.#sharer.setPreference(preference);
  }

  /**
   * The client, made when all three workers are first there. From then on its own connections, which come back by
   * themselves, are the ones whose state is reported: what the page shows as ready can predict.
   */
  client(): Promise<PredictionClient> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  /**
   * The version of a model that answers, else the newest; it reads digits.
   * @throws (rejects) TrivetError NOT_FOUND or FAILED_PRECONDITION
   */
  async digitModel(name: string, signal: AbortSignal): Promise<{ model: SharedModel; divideBy: number }> {
    const client = await this.client();
    // Nothing is asked where the last reports say enough.
    const model = client.lastKnown(name) ?? (await client.model(name, { signal }));
    const divideBy = model.manifest.preprocessing?.divideBy;
    if (divideBy === undefined) {
      throw new TrivetError('FAILED_PRECONDITION', `The model "${name}" does not take pictures of digits.`);
    }
    return { model, divideBy };
  }

  /**
   * Shows the workers another token, or none, from now on.
   * @throws (rejects) TrivetError when it is malformed, or a worker does not take it: then all stays as it was
   */
  async setToken(token: string | null): Promise<void> {
    const connected = await this.#open(token ?? undefined);
    const before = this.#client;
    this.#token = token ?? undefined;
    this.#client = Promise.resolve(this.#use(connected));
    (await before?.catch(() => null))?.close();
  }

  async #connect(): Promise<PredictionClient> {
    try {
      return this.#use(await this.#open(this.#token));
    } catch (error) {
      this.#client = null;
      throw error;
    }
  }

  #open(token: string | undefined): Promise<PredictionClient> {
    const { ownerKey } = this.options;
    return PredictionClient.connect({
      ...this.address,
      ...(ownerKey === null ? {} : { ownerKey }),
      token,
      sharer: this.#sharer,
      kernels: this.kernels,
    });
  }

  #use(connected: PredictionClient): PredictionClient {
    this.#watch.close();
    this.#reported = '';
    connected.onStatus((workers) => this.#report(workers));
    return connected;
  }

  #report(workers: readonly WorkerView[]): void {
    const models = summariesOf(workers, this.#manifests);
    this.#listener.onWorkers(workers, models);
    const names = models.map(({ name, version, state }) => `${name}@${version} ${state}`).join();
    if (names !== this.#reported) this.#verify(models).catch(() => undefined);
    this.#reported = names;
  }

  /** A client checks a signature once: now, so that the first prediction need not wait for it. */
  async #verify(models: readonly ModelSummary[]): Promise<void> {
    const client = await this.#client;
    for (const { name } of models) client?.lastKnown(name);
  }
}

/** Reads manifests as workers report them, each one once: reports come every second. */
class ManifestReader {
  #read = new Map<string, Manifest>();

  /** @throws TrivetError when one is malformed */
  all(texts: readonly string[]): Manifest[] {
    const manifests = texts.map(
      (text) => this.#read.get(text) ?? parseJson(manifestSchema, text, 'The manifest'),
    );
    this.#read = new Map(manifests.map((manifest, index) => [texts[index]!, manifest]));
    return manifests;
  }
}

/** What the workers that can be reached say of their models; a prediction checks it all again, signatures included. */
function summariesOf(workers: readonly WorkerView[], reader: ManifestReader): ModelSummary[] {
  const reporter = workers.find((worker) => worker.reachable && worker.status !== null);
  const byName = new Map<string, ModelSummary & { readonly current: boolean }>();
  const reported = reporter?.status?.models ?? [];
  const manifests = reader.all(reported.map(({ manifest }) => manifest.text));
  for (const [index, model] of reported.entries()) {
    const manifest = manifests[index]!;
    const other = byName.get(manifest.name);
    if (other !== undefined && (other.current || (!model.current && other.version > manifest.version)))
      continue;
    byName.set(manifest.name, {
      name: manifest.name,
      version: manifest.version,
      state: model.state,
      takesDigits: manifest.preprocessing?.kind === 'mnist',
      reveal: revealOf(manifest.plan),
      served: model.served,
      requestLimit: model.requestLimit,
      protocol: model.protocol,
      protocols: manifest.protocols,
      access: model.access,
      current: model.current,
    });
  }
  return [...byName.values()].map(({ current: _, ...summary }) => summary);
}
