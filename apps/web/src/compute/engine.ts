/**
 * The page's side of the compute worker: everything that computes or talks to the network runs there, so that the page
 * never freezes. One instance a page.
 */
import type { WorkerView } from '@trivet/client';
import { TrivetError } from '@trivet/shared-types';
import type { BatchAnswers, BatchPictures, BatchSource, BatchSummary } from './batch/messages.js';
import type { ModelInspection, OwnedModel, OwnerCommand, ShareWish } from './model/messages.js';
import type { ComputePreference, SharingState } from './sharing/adaptive-sharer.js';
import type {
  CallName,
  Calls,
  ConnectSettings,
  FromWorker,
  ModelSummary,
  PlaintextView,
  PredictionAnswer,
  PredictionView,
  RawPicture,
  ToWorker,
} from './worker/messages.js';
import type { SelfTestReport } from './worker/self-test.js';

export interface EngineListener {
  onWorkers(workers: readonly WorkerView[], models: readonly ModelSummary[]): void;
  onSharing(sharing: SharingState): void;
  /** While an owner is signed in: the owner's models. */
  onOwned(models: readonly OwnedModel[]): void;
}

interface Waiting {
  resolve(value: unknown): void;
  tell(progress: unknown): void;
  reject(error: TrivetError): void;
}

/** The part of `Worker` that the engine uses; tests pass their own. */
export type EnginePort = Pick<Worker, 'postMessage' | 'terminate' | 'addEventListener'>;

export class Engine {
  readonly #port: EnginePort;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  constructor(port: EnginePort, listener?: EngineListener) {
    this.#port = port;
    port.addEventListener('message', (event) => {
      this.#receive((event as MessageEvent<FromWorker>).data, listener);
    });
    port.addEventListener('error', () => {
      this.#failAll(
        new TrivetError('INTERNAL', 'The part of this page that computes has stopped. Reload the page.'),
      );
    });
  }

  static start(listener?: EngineListener): Engine {
    const worker = new Worker(new URL('./worker/worker.ts', import.meta.url), {
      type: 'module',
      name: 'trivet-compute',
    });
    return new Engine(worker, listener);
  }

  /** Begins to talk to the workers; from here on the listener hears of their state. */
  connect(options: ConnectSettings): Promise<null> {
    return this.#call('connect', options);
  }

  /** The 784 grey values that the model will see, or null when there is no ink. Takes over the picture's buffer. */
  prepare(picture: RawPicture): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#call('prepare', picture, { transfer: [picture.rgba.buffer] });
  }

  /**
   * `onAnswer` hears the answer as soon as it is there; all that can be shown of it follows.
   * @throws (rejects) TrivetError, with CANCELLED when `signal` aborts
   */
  predict(
    takes: Calls['predict']['takes'],
    signal?: AbortSignal,
    onAnswer?: (answer: PredictionAnswer) => void,
  ): Promise<PredictionView> {
    return this.#call('predict', takes, {
      ...(signal === undefined ? {} : { signal }),
      ...(onAnswer === undefined ? {} : { onProgress: onAnswer }),
    });
  }

  /** Compares the GPU's shares with the CPU's, bit for bit. */
  selfTest(): Promise<SelfTestReport> {
    return this.#call('selfTest', null);
  }

  /** Reads pictures of digits. @throws (rejects) TrivetError INVALID_ARGUMENT when there is none among them */
  readBatch(
    source: BatchSource,
    onProgress: (progress: Calls['readBatch']['tells']) => void,
    signal: AbortSignal,
  ): Promise<BatchPictures> {
    return this.#call('readBatch', source, { signal, onProgress });
  }

  /** Classifies many pictures; `onAnswers` hears each request's answers, in no particular order. */
  runBatch(
    takes: Calls['runBatch']['takes'],
    onAnswers: (answers: BatchAnswers) => void,
    signal: AbortSignal,
  ): Promise<BatchSummary> {
    return this.#call('runBatch', takes, { signal, onProgress: onAnswers });
  }

  /** @throws (rejects) TrivetError FAILED_PRECONDITION when the served model is not the public one */
  plaintext(takes: Calls['plaintext']['takes']): Promise<PlaintextView> {
    return this.#call('plaintext', takes);
  }

  /** @throws (rejects) TrivetError INVALID_ARGUMENT with what cannot be evaluated */
  inspectModel(choice: Calls['inspectModel']['takes']): Promise<ModelInspection> {
    return this.#call('inspectModel', choice);
  }

  /** The key goes to the compute worker and stays there, in memory only. */
  openOwner(keyText: string): Promise<readonly OwnedModel[]> {
    return this.#call('openOwner', { keyText });
  }

  closeOwner(): Promise<null> {
    return this.#call('closeOwner', null);
  }

  shareModel(
    wish: ShareWish,
    onProgress: (progress: Calls['shareModel']['tells']) => void,
    signal: AbortSignal,
  ): Promise<OwnedModel> {
    return this.#call('shareModel', wish, { signal, onProgress });
  }

  commandOwner(command: OwnerCommand): Promise<readonly OwnedModel[]> {
    return this.#call('commandOwner', command);
  }

  /**
   * Shows the workers a client token from now on, or none. It stays in the compute worker, in memory only.
   * @throws (rejects) TrivetError when it is malformed, or a worker does not take it: then all stays as it was
   */
  setToken(token: string | null): Promise<null> {
    return this.#call('setToken', { token });
  }

  setPreference(preference: ComputePreference): void {
    this.#post({ type: 'preference', preference });
  }

  close(): void {
    this.#port.terminate();
    this.#failAll(new TrivetError('CANCELLED', 'The page was closed.'));
  }

  #call<Name extends CallName>(
    type: Name,
    takes: Calls[Name]['takes'],
    options: {
      signal?: AbortSignal;
      transfer?: Transferable[];
      onProgress?: (progress: Calls[Name]['tells']) => void;
    } = {},
  ): Promise<Calls[Name]['gives']> {
    const { signal, transfer = [], onProgress } = options;
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const cancel = () => this.#post({ type: 'cancel', id });
      const settle = () => {
        this.#waiting.delete(id);
        signal?.removeEventListener('abort', cancel);
      };
      this.#waiting.set(id, {
        resolve: (value) => {
          settle();
          resolve(value as Calls[Name]['gives']);
        },
        tell: (progress) => onProgress?.(progress as Calls[Name]['tells']),
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      signal?.addEventListener('abort', cancel);
      this.#post({ type, id, takes } as ToWorker, transfer);
      if (signal?.aborted) cancel();
    });
  }

  #receive(message: FromWorker, listener: EngineListener | undefined): void {
    switch (message.type) {
      case 'result':
        this.#waiting.get(message.id)?.resolve(message.value);
        break;
      case 'progress':
        this.#waiting.get(message.id)?.tell(message.value);
        break;
      case 'failure':
        this.#waiting.get(message.id)?.reject(TrivetError.fromBody(message.error));
        break;
      case 'workers':
        listener?.onWorkers(message.workers, message.models);
        break;
      case 'sharing':
        listener?.onSharing(message.sharing);
        break;
      case 'owned':
        listener?.onOwned(message.models);
        break;
    }
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  #failAll(error: TrivetError): void {
    for (const waiting of [...this.#waiting.values()]) waiting.reject(error);
  }
}
