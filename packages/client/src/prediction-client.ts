/**
 * The data owner's side: finds out what the three workers serve, checks that they agree, and predicts. The same code
 * runs in browsers and on Node.js.
 *
 * ```ts
 * const client = await PredictionClient.connect({ workers: cluster.workers, ownerKey: cluster.ownerKey });
 * const { classes, probabilities } = await client.predict('mnist', pixels);
 * client.close();
 * ```
 */
import { createCpuSharer, createKernels, type InputSharer, type Kernels } from '@trivet/mpc-core';
import { ClientToken, type ProtocolName, TrivetError, type WorkerStatus } from '@trivet/shared-types';
import { AnnouncedIds } from './announced.js';
import { presentToken } from './credentials.js';
import { type Deadline, delay, openDeadline } from './deadline.js';
import { isTransient, toTrivetError } from './failures.js';
import { checkInputs, maxSamplesPerRequest } from './inputs.js';
import type { WorkerAddress, WorkerLink } from './link.js';
import { checkProtocol, ModelCatalogue, type SharedModel, type VersionChoice } from './models.js';
import { joinPredictions, type Prediction } from './prediction.js';
import { runRequest } from './request.js';
import { RefusedHereError, Throttle } from './throttle.js';
import { connectLinks, type StatusListener, type Triple, type WorkerLinks } from './worker-links.js';

export interface PredictionClientOptions {
  /** The three workers, in order of their index. */
  readonly workers: Triple<WorkerAddress>;
  /** Ed25519 public key of the only owner whose models count, hex. Without it, the three must merely agree. */
  readonly ownerKey?: string;
  /** The only cluster to talk to, hex. Without it, the three must merely agree. */
  readonly clusterId?: string;
  /**
   * The client token, for models that are not open. It stays here: each worker is shown a proof that is good for that
   * worker alone.
   */
  readonly token?: string | undefined;
  /** Time to reach all three; 10,000 ms unless told. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Where inputs are shared: WebGPU, WASM… The CPU unless told. */
  readonly sharer?: InputSharer;
  readonly kernels?: Kernels;
  /**
   * While the workers refuse most requests of a model for want of room, most are refused on this device and not sent, with
   * a `RefusedHereError`; of the others worker 0 is asked for room before anything is shared. False: every request is
   * shared and sent at once.
   */
  readonly throttling?: boolean;
}

export interface PredictOptions extends VersionChoice {
  /** For the whole prediction, retries included; 30,000 ms unless told. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Keep what was exchanged, in `Prediction.transcript`; only for inputs that fit one request. */
  readonly keepTranscript?: boolean;
  /** One that the manifest allows; the one that the model is served with unless told. */
  readonly protocol?: ProtocolName | null;
  /** Samples per request; larger inputs are split. 100 unless told. */
  readonly requestSize?: number;
  /** Tries per request, the first included; each draws fresh seeds and a fresh request id. 1 unless told. */
  readonly retry?: { readonly attempts: number };
  readonly onProgress?: (done: number, total: number) => void;
  /** Instead of the client's own sharer. */
  readonly sharer?: InputSharer;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_PREDICT_TIMEOUT_MS = 30_000;
const DEFAULT_REQUEST_SIZE = 100;
/** Requests of one call that are under way at once. */
const REQUESTS_IN_FLIGHT = 2;
const FIRST_RETRY_DELAY_MS = 50;
const LAST_RETRY_DELAY_MS = 2_000;
/** How long the three workers may say different things of a model before that is an error. */
const CHANGE_OVER_MS = 1_000;
const CHANGE_OVER_POLL_MS = 20;

export class PredictionClient {
  readonly #links: WorkerLinks;
  readonly #catalogue: ModelCatalogue;
  readonly #sharer: InputSharer;
  readonly #kernels: Kernels;
  readonly #throttling: boolean;
  /** By model. */
  readonly #throttles = new Map<string, Throttle>();
  readonly #token: ClientToken | null;
  readonly #ids = new AnnouncedIds();

