/** A worker's end of a sealed connection. Before the keys are agreed on it answers nothing, afterwards nothing plain. */
import { attachmentBytes } from '../bytes.js';
import { type ErrorBody, type Outcome, TrivetError } from '../errors.js';
import { EVENTS } from '../messages.js';
import { nodeAead } from './aead.js';
import { answerHello, type ConnectionKeys } from './handshake.js';
import type { SealingWorker } from './keys.js';
import { brokenSeal, RecordOpener, RecordSealer } from './records.js';
import { decodeSealedText, encodeSealedText } from './sealed-text.js';

/** What is used of a socket.io server's socket. */
export interface WorkerSocket {
  emit(event: string, ...parts: unknown[]): unknown;
  onAny(listener: (event: string, ...parts: unknown[]) => void): unknown;
  disconnect(close?: boolean): unknown;
}

export type Acknowledge = (outcome: Outcome<unknown>) => void;

export interface WorkerChannelOptions {
  readonly worker: SealingWorker;
  /** The keys are agreed on. */
  sealed?(): void;
  /** A client's event. What is acknowledged must come in the order in which it is meant to arrive. */
  event(name: string, payload: unknown, acknowledge: Acknowledge): void;
  /** A message did not open; the connection is being closed. */
  broken(error: TrivetError): void;
}

export interface WorkerChannel {
  /** Sends an event that is not acknowledged; nothing before the keys are agreed on. */
  push(name: string, value: unknown): void;
  /** The socket is closed: nothing is sent any more, and the keys are forgotten. */
  close(): void;
}

/** What is pushed to many is encoded once. */
const texts = new WeakMap<object, { readonly name: string; readonly text: Uint8Array }>();

function textOf(name: string, value: unknown): Uint8Array {
  if (typeof value !== 'object' || value === null) return encodeSealedText({ name, value });
  let known = texts.get(value);
  if (known?.name !== name) {
    known = { name, text: encodeSealedText({ name, value }) };
    texts.set(value, known);
  }
  return known.text;
}

/** Waits for a client on a socket that has just connected, and agrees on keys with it. */
export function acceptChannel(socket: WorkerSocket, options: WorkerChannelOptions): WorkerChannel {
  return new SealedWorkerChannel(socket, options);
}

class SealedWorkerChannel implements WorkerChannel {
  readonly #socket: WorkerSocket;
  readonly #options: WorkerChannelOptions;
  #begun = false;
  #closed = false;
  #ends: {
    readonly opener: RecordOpener<Uint8Array>;
    readonly sealer: RecordSealer<Uint8Array>;
  } | null = null;

  constructor(socket: WorkerSocket, options: WorkerChannelOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.onAny((event, ...parts) => this.#receive(event, parts));
  }

  push(name: string, value: unknown): void {
    if (this.#ends === null || this.#closed) return;
    this.#socket.emit(EVENTS.sealed, this.#ends.sealer.seal('push', textOf(name, value)).record);
  }

  close(): void {
    this.#closed = true;
    this.#ends?.opener.wipe();
    this.#ends?.sealer.wipe();
    this.#ends = null;
  }

  #receive(event: string, parts: readonly unknown[]): void {
    const answer = parts.at(-1);
    if (this.#closed) return;
    if (typeof answer !== 'function') {
      this.#giveUp();
      return;
    }
    const acknowledge = answer as (value: unknown) => void;
    const refuse = (error: TrivetError) => acknowledge({ ok: false, error: this.#errorBody(error) });
    if (parts.length === 2 && event === EVENTS.sealed && this.#ends !== null) {
      this.#open(parts[0], acknowledge, refuse);
    } else if (parts.length === 2 && event === EVENTS.seal && !this.#begun) {
      this.#begun = true;
      void this.#begin(parts[0], acknowledge, refuse);
    } else {
      const sentence =
        'This worker takes sealed messages only, and one beginning a connection. An earlier client must be updated.';
      refuse(new TrivetError('FAILED_PRECONDITION', sentence));
    }
  }

  async #begin(
    payload: unknown,
    acknowledge: (value: unknown) => void,
    refuse: (error: TrivetError) => void,
  ): Promise<void> {
    const { worker } = this.#options;
    try {
      const hello = attachmentBytes(payload, 'The beginning of a sealed connection');
      const answer = await answerHello(worker, hello, (agreed) => this.#agree(agreed));
      // The socket may be gone meanwhile, and its keys must go with it.
      if (this.#closed) this.close();
      else acknowledge({ ok: true, value: answer });
    } catch (error) {
      refuse(error instanceof TrivetError ? error : new TrivetError('INTERNAL', 'The keys failed.'));
      this.#giveUp();
    }
  }

  #agree({ clientToWorker, workerToClient }: ConnectionKeys): Uint8Array {
    const sealer = new RecordSealer(nodeAead(workerToClient.key), workerToClient.nonce);
    const opener = new RecordOpener(nodeAead(clientToWorker.key), clientToWorker.nonce);
    this.#ends = { opener, sealer };
    this.#options.sealed?.();
    return sealer.seal('proof', new Uint8Array()).record;
  }

  #open(payload: unknown, acknowledge: (value: unknown) => void, refuse: (error: TrivetError) => void): void {
    const { opener, sealer } = this.#ends!;
    const { event, broken, worker } = this.#options;
    let opened: { readonly number: number; readonly text: Uint8Array };
    try {
      opened = opener.open('event', attachmentBytes(payload, 'A sealed message'));
    } catch {
      const error = brokenSeal('A message of this connection', worker.name);
      refuse(error);
      broken(error);
      this.#giveUp();
      return;
    }
    const answer: Acknowledge = (outcome) => {
      if (this.#closed) return;
      const text = encodeSealedText({ name: '', value: outcome });
      acknowledge(sealer.seal('answer', text, opened.number).record);
    };
    try {
      const { name, value } = decodeSealedText(opened.text);
      event(name, value, answer);
    } catch (error) {
      if (error instanceof TrivetError) {
        answer({ ok: false, error: this.#errorBody(error) });
        return;
      }
      // A fault of this program. Whoever knows how to cause it must not end the worker with it.
      const sentence = 'A message of this connection could not be handled.';
      broken(new TrivetError('INTERNAL', sentence, worker.name, { cause: error }));
      this.#giveUp();
    }
  }

  #giveUp(): void {
    this.close();
    this.#socket.disconnect(true);
  }

  #errorBody(error: TrivetError): ErrorBody {
    return { ...error.toBody(), worker: this.#options.worker.name };
  }
}
