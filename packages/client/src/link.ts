/**
 * The connection to one worker: socket.io over websocket, which reconnects by itself. Each time it connects, keys are
 * agreed on with the worker, and everything after that is sealed. Calls are acknowledged with an `Outcome`; what a worker answers is checked as strictly as what a worker is sent. Calls are never buffered: while
 * the worker cannot be reached they fail at once, so that no stale request is sent after a reconnect.
 */
import {
  attachmentBytes,
  type ClientChannel,
  check,
  joinedParser,
  openChannel,
  outcomeSchema,
  parseStrict,
  TransientMap,
  TrivetError,
} from '@trivet/shared-types';
import { io, type Socket } from 'socket.io-client';
import { z } from 'zod';
import { abortError } from './deadline.js';
import { toTrivetError } from './failures.js';
import { LeanWebSocket } from './transport.js';

export interface WorkerAddress {
  readonly name: string;
  /** http:// or https:// URL of the worker's client endpoint. */
  readonly url: string;
  /** Its public key for sealed messages, hex, from the signed cluster file. */
  readonly sealingKey: string;
}

export interface CallOptions {
  /** Milliseconds until the call rejects with DEADLINE_EXCEEDED; 10,000 unless told. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LinkHooks {
  /** Runs after every connect and reconnect, before the link counts as ready. A throw closes the connection. */
  prepare(link: WorkerLink): Promise<void>;
  /** The link became ready or stopped being so. */
  onChange(): void;
}

const DEFAULT_CALL_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_DELAY_MS = 100;
const RECONNECT_DELAY_MAX_MS = 1_000;

/** Schemas of outcomes by that of their value: zod compiles a schema on first use, which costs more than a layer. */
const outcomes = new WeakMap<z.ZodType, z.ZodType>();

function outcomeOf(value: z.ZodType): z.ZodType {
  let schema = outcomes.get(value);
  if (schema === undefined) {
    schema = outcomeSchema(value);
    outcomes.set(value, schema);
  }
  return schema;
}

/** An acknowledgement's binary value. */
export const bytesSchema: z.ZodType<Uint8Array> = z
  .union([z.instanceof(Uint8Array), z.instanceof(ArrayBuffer)])
  .transform((value) => attachmentBytes(value, 'The value'));

