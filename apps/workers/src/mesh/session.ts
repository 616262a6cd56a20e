/**
 * One session of the protocol over the mesh: the channel that mpc-core runs on. It is bound to the two links on
 * which it started, for its keys are theirs; when one of them dies, so does the session.
 */
import type { Channel, PartyIndex } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import { FRAME_KINDS, type SessionKey } from './frames.js';
import type { Link } from './link.js';
import { encodeError } from './messages.js';

/** What a peer may send ahead of what this worker has asked for. */
const MAX_QUEUED_BYTES = 1024 * 1024 * 1024;

interface Waiting {
  readonly step: number;
  readonly bytes: number;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** Frames from one peer, in order: those that came before they were asked for, or who waits for the next. */
class Inbox {
  readonly steps: number[] = [];
  readonly payloads: Uint8Array[] = [];
  queuedBytes = 0;
  waiting: Waiting | null = null;
  /** What the last receive gave: its buffer is used again at the next one. */
  taken: Uint8Array | null = null;
}

/** Is told when a session waits for a frame, and when no longer. */
export interface Waits {
  begin(): void;
  end(): void;
}

export class Session implements Channel {
  readonly self: PartyIndex;
  bytesSent = 0;
  bytesReceived = 0;
  #error: TrivetError | null = null;
  /** Peers that were sent something, a bit each. */
  #told = 0;
  readonly #abort = new AbortController();
  readonly #inboxes = [new Inbox(), new Inbox(), new Inbox()] as const;

  /** @param links by index of the peer; this worker's own entry is undefined */
  constructor(
    readonly key: SessionKey,
    self: PartyIndex,
    private readonly workerName: string,
    readonly links: readonly (Link | undefined)[],
    private readonly waits: Waits,
  ) {
    this.self = self;
  }

  /** Aborts when the session fails. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get error(): TrivetError | null {
    return this.#error;
  }

  send(peer: PartyIndex, step: number, payload: Uint8Array): void {
    if (this.#error !== null) throw this.#error;
    this.#told |= 1 << peer;
    this.bytesSent += this.#link(peer).send(FRAME_KINDS.data, payload, this.key, step);
  }

  receive(peer: PartyIndex, step: number, bytes: number): Promise<Uint8Array> {
    if (this.#error !== null) return Promise.reject(this.#error);
    const inbox = this.#inboxes[peer];
    if (inbox.taken !== null) this.#link(peer).recycle(inbox.taken);
    inbox.taken = null;
    const payload = inbox.payloads.shift();
    if (payload !== undefined) {
      inbox.queuedBytes -= payload.length;
      inbox.taken = payload;
      if (inbox.steps.shift() === step && payload.length === bytes) return Promise.resolve(payload);
      return Promise.reject(this.#unexpected(peer));
    }
    if (inbox.waiting !== null) {
      return Promise.reject(new TrivetError('INTERNAL', 'Two receives wait for one peer.', this.workerName));
    }
    // Where all three take turns, as in `securenn`, those who wait would keep cores from the one that works.
    if ((this.#told & (this.#told - 1)) === 0) this.waits.begin();
    return new Promise((resolve, reject) => {
      inbox.waiting = { step, bytes, resolve, reject };
    });
  }

  /** A data frame has come from `peer`. */
  deliver(peer: PartyIndex, step: number, payload: Uint8Array): void {
    if (this.#error !== null) return;
    this.bytesReceived += payload.length;
    const inbox = this.#inboxes[peer];
    const waiting = inbox.waiting;
    if (waiting !== null) {
      if (waiting.step === step && waiting.bytes === payload.length) {
        inbox.waiting = null;
        this.waits.end();
        inbox.taken = payload;
        this.#link(peer).hold(payload);
        waiting.resolve(payload);
      } else {
        this.#unexpected(peer);
      }
      return;
    }
    inbox.queuedBytes += payload.length;
    if (inbox.queuedBytes > MAX_QUEUED_BYTES) {
      this.#unexpected(peer);
      return;
    }
    inbox.steps.push(step);
    inbox.payloads.push(this.#link(peer).keep(payload));
  }

  /**
   * Ends the session with an error: everybody who waits is told, now.
   * @param tellPeers whether the other workers are told too
   */
  fail(error: TrivetError, tellPeers: boolean): void {
    if (this.#error !== null) return;
    this.#error = error;
    if (tellPeers) {
      const payload = encodeError(error);
      for (const link of this.links) link?.send(FRAME_KINDS.abort, payload, this.key);
    }
    for (const inbox of this.#inboxes) {
      const waiting = inbox.waiting;
      inbox.waiting = null;
      inbox.payloads.length = 0;
      inbox.steps.length = 0;
      waiting?.reject(error);
    }
    this.#abort.abort(error);
  }

  /** The run is over: nobody reads what was received any more. */
  end(): void {
    for (const [peer, inbox] of this.#inboxes.entries()) {
      if (inbox.taken !== null) this.#link(peer as PartyIndex).recycle(inbox.taken);
      inbox.taken = null;
    }
  }

  #unexpected(peer: PartyIndex): TrivetError {
    const name = this.#link(peer).peer.name;
    const error = new TrivetError(
      'ABORTED',
      `${this.workerName} was sent a frame by ${name} that does not fit the protocol; the batch is given up.`,
      this.workerName,
    );
    this.fail(error, true);
    return error;
  }

  #link(peer: PartyIndex): Link {
    const link = this.links[peer];
    if (link === undefined) throw new RangeError(`worker ${this.self} has no link to worker ${peer}`);
    return link;
  }
}
