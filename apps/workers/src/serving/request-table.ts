/**
 * The requests that this worker holds: a client's shares, from their arrival to the answer. An id is used once: a
 * repetition is refused while the request is open and long after, for a request that ran twice would be answered twice.
 */
import type { InputShare } from '@trivet/mpc-core';
import {
  type PredictRequest,
  type ProtocolName,
  type TokenGrant,
  TransientMap,
  TrivetError,
} from '@trivet/shared-types';
import { FairShare } from './fair-share.js';
import type { Model } from './models.js';

/** Longer than any deadline. */
const REMEMBER_MS = 15 * 60_000;
const MAX_REMEMBERED = 200_000;

/** Who asks. */
export interface Asker {
  /** What the request is counted on; null: no token is needed. */
  readonly token: TokenGrant | null;
  /** Whose part of the places it takes: the token's, or else the connection's. */
  readonly client: string;
  /** The one that it came on. */
  readonly connection: string;
}

export interface OpenRequest extends Asker {
  readonly id: string;
  readonly model: Model;
  readonly count: number;
  /** The one that the client named; null: none. */
  readonly protocol: ProtocolName | null;
  /** What the client will call its next request, of one sample for the same model and protocol; null: not told. */
  readonly nextRequestId: string | null;
  readonly share: InputShare;
  readonly deadlineMs: number;
  /** By `performance.now()`. */
  readonly arrivedAt: number;
  readonly deadlineAt: number;
  /** The batch it runs in, once one was proposed. */
  batch: { abandon(error: TrivetError): void } | null;
  /** Whether the client has its answer; the shares are kept while a batch may still need them. */
  readonly answered: boolean;
  /** Answers the client; only the first call counts. */
  answer(outcome: Uint8Array | TrivetError): void;
}

export interface RequestTableOptions {
  readonly worker: string;
  readonly maxRequests: number;
  readonly maxRequestBytes: number;
  /** The client gave up, or its deadline passed, before there was an answer. */
  readonly onGivenUp: (request: OpenRequest, error: TrivetError) => void;
}

export class RequestTable {
  readonly #open = new TransientMap<string, Entry>();
  /** Ids of the past, oldest first, and until when they are remembered. */
  readonly #past = new Map<string, number>();
  readonly #places: FairShare;
  /** Of the open requests' shares. */
  readonly #bytes: FairShare;

  constructor(private readonly options: RequestTableOptions) {
    this.#places = new FairShare(options.maxRequests);
    this.#bytes = new FairShare(options.maxRequestBytes);
  }

  get size(): number {
    return this.#open.size;
  }

  get(id: string): OpenRequest | undefined {
    return this.#open.get(id);
  }

  values(): IterableIterator<OpenRequest> {
    return this.#open.values();
  }

  /** Whether a request with this id was here before. */
  isPast(id: string): boolean {
    return this.#past.has(id);
  }

  /** @throws TrivetError ALREADY_EXISTS when the id was used before */
  checkNew(id: string): void {
    if (this.#open.has(id) || this.#past.has(id)) {
      throw new TrivetError(
        'ALREADY_EXISTS',
        'This request id was used before; every request needs a fresh one.',
        this.options.worker,
      );
    }
  }

  /**
   * @param part of all places that may be taken
   * @throws TrivetError RESOURCE_EXHAUSTED when this client could not have one more request here
   */
  checkRoom(client: string, part: number): void {
    if (!this.#places.hasRoom(client, 1, part)) throw this.#noRoom();
  }

  /** Takes a checked request in; `answer` is called exactly once. @throws TrivetError RESOURCE_EXHAUSTED */
  admit(
    request: PredictRequest,
    model: Model,
    asker: Asker,
    answer: (outcome: Uint8Array | TrivetError) => void,
  ): OpenRequest {
    const entry = new Entry(request, model, asker, answer);
    const { client, bytes } = entry;
    if (!this.#places.hasRoom(client, 1) || !this.#bytes.hasRoom(client, bytes)) {
      throw this.#noRoom();
    }
    this.#places.take(client, 1);
    this.#bytes.take(client, bytes);
    entry.timer = setTimeout(() => {
      this.giveUp(
        entry,
        new TrivetError(
          'DEADLINE_EXCEEDED',
          `The prediction did not end within ${request.deadlineMs} ms.`,
          this.options.worker,
        ),
      );
    }, request.deadlineMs);
    this.#open.set(entry.id, entry);
    return entry;
  }

  /** Answers with an error now; the request stays until `remove`, for its batch may have begun elsewhere. */
  giveUp(request: OpenRequest, error: TrivetError): void {
    if (request.answered) return;
    request.answer(error);
    this.options.onGivenUp(request, error);
  }

  /** Wipes the shares, which nobody reads any more, and remembers the id. */
  remove(request: OpenRequest): void {
    const entry = this.#open.get(request.id);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    this.#open.delete(request.id);
    this.#places.giveBack(entry.client, 1);
    this.#bytes.giveBack(entry.client, entry.bytes);
    for (const part of [entry.share.first, entry.share.second]) bytesOf(part).fill(0);
    this.#remember(request.id);
  }

  #noRoom(): TrivetError {
    const { worker } = this.options;
    const message = `${worker} holds ${this.#open.size} requests and can take no more of this client; try again later.`;
    return new TrivetError('RESOURCE_EXHAUSTED', message, worker);
  }

  #remember(id: string): void {
    const now = performance.now();
    for (const [old, until] of this.#past) {
      if (until > now && this.#past.size < MAX_REMEMBERED) break;
      this.#past.delete(old);
    }
    this.#past.set(id, now + REMEMBER_MS);
  }
}

class Entry implements OpenRequest {
  readonly id: string;
  readonly count: number;
  readonly protocol: ProtocolName | null;
  readonly nextRequestId: string | null;
  readonly share: InputShare;
  readonly token: TokenGrant | null;
  readonly client: string;
  readonly connection: string;
  readonly deadlineMs: number;
  readonly bytes: number;
  readonly arrivedAt = performance.now();
  readonly deadlineAt: number;
  batch: OpenRequest['batch'] = null;
  answered = false;
  timer: NodeJS.Timeout | undefined;
  readonly #answer: (outcome: Uint8Array | TrivetError) => void;

  constructor(
    request: PredictRequest,
    readonly model: Model,
    { token, client, connection }: Asker,
    answer: (outcome: Uint8Array | TrivetError) => void,
  ) {
    const { requestId, count, protocol, nextRequestId, deadlineMs, first, second } = request;
    this.id = requestId;
    this.count = count;
    this.protocol = protocol;
    this.nextRequestId = nextRequestId;
    this.share = { count, first, second };
    this.token = token;
    this.client = client;
    this.connection = connection;
    this.bytes = bytesOf(first).length + bytesOf(second).length;
    this.deadlineMs = deadlineMs;
    this.deadlineAt = this.arrivedAt + deadlineMs;
    this.#answer = answer;
  }

  answer(outcome: Uint8Array | TrivetError): void {
    if (this.answered) return;
    this.answered = true;
    clearTimeout(this.timer);
    this.#answer(outcome);
  }
}

function bytesOf(part: PredictRequest['first']): Uint8Array {
  return part.kind === 'seed' ? part.seed : part.words;
}