  private constructor(
    links: WorkerLinks,
    catalogue: ModelCatalogue,
    tools: { readonly sharer: InputSharer; readonly kernels: Kernels },
    token: ClientToken | null,
    throttling: boolean,
  ) {
    this.#links = links;
    this.#catalogue = catalogue;
    this.#sharer = tools.sharer;
    this.#kernels = tools.kernels;
    this.#token = token;
    this.#throttling = throttling;
  }

  /**
   * Connects to all three workers.
   * @throws TrivetError UNAVAILABLE naming every worker that is missing; FAILED_PRECONDITION when one is not who it
   *   should be; UNAUTHENTICATED when the token is not good (any more); DEADLINE_EXCEEDED; CANCELLED
   */
  static async connect(options: PredictionClientOptions): Promise<PredictionClient> {
    const { workers, clusterId, signal, timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
    const token = options.token === undefined ? null : ClientToken.parse(options.token);
    const kernels = options.kernels ?? (await createKernels());
    const sharer = options.sharer ?? createCpuSharer(kernels);
    const who = { workers, clusterId };
    const prepare = (link: WorkerLink, { clusterId: id }: WorkerStatus) => presentToken(link, id, token!);
    const links = await connectLinks(token === null ? who : { ...who, prepare }, { timeoutMs, signal });
    const catalogue = new ModelCatalogue(options.ownerKey);
    return new PredictionClient(links, catalogue, { sharer, kernels }, token, options.throttling ?? true);
  }

  /**
   * The models that the three workers agree on, asked for anew, of those that this client may ask for.
   * @throws TrivetError UNAVAILABLE
   */
  async models(options: { readonly signal?: AbortSignal } = {}): Promise<SharedModel[]> {
    return this.#catalogue.list(await this.#links.refresh(options));
  }

  /**
   * A version that the workers serve by their last reports, which they send at every change; undefined when they do not
   * say so. Nothing is asked. @throws TrivetError UNAVAILABLE naming a worker that is away
   */
  lastKnown(name: string, choice: VersionChoice = {}): SharedModel | undefined {
    return this.#catalogue.available(name, choice, this.#links.statuses());
  }

  /**
   * A version of a model, asked for anew: the one that is named, else the one that is served, else the newest.
   * @throws TrivetError NOT_FOUND; FAILED_PRECONDITION naming the worker that holds another or none; UNAUTHENTICATED when
   *   nothing is open to who shows no token, or the token is not good any more
   */
  async model(
    name: string,
    options: { readonly signal?: AbortSignal } & VersionChoice = {},
  ): Promise<SharedModel> {
    return this.#find(name, await this.#links.refresh(options), options, options.signal);
  }

  /**
   * Classifies `inputs`, the concatenated numbers of one or more samples, preprocessed as the manifest says.
   * @throws TrivetError INVALID_ARGUMENT before anything is sent when the inputs do not fit; NOT_FOUND or
   *   FAILED_PRECONDITION when the workers do not serve the model together; UNAVAILABLE naming the worker that is lost;
   *   RESOURCE_EXHAUSTED, which is a `RefusedHereError` when no worker was asked; DEADLINE_EXCEEDED; CANCELLED
   */
  async predict(modelName: string, inputs: Float32Array, options: PredictOptions = {}): Promise<Prediction> {
    const { timeoutMs = DEFAULT_PREDICT_TIMEOUT_MS, signal } = options;
    const start = performance.now();
    const deadline = openDeadline(timeoutMs, 'The prediction', signal);
    try {
      const attempts = Math.max(1, options.retry?.attempts ?? 1);
      let model = await this.#retrying(attempts, deadline, () => this.#serving(modelName, options, deadline));
      for (;;) {
        try {
          const parts = await this.#parts(model, inputs, attempts, deadline, options);
          return joinPredictions(parts, model, performance.now() - start);
        } catch (error) {
          const next = await this.#successor(model, options, deadline, error);
          if (next === undefined) throw error;
          // All of it anew: the answers of one call are of one version.
          model = next;
        }
      }
    } finally {
      deadline.close();
    }
  }

  /**
   * Calls the listener with the state of the three workers, now and at every change; a worker is reported as
   * unreachable as soon as its connection drops, and again when it is back.
   * @returns a function that ends it
   */
  onStatus(listener: StatusListener): () => void {
    return this.#links.onStatus(listener);
  }

  /** Closes the three connections; predictions under way fail with CANCELLED. */
  close(): void {
    this.#links.close();
  }

  async #parts(
    model: SharedModel,
    inputs: Float32Array,
    attempts: number,
    deadline: Deadline,
    options: PredictOptions,
  ): Promise<Prediction[]> {
    if (options.protocol != null) checkProtocol(model, options.protocol);
    const total = checkInputs(inputs, model);
    const requestSize = checkRequestSize(options, model, total);
    const request = (slice: Float32Array, count: number) =>
      this.#retrying(attempts, deadline, () => this.#request(model, slice, count, deadline, options));
    return inParts(inputs, model.inputSize, requestSize, request, options.onProgress);
  }

