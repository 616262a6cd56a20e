/**
 * One connection to one peer, from the moment both have said hello until it closes. A peer that reconnects gets a
 * new link with a new key; nothing of the old one is carried over.
 */
import type { TLSSocket } from 'node:tls';
import type { PartyIndex } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import type { BufferPool, ReadBuffers } from './buffers.js';
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
/** Frames that wait are written together up to this size. */
const MAX_MERGED_BYTES = 128 * 1024;
/** So long a frame that is in no hurry waits for another one to go with. */
const UNHURRIED_MS = 5;

export interface Peer {
  readonly index: PartyIndex;
  readonly name: string;
}

export interface LinkOptions {
  readonly self: string;
  readonly peer: Peer;
  /** Where the buffers of frames come from. */
  readonly pool: BufferPool;
  /** Where the socket's bytes lie; undefined when each chunk has memory of its own. */
  readonly reads?: ReadBuffers;
  readonly maxFrameBytes: number;
  readonly heartbeatMs: number;
  readonly peerTimeoutMs: number;
  /** Where the socket's bytes are to go; a chunk is overwritten once it was taken. */
  readonly incoming: (receive: (chunk: Buffer) => void) => void;
  /**
   * Every frame but heartbeats. Throwing closes the link. The payload of a data frame is good during the call only; `hold`
   * or `keep` what is needed longer. Others are the receiver's own.
   */
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
  /** The pair's key; wiped when the link closes. */
  readonly #key: Uint8Array;
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
  /** Frames that wait until the one before is written. */
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  #writing = false;
  /** While a frame may wait that is in no hurry. */
  #unhurried: NodeJS.Timeout | undefined;
  #silentBeats = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly socket: TLSSocket,
    private readonly options: LinkOptions,
  ) {
    this.peer = options.peer;
    this.#key = new Uint8Array(socket.exportKeyingMaterial(KEY_BYTES, KEY_LABEL, Buffer.alloc(0)));
    this.id = socket.exportKeyingMaterial(ID_BYTES, ID_LABEL, Buffer.alloc(0)).toString('hex');
    this.#reader = new FrameReader(options.maxFrameBytes, this.#onFrame, options.pool);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    options.incoming(this.#onData);
    socket.on('error', (error) => this.#abandon((error as NodeJS.ErrnoException).code));
    socket.on('end', () => this.#abandon());
    socket.on('close', () => this.#end(this.#lost()));
  }

  /**
   * The pair's 32-byte key, fresh for this connection (RFC 8446 section 7.5), the same at both ends.
   * @throws TrivetError UNAVAILABLE once the link is closed: a key of zeros would mask nothing
   */
  get key(): Uint8Array {
    if (this.closed) throw this.#lost();
    return this.#key;
  }

  /**
   * Sends one frame; the payload is copied. Does nothing once the link is closed.
   * @returns bytes of the frame
   */
  send(kind: FrameKind, payload?: Uint8Array, session: SessionKey = NO_SESSION, step = 0): number {
    if (this.closed) return 0;
    const length = this.#queue(kind, payload, session, step);
    this.#write();
    return length;
  }

  /**
   * As `send`, for what nobody waits for: it goes with the next frame, or after five milliseconds. A frame that comes by
   * itself costs each end a system call and the receiver a turn of its event loop.
   */
  sendUnhurried(kind: FrameKind, payload?: Uint8Array, session: SessionKey = NO_SESSION): void {
    if (this.closed) return;
    this.#queue(kind, payload, session, 0);
    this.#unhurried ??= setTimeout(() => {
      this.#unhurried = undefined;
      this.#write();
    }, UNHURRIED_MS);
  }

  /** Frames leave in the order in which they come here. */
  #queue(kind: FrameKind, payload: Uint8Array | undefined, session: SessionKey, step: number): number {
    const frame = encodeFrame(this.options.pool, kind, session, step, payload);
    const { length } = frame;
    this.bytesSent += length;
    this.#unsent.push(frame);
    this.#unsentBytes += length;
    if (this.#unsentBytes > MAX_UNSENT_BYTES) {
      this.close(new TrivetError('UNAVAILABLE', `${this.peer.name} does not read.`, this.options.self));
    }
    return length;
  }

  /** Leaves a payload where it lies, to be read soon, until it is recycled. */
  hold(payload: Uint8Array): void {
    this.options.reads?.hold(payload);
  }

  /** A payload that may wait for long: a copy, unless it lies in a buffer of its own already. */
  keep(payload: Uint8Array): Uint8Array {
    const { pool } = this.options;
    if (pool.lends(payload)) return payload;
    const copy = pool.take(payload.length);
    copy.set(payload);
    return copy;
  }

  /** A payload that was held or kept is no longer needed. */
  recycle(payload: Uint8Array): void {
    this.options.pool.give(payload);
    this.options.reads?.release(payload);
  }

  /**
   * Writes what waits: small frames together, a large one alone, for Node copies what it writes together into a buffer of
   * its own, and a large one of those is what the pool is there to avoid.
   */
  #write(): void {
    if (this.#writing || this.#unsent.length === 0) return;
    const { pool } = this.options;
    let count = 1;
    let bytes = this.#unsent[0]!.length;
    while (count < this.#unsent.length && bytes + this.#unsent[count]!.length <= MAX_MERGED_BYTES) {
      bytes += this.#unsent[count++]!.length;
    }
    let frame = this.#unsent[0]!;
    if (count > 1) {
      frame = pool.take(bytes);
      let at = 0;
      for (const small of this.#unsent.slice(0, count)) {
        frame.set(small, at);
        at += small.length;
        pool.give(small);
      }
    }
    this.#unsent.splice(0, count);
    this.#writing = true;
    this.socket.write(frame, () => {
      pool.give(frame);
      this.#unsentBytes -= bytes;
      this.#writing = false;
      this.#write();
    });
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
    for (const frame of this.#unsent) this.socket.write(frame);
    this.#unsent = [];
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
      // Control frames are small, and their fields live on in what they set off.
      const own = kind === FRAME_KINDS.data ? payload : Buffer.from(payload);
      if (own !== payload) this.options.pool.give(payload);
      this.options.onFrame(this, kind, session, step, own);
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

  /** After an error of TLS itself, a damaged record for example, Node leaves the socket open: nobody would dial anew. */
  #abandon(code?: string): void {
    this.#end(this.#lost(code));
    // What `close` has written may still be on its way; its timer ends that.
    if (this.#closeTimer === undefined) this.socket.destroy();
  }

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
    this.#key.fill(0);
    this.#reader.stop();
    clearInterval(this.#heartbeat);
    clearTimeout(this.#unhurried);
    this.options.onClose(this, error);
  }
}
