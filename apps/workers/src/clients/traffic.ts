/**
 * What connections have this worker keep in memory: what they were sent and do not read, and what they have begun to send
 * and do not end. Who reads and writes at all keeps next to nothing here.
 */
import type { Socket } from 'socket.io';

/** Answers that a connection may leave unread before it asks for more. */
export const UNREAD_BYTES = 16 * 1024 * 1024;

export interface TrafficLimits {
  /** Of one message on its way in. */
  readonly unfinished: number;
  /** Of one connection, before the newest message. */
  readonly unread: number;
  /** Of all connections together. */
  readonly total: number;
}

/** What is used of engine.io's connection. */
export interface Connection {
  on(event: string, listener: (packet: { readonly data?: unknown }) => void): unknown;
  readonly transport: { on(event: 'drain', listener: () => void): unknown };
}

export interface RawSocket {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
}

export type EngineConnection = Socket['conn'];

export class Traffic {
  readonly #connections = new Set<ConnectionTraffic>();

  constructor(readonly limits: TrafficLimits) {}

  /** Of all connections. */
  get bytes(): number {
    let bytes = 0;
    for (const connection of this.#connections) bytes += connection.bytes;
    return bytes;
  }

  /**
   * Watches a connection until it closes.
   * @param raw the socket below the websocket
   * @param close ends it at once: it keeps too much
   */
  watch(connection: Connection, raw: RawSocket, close: () => void): ConnectionTraffic {
    const traffic = new ConnectionTraffic(connection, raw, close, () => this.#check(traffic));
    this.#connections.add(traffic);
    connection.on('close', () => this.#connections.delete(traffic));
    return traffic;
  }

  #check(grown: ConnectionTraffic): void {
    const { unfinished, unread, total } = this.limits;
    if (grown.unfinished > unfinished || grown.unreadBefore > unread) grown.close();
    // All of it is added up for those only without which it could not be too large; so it is half as much again at most.
    if (grown.bytes < total / (2 * this.#connections.size) || this.bytes <= total) return;
    const [most] = [...this.#connections].sort((left, right) => right.bytes - left.bytes);
    most!.close();
  }
}

export class ConnectionTraffic {
  /** Bytes that came since the last whole event. */
  unfinished = 0;
  /** What was unread before the newest message. */
  unreadBefore = 0;
  /** Waits until what is before it was written. */
  #waiting = 0;
  /** Was given to the system, which has not taken all of it. */
  #written = 0;
  #closed = false;

  constructor(
    connection: Connection,
    raw: RawSocket,
    private readonly end: () => void,
    grown: () => void,
  ) {
    raw.on('data', ({ length }) => {
      this.unfinished += length;
      grown();
    });
    connection.on('packetCreate', ({ data }) => {
      this.unreadBefore = this.unread;
      this.#waiting += sizeOf(data);
      grown();
    });
    connection.on('flush', () => {
      this.#written += this.#waiting;
      this.#waiting = 0;
    });
    connection.transport.on('drain', () => {
      this.#written = 0;
    });
  }

  get unread(): number {
    return this.#waiting + this.#written;
  }

  get bytes(): number {
    return this.#closed ? 0 : this.unfinished + this.unread;
  }

  /** A whole event has come. */
  received(): void {
    this.unfinished = 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.end();
  }
}

function sizeOf(data: unknown): number {
  if (typeof data === 'string') return data.length;
  return data instanceof Uint8Array ? data.length : 0;
}
