/**
 * One connection to one peer, from the moment both have said hello until it closes. A peer that reconnects gets a
 * new link with a new key; nothing of the old one is carried over.
 */
import type { TLSSocket } from 'node:tls';
import type { PartyIndex } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import { EarlyFrames } from './early-frames.js';
import {
  encodeFrame,
  FRAME_KINDS,
  type FrameHandler,
  type FrameKind,
  FrameReader,
  NO_SESSION,
  type SessionKey,
} from './frames.js';
import { SessionLedger } from './session-ledger.js';

const KEY_LABEL = 'EXPORTER-trivet-mesh-key-v1';
const ID_LABEL = 'EXPORTER-trivet-mesh-link-v1';
const KEY_BYTES = 32;
const ID_BYTES = 8;
/** A peer that does not read is cut off when this much waits to be written. */
const MAX_UNSENT_BYTES = 1024 * 1024 * 1024;

export interface Peer {
  readonly index: PartyIndex;
  readonly name: string;
}

export interface LinkOptions {
  readonly self: string;
  readonly peer: Peer;
  readonly maxFrameBytes: number;
  readonly heartbeatMs: number;
  readonly peerTimeoutMs: number;
  /** Every frame but heartbeats. Throwing closes the link. */
  readonly onFrame: (
    link: Link,
    kind: FrameKind,
    session: SessionKey,
    step: number,
    payload: Uint8Array,
  ) => void;
  /** Once, when the link is of no more use. */
  readonly onClose: (link: Link, error: TrivetError) => void;
}

export class Link {
  readonly peer: Peer;
  /** The pair's 32-byte key, fresh for this connection (RFC 8446 section 7.5), the same at both ends. */
  readonly key: Uint8Array;
  /** Public name of this connection, hex, the same at both ends. */
  readonly id: string;
  readonly ledger = new SessionLedger();
  readonly early = new EarlyFrames();
  bytesSent = 0;
  bytesReceived = 0;
  /** Of the last heartbeat; null while unknown. */
  roundTripMs: number | null = null;
  closed = false;
  readonly #reader: FrameReader;
  #silentBeats = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly socket: TLSSocket,
    private readonly options: LinkOptions,
  ) {
    this.peer = options.peer;
    this.key = new Uint8Array(socket.exportKeyingMaterial(KEY_BYTES, KEY_LABEL, Buffer.alloc(0)));
    this.id = socket.exportKeyingMaterial(ID_BYTES, ID_LABEL, Buffer.alloc(0)).toString('hex');
    this.#reader = new FrameReader(options.maxFrameBytes, this.#onFrame);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    socket.on('data', this.#onData);
    socket.on('error', (error) => this.#end(this.#lost((error as NodeJS.ErrnoException).code)));
    socket.on('end', () => this.#end(this.#lost()));
    socket.on('close', () => this.#end(this.#lost()));
  }

  /** Sends one frame that belongs to no session. */
  send(kind: FrameKind, payload?: Uint8Array, session: SessionKey = NO_SESSION): void {
    this.write(encodeFrame(kind, session, 0, payload));
  }

  /** Writes an encoded frame, which must not change after that. Does nothing once the link is closed. */
  write(frame: Buffer): void {
    if (this.closed) return;
    this.bytesSent += frame.length;
    this.socket.write(frame);
    if (this.socket.writableLength > MAX_UNSENT_BYTES) {
      this.close(new TrivetError('UNAVAILABLE', `${this.peer.name} does not read.`, this.options.self));
    }
  }

  /** Starts to watch whether the peer is alive. */
  startHeartbeat(): void {
    const { heartbeatMs, peerTimeoutMs } = this.options;
    // Counted in beats, each with a turn of the event loop before it: own long computations are not the peer's silence.
    const allowed = Math.ceil(peerTimeoutMs / heartbeatMs);
    this.#heartbeat = setInterval(() => {
      if (this.#silentBeats++ >= allowed) {
        this.close(
          new TrivetError('UNAVAILABLE', `${this.peer.name} has been silent too long.`, this.options.self),
        );
        return;
      }
      this.early.sweep(performance.now());
      const now = Buffer.allocUnsafe(8);
      now.writeDoubleLE(performance.now());
      this.send(FRAME_KINDS.ping, now);
    }, heartbeatMs);
  }

  /** Closes the connection; what was written is still sent. */
  close(error: TrivetError): void {
    if (this.closed) return;
    this.socket.end();
    this.#closeTimer = setTimeout(() => this.socket.destroy(), 500);
    this.#end(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.bytesReceived += chunk.length;
    this.#silentBeats = 0;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      const reason = error instanceof TrivetError ? error.message : 'A frame could not be handled.';
      this.close(
        new TrivetError(
          'UNAVAILABLE',
          `The connection to ${this.peer.name} was closed: ${reason}`,
          this.options.self,
          {
            cause: error,
          },
        ),
      );
    }
  };

  readonly #onFrame: FrameHandler = (kind, session, step, payload) => {
    if (this.#heartbeat === undefined || (kind !== FRAME_KINDS.ping && kind !== FRAME_KINDS.pong)) {
      this.options.onFrame(this, kind, session, step, payload);
      return;
    }
    if (payload.length !== 8) throw new TrivetError('INVALID_ARGUMENT', 'a heartbeat is malformed.');
    if (kind === FRAME_KINDS.ping) {
      this.send(FRAME_KINDS.pong, payload);
    } else {
      const sent = Buffer.from(payload.buffer, payload.byteOffset, 8).readDoubleLE();
      const elapsed = performance.now() - sent;
      this.roundTripMs = elapsed >= 0 ? elapsed : null;
    }
  };

  #lost(code?: string): TrivetError {
    const why = code === undefined ? '' : ` (${code})`;
    return new TrivetError(
      'UNAVAILABLE',
      `${this.options.self} lost its connection to ${this.peer.name}${why}; it reconnects by itself.`,
      this.options.self,
    );
  }

  #end(error: TrivetError): void {
    if (this.socket.destroyed) clearTimeout(this.#closeTimer);
    if (this.closed) return;
    this.closed = true;
    this.#reader.stop();
    clearInterval(this.#heartbeat);
    this.options.onClose(this, error);
  }
}
