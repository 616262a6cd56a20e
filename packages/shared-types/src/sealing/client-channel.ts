/**
 * A client's end of a sealed connection, over a socket.io socket that has just connected. Every event, its payload, its
 * answer, and whatever the worker pushes are sealed; whoever carries them sees sizes and times.
 */
import { attachmentBytes } from '../bytes.js';
import { TrivetError } from '../errors.js';
import { bytesToFrame } from '../joined-parser.js';
import { EVENTS, errorBodySchema } from '../messages.js';
import { check } from '../parse.js';
import { AEAD_TAG_BYTES, createAead, type Maybe } from './aead.js';
import { type ConnectionKeys, createHello } from './handshake.js';
import type { WorkerIdentity } from './keys.js';
import { brokenSeal, RecordOpener, RecordSealer } from './records.js';
import { decodeSealedText, encodeSealedText } from './sealed-text.js';
import { Turns } from './turns.js';

/** What is used of a socket.io client's socket. */
export interface ClientSocket {
  readonly connected: boolean;
  /** Another one for each connection. */
  readonly id?: string | undefined;
  emit(event: string, ...parts: unknown[]): unknown;
  on(event: string, listener: (...parts: unknown[]) => void): unknown;
  off(event: string, listener: (...parts: unknown[]) => void): unknown;
}

export interface ClientChannelHooks {
  /** The worker pushes something. */
  push(name: string, value: unknown): void;
  /** A message did not open: the connection must be closed, and nothing of it is delivered any more. */
  broken(error: TrivetError): void;
}

/** What a client needs of a connection, once it is there. */
export interface ClientChannel {
  /** Sends an event. @param answered is told what the acknowledgement holds, unless the connection ends before */
  send(name: string, payload: unknown, answered: (outcome: unknown) => void): void;
  /** Ends it, without closing the socket. */
  close(): void;
}

/**
 * Agrees on keys with the worker.
 * @throws TrivetError FAILED_PRECONDITION when it does not have the key that it should have, or speaks no sealed messages
 */
export async function openChannel(
  socket: ClientSocket,
  worker: WorkerIdentity,
  hooks: ClientChannelHooks,
): Promise<ClientChannel> {
  const { id } = socket;
  const { hello, finish } = await createHello(worker);
  // Else socket.io would keep the hello and send it on the next connection.
  if (!socket.connected || socket.id !== id) {
    throw new TrivetError('UNAVAILABLE', `The connection to worker "${worker.name}" was lost.`, worker.name);
  }
  const answer = await new Promise<unknown>((resolve) => socket.emit(EVENTS.seal, hello, resolve));
  const { keys, proof } = await finish(answerBytes(answer, worker.name)).catch((error: unknown) => {
    if (error instanceof TrivetError && error.code === 'INVALID_ARGUMENT') throw strange(worker.name);
    throw error;
  });
  const { key, nonce } = keys.workerToClient;
  const opener = new RecordOpener(await createAead(key), nonce);
  try {
    await opener.open('proof', proof).text;
  } catch {
    const sentence = `Worker "${worker.name}" does not have the key that the cluster file names for it: nothing was sent.`;
    throw new TrivetError('FAILED_PRECONDITION', sentence, worker.name);
  }
  return new SealedClientChannel(socket, worker.name, hooks, await sealerOf(keys), opener);
}

async function sealerOf({ clientToWorker: { key, nonce } }: ConnectionKeys) {
  return new RecordSealer(await createAead(key), nonce);
}

/** @throws TrivetError */
function answerBytes(answer: unknown, worker: string): Uint8Array {
  const { ok, value, error } = (answer ?? {}) as { ok?: unknown; value?: unknown; error?: unknown };
  if (ok === true) {
    if (value instanceof Uint8Array || value instanceof ArrayBuffer)
      return attachmentBytes(value, 'The answer');
    throw strange(worker);
  }
  const told = check(errorBodySchema, error);
  // What a worker of before there were sealed messages says.
  const isOld = told.success && /does not know that event/.test(told.data.message);
  const sentence = isOld
    ? `Worker "${worker}" takes no sealed messages: it runs an earlier version, update it.`
    : `Worker "${worker}" refuses a sealed connection.`;
  throw new TrivetError('FAILED_PRECONDITION', sentence, worker);
}

/** Not the caller's fault, as INVALID_ARGUMENT would say. */
function strange(worker: string): TrivetError {
  const sentence = `Worker "${worker}", or somebody on the way, begins a sealed connection in a way that is none: nothing was sent.`;
  return new TrivetError('FAILED_PRECONDITION', sentence, worker);
}

class SealedClientChannel implements ClientChannel {
  readonly #socket: ClientSocket;
  readonly #worker: string;
  readonly #hooks: ClientChannelHooks;
  readonly #sealer: RecordSealer<Maybe<Uint8Array>>;
  readonly #opener: RecordOpener<Maybe<Uint8Array>>;
  readonly #outgoing = new Turns();
  readonly #incoming = new Turns();
  #closed = false;

  constructor(
    socket: ClientSocket,
    worker: string,
    hooks: ClientChannelHooks,
    sealer: RecordSealer<Maybe<Uint8Array>>,
    opener: RecordOpener<Maybe<Uint8Array>>,
  ) {
    this.#socket = socket;
    this.#worker = worker;
    this.#hooks = hooks;
    this.#sealer = sealer;
    this.#opener = opener;
    socket.on(EVENTS.sealed, this.#pushed);
  }

  send(name: string, payload: unknown, answered: (outcome: unknown) => void): void {
    if (this.#closed) return;
    // The text, the record over it and the frame around that are one piece of memory: shares of a hundred digits are large.
    let room: Uint8Array | undefined;
    const text = encodeSealedText({ name, value: payload }, (length) => {
      room = bytesToFrame(length + AEAD_TAG_BYTES);
      return room.subarray(0, length);
    });
    const { number, record } = this.#sealer.seal('event', text, 0, room);
    // A share, maybe, of which the cipher has a copy.
    if (record !== room) text.fill(0);
    const answer = (...parts: unknown[]) => {
      this.#open('answer', parts, number, ({ value }) => answered(value));
    };
    this.#outgoing.take(
      record,
      (bytes) => {
        if (!this.#closed) this.#socket.emit(EVENTS.sealed, bytes, answer);
      },
      (error) => this.#break(error),
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.off(EVENTS.sealed, this.#pushed);
    this.#sealer.wipe();
    this.#opener.wipe();
  }

  readonly #pushed = (...parts: unknown[]) => {
    this.#open('push', parts, 0, ({ name, value }) => this.#hooks.push(name, value));
  };

  #open(
    kind: 'answer' | 'push',
    parts: readonly unknown[],
    answers: number,
    use: (text: { readonly name: string; readonly value: unknown }) => void,
  ): void {
    if (this.#closed) return;
    const [bytes] = parts;
    let text: Maybe<Uint8Array>;
    try {
      if (parts.length !== 1) throw new Error('An answer has one part.');
      text = this.#opener.open(kind, attachmentBytes(bytes, 'An answer'), answers).text;
    } catch (error) {
      this.#break(error);
      return;
    }
    this.#incoming.take(
      text,
      (opened) => {
        if (!this.#closed) use(decodeSealedText(opened));
      },
      (error) => this.#break(error),
    );
  }

  #break(cause: unknown): void {
    if (this.#closed) return;
    this.close();
    const error = brokenSeal(`A message to or from worker "${this.#worker}"`, this.#worker);
    this.#hooks.broken(new TrivetError(error.code, error.message, error.worker, { cause }));
  }
}