export class WorkerLink {
  readonly index: 0 | 1 | 2;
  readonly name: string;
  readonly url: string;
  readonly #socket: Socket;
  readonly #sealingKey: string;
  readonly #hooks: LinkHooks;
  readonly #listeners = new Map<string, Set<(value: unknown) => void>>();
  #channel: ClientChannel | null = null;
  /** What fails a call that is not answered yet, by its number. */
  readonly #inFlight = new TransientMap<number, (error: TrivetError) => void>();
  #calls = 0;
  readonly #waiting = new Set<() => void>();
  #ready = false;
  #failure: TrivetError | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(index: 0 | 1 | 2, address: WorkerAddress, hooks: LinkHooks) {
    this.index = index;
    this.name = address.name;
    this.url = address.url;
    this.#sealingKey = address.sealingKey;
    this.#hooks = hooks;
    this.#socket = io(address.url, {
      transports: [LeanWebSocket],
      parser: joinedParser,
      forceNew: true,
      timeout: CONNECT_TIMEOUT_MS,
      reconnectionDelay: RECONNECT_DELAY_MS,
      reconnectionDelayMax: RECONNECT_DELAY_MAX_MS,
    });
    this.#socket.on('connect', () => void this.#prepare());
    this.#socket.on('connect_error', () => this.#lost(this.#unreachable()));
    this.#socket.on('disconnect', (reason) => {
      this.#lost(this.#unreachable('The connection was lost.'));
      // socket.io takes a disconnect by the server for its will and does not come back by itself.
      if (reason === 'io server disconnect') this.#reconnectLater();
    });
  }

  /** Whether the worker is connected and has passed `prepare`. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Why the link is not ready, once that is known. */
  get failure(): TrivetError | null {
    return this.#failure;
  }

  /**
   * Waits until the link is ready.
   * @param patient false: rejects with the first failure; true: waits through failures until the signal aborts
   */
  async whenReady(signal: AbortSignal, patient: boolean): Promise<void> {
    while (!this.#ready) {
      if (!patient && this.#failure !== null) throw this.#failure;
      await this.#change(signal);
    }
  }

  /**
   * Sends one event and resolves with the acknowledged value.
   * @throws TrivetError as the worker reports it; UNAVAILABLE when the connection is lost; INTERNAL when the answer is
   *   malformed; DEADLINE_EXCEEDED; or what the signal stands for
   */
  call<T>(event: string, payload: unknown, value: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    const { signal, timeoutMs = DEFAULT_CALL_TIMEOUT_MS } = options;
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(abortError(signal));
      const channel = this.#channel;
      if (channel === null) return reject(this.#failure ?? this.#unreachable());
      const call = this.#calls++;
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        this.#inFlight.delete(call);
        signal?.removeEventListener('abort', abort);
        finish();
      };
      const fail = (error: TrivetError) => settle(() => reject(error));
      const abort = () => fail(abortError(signal!));
      const late = `Worker "${this.name}" did not answer within ${timeoutMs} ms.`;
      const timer = setTimeout(() => fail(new TrivetError('DEADLINE_EXCEEDED', late, this.name)), timeoutMs);
      this.#inFlight.set(call, fail);
      signal?.addEventListener('abort', abort, { once: true });
      channel.send(event, payload, (answer) => {
        settle(() => {
          try {
            resolve(this.#read(answer, value));
          } catch (error) {
            reject(toTrivetError(error, this.name));
          }
        });
      });
    });
  }

  /**
   * Listens to events that the worker pushes; those that do not fit the schema are dropped.
   * @returns a function that ends it
   */
  on<T>(event: string, schema: z.ZodType<T>, listener: (value: T) => void): () => void {
    const handle = (value: unknown) => {
      const parsed = check(schema, value);
      if (parsed.success) listener(parsed.data);
    };
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(handle));
    return () => listeners.delete(handle);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket.disconnect();
    this.#lost(new TrivetError('CANCELLED', 'The client was closed.'));
    this.#socket.removeAllListeners();
  }

  #read<T>(answer: unknown, value: z.ZodType<T>): T {
    let outcome: { ok: true; value: T } | { ok: false; error: ReturnType<TrivetError['toBody']> };
    try {
      outcome = parseStrict(
        outcomeOf(value),
        answer,
        `The answer of worker "${this.name}"`,
      ) as typeof outcome;
    } catch (error) {
      throw new TrivetError('INTERNAL', toTrivetError(error).message, this.name);
    }
    if (outcome.ok) return outcome.value;
    // A worker's words end in terminals and pages: no control characters.
    const message = outcome.error.message.replace(/\p{Cc}+/gu, ' ');
    throw new TrivetError(outcome.error.code, message, outcome.error.worker ?? this.name);
  }

  async #prepare(): Promise<void> {
    // Of the socket's connections, this one: it may be lost, and another made, before all of this is done.
    const { id } = this.#socket;
    const isCurrent = () => !this.#closed && this.#socket.connected && this.#socket.id === id;
    try {
      const channel = await this.#seal(isCurrent);
      if (!isCurrent()) return channel.close();
      this.#channel = channel;
      await this.#hooks.prepare(this);
      if (!isCurrent()) return;
      this.#failure = null;
      this.#ready = true;
      this.#changed();
    } catch (error) {
      if (isCurrent()) this.#giveUp(toTrivetError(error, this.name));
    }
  }

  /** Agrees on keys with the worker. */
  #seal(isCurrent: () => boolean): Promise<ClientChannel> {
    const worker = { index: this.index, name: this.name, publicKey: this.#sealingKey };
    const push = (event: string, value: unknown) => {
      for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(value);
    };
    const broken = (error: TrivetError) => {
      if (isCurrent()) this.#giveUp(error);
    };
    return new Promise((resolve, reject) => {
      const late = `Worker "${this.name}" did not answer within ${DEFAULT_CALL_TIMEOUT_MS} ms.`;
      const timer = setTimeout(
        () => reject(new TrivetError('DEADLINE_EXCEEDED', late, this.name)),
        DEFAULT_CALL_TIMEOUT_MS,
      );
      openChannel(this.#socket, worker, { push, broken })
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  /** Ends a connection that is of no use, and comes back after a while. */
  #giveUp(error: TrivetError): void {
    // First the reason: the socket reports a disconnect that it was asked for as well.
    this.#lost(error);
    this.#socket.disconnect();
    this.#reconnectLater();
  }

  #lost(error: TrivetError): void {
    this.#ready = false;
    this.#channel?.close();
    this.#channel = null;
    // A reason that says more than "the connection was closed" stays until the next success.
    if (this.#failure === null || error.code !== 'UNAVAILABLE') this.#failure = error;
    for (const fail of [...this.#inFlight.values()]) fail(error);
    this.#changed();
  }

  #changed(): void {
    for (const wake of [...this.#waiting]) wake();
    this.#hooks.onChange();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (finish: () => void) => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', abort);
        finish();
      };
      const wake = () => done(resolve);
      // That the time is up says less than why the worker is away; that the caller cancelled says all.
      const reason = () => {
        const error = abortError(signal);
        return error.code === 'DEADLINE_EXCEEDED' ? (this.#failure ?? error) : error;
      };
      const abort = () => done(() => reject(reason()));
      if (signal.aborted) return reject(reason());
      this.#waiting.add(wake);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #reconnectLater(): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#socket.connect(), RECONNECT_DELAY_MAX_MS);
  }

  #unreachable(why = 'Is it running?'): TrivetError {
    return new TrivetError(
      'UNAVAILABLE',
      `Worker "${this.name}" at ${this.url} cannot be reached. ${why}`,
      this.name,
    );
  }
}