  /** The version that has taken a refused one's place meanwhile, if that is why it was refused. */
  async #successor(
    model: SharedModel,
    choice: VersionChoice,
    deadline: Deadline,
    error: unknown,
  ): Promise<SharedModel | undefined> {
    const { code } = toTrivetError(error);
    if (choice.version !== undefined || deadline.signal.aborted) return undefined;
    if (code !== 'FAILED_PRECONDITION' && code !== 'NOT_FOUND') return undefined;
    const statuses = await this.#links.refresh({ signal: deadline.signal });
    const next = this.#catalogue.available(model.name, choice, statuses);
    return next?.digest === model.digest ? undefined : next;
  }

  async #request(
    model: SharedModel,
    inputs: Float32Array,
    count: number,
    deadline: Deadline,
    options: PredictOptions,
  ): Promise<Prediction> {
    const throttle = this.#throttling ? this.#throttleOf(model.name) : undefined;
    const sentAt = throttle?.check() ?? 0;
    const kind = { digest: model.digest, protocol: options.protocol ?? null, count };
    const ids = this.#ids.take(kind);
    try {
      const prediction = await runRequest(model, inputs, count, {
        links: this.#links,
        sharer: options.sharer ?? this.#sharer,
        kernels: this.#kernels,
        deadline,
        protocol: kind.protocol,
        ids,
        keepTranscript: options.keepTranscript ?? false,
        askForRoom: throttle?.mayHaveNoRoom ?? false,
      });
      throttle?.answered(sentAt);
      this.#ids.answered(kind, ids);
      return prediction;
    } catch (error) {
      const failure = toTrivetError(error);
      if (failure.code === 'RESOURCE_EXHAUSTED') throttle?.refused(failure);
      else if (failure.code === 'DEADLINE_EXCEEDED') throttle?.late();
      throw failure;
    } finally {
      throttle?.ended();
    }
  }

  #throttleOf(model: string): Throttle {
    let throttle = this.#throttles.get(model);
    if (throttle === undefined) {
      throttle = new Throttle(model);
      this.#throttles.set(model, throttle);
    }
    return throttle;
  }

  /** The version that is meant, when the three serve it: by their last reports if those say so, else asked for anew. */
  async #serving(name: string, choice: VersionChoice, deadline: Deadline): Promise<SharedModel> {
    const { signal } = deadline;
    let available = this.#catalogue.available(name, choice, this.#links.statuses());
    const until = performance.now() + CHANGE_OVER_MS;
    while (available === undefined) {
      const statuses = await this.#links.refresh({ signal });
      available = this.#catalogue.available(name, choice, statuses);
      if (available !== undefined) break;
      const found = await this.#find(name, statuses, choice, signal);
      // Reports from just before and just after a change of version: the next ones agree.
      const isChanging = this.#catalogue.list(statuses).some((model) => {
        return model.name === name && ['LOADING', 'UNKNOWN', 'UNLOADING'].includes(model.state);
      });
      if (!isChanging || performance.now() > until) throw notServed(found, choice);
      await delay(CHANGE_OVER_POLL_MS, signal);
    }
    return available;
  }

  /** As the catalogue does; if the workers show no such model because the token is not good any more, they say so. */
  async #find(
    name: string,
    statuses: Triple<WorkerStatus>,
    choice: VersionChoice,
    signal: AbortSignal | undefined,
  ): Promise<SharedModel> {
    try {
      return this.#catalogue.find(name, statuses, choice);
    } catch (error) {
      const doubtful = this.#links.links.find(({ index }) => statuses[index].viewer === 'nobody');
      if (this.#token !== null && doubtful !== undefined) {
        await presentToken(doubtful, statuses[doubtful.index].clusterId, this.#token, { signal });
      }
      throw error;
    }
  }

  async #retrying<T>(attempts: number, deadline: Deadline, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (attempt >= attempts || !isTransient(error) || deadline.signal.aborted) throw toTrivetError(error);
        const backoffMs = Math.min(FIRST_RETRY_DELAY_MS * 2 ** (attempt - 1), LAST_RETRY_DELAY_MS);
        const retryAfterMs = error instanceof RefusedHereError ? error.retryAfterMs : 0;
        // That there was no room says more than that the time was up.
        if (retryAfterMs >= deadline.remainingMs()) throw error;
        await delay(Math.max(backoffMs, retryAfterMs), deadline.signal);
        await this.#links.ready(deadline.signal, true);
      }
    }
  }
}

function notServed(
  { name, version, state, requestLimit, served }: SharedModel,
  choice: VersionChoice,
): TrivetError {
  if (state === 'LOADING') {
    return new TrivetError('UNAVAILABLE', `Model "${name}" is still being loaded: try again in a moment.`);
  }
  const what =
    choice.version === undefined && choice.label === undefined ? '' : `Version ${version} of model`;
  if (state === 'END' && served === null) {
    const sentence = `${what || 'Model'} "${name}" is not served any more, or has been as often as its owner allowed.`;
    return new TrivetError('FAILED_PRECONDITION', sentence);
  }
  if (state === 'END' && requestLimit !== null && served !== null && served >= requestLimit) {
    const sentence = `${what || 'Model'} "${name}" has served all ${requestLimit} predictions that its owner allowed.`;
    return new TrivetError('FAILED_PRECONDITION', sentence);
  }
  const advice = `its owner starts that with \`trivet serve ${name}\`.`;
  return new TrivetError(
    'FAILED_PRECONDITION',
    `${what || 'Model'} "${name}" is shared but not served: ${advice}`,
  );
}

/**
 * Sends `inputs` in requests of `requestSize` samples, two at a time: while the workers compute one, the next is shared
 * and travels. After a failure no further one starts.
 */
async function inParts(
  inputs: Float32Array,
  inputSize: number,
  requestSize: number,
  request: (slice: Float32Array, count: number) => Promise<Prediction>,
  onProgress: PredictOptions['onProgress'],
): Promise<Prediction[]> {
  const total = inputs.length / inputSize;
  const parts: Prediction[] = [];
  let started = 0;
  let done = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (started < total && !failed) {
      const from = started;
      const count = Math.min(requestSize, total - from);
      started += count;
      try {
        const slice = inputs.subarray(from * inputSize, (from + count) * inputSize);
        parts[from / requestSize] = await request(slice, count);
      } catch (error) {
        failed = true;
        throw error;
      }
      done += count;
      onProgress?.(done, total);
    }
  };
  for (const lanes of await Promise.allSettled(Array.from({ length: REQUESTS_IN_FLIGHT }, lane))) {
    if (lanes.status === 'rejected') throw lanes.reason;
  }
  return parts;
}

function checkRequestSize(options: PredictOptions, model: SharedModel, total: number): number {
  const { requestSize = DEFAULT_REQUEST_SIZE, keepTranscript = false } = options;
  const most = maxSamplesPerRequest(model.inputSize);
  if (!Number.isInteger(requestSize) || requestSize < 1) {
    throw new TrivetError('INVALID_ARGUMENT', `A request holds 1 to ${most} samples, not ${requestSize}.`);
  }
  const size = Math.min(requestSize, most);
  if (keepTranscript && total > size) {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      `A transcript is kept of one request only: at most ${size} samples.`,
    );
  }
  return size;
}
