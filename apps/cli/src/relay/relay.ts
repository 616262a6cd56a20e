/**
 * A TCP relay between programs of one machine: a network of which the faults are ours. As it starts it delays everything
 * by the same time in both directions, a wide-area network without root: it delays what programs write, end of stream
 * included; connections are made at once, bandwidth is not bounded and nothing is lost, so TCP's own slow start is not
 * seen. For that, delay packets in the kernel. `impair` makes single routes worse, and well again, while they are used.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { DelayLine } from './delay-line.js';
import { type Impairment, UNIMPAIRED } from './impairment.js';
import { Stream } from './stream.js';

/** From a port to listen on to one to connect to, both of this machine. */
export interface Route {
  readonly listenPort: number;
  readonly targetPort: number;
}

export interface Relay {
  /**
   * How a route is from now on, connections that are open included; what it was before is forgotten.
   * @param route its position among the routes
   */
  impair(route: number, impairment: Impairment): Promise<void>;
  close(): Promise<void>;
}

interface Connection {
  readonly near: Socket;
  readonly far: Socket;
  readonly streams: readonly [Stream, Stream];
}

const HOST = '127.0.0.1';

/**
 * Listens on every route.
 * @param oneWayMs half of the round-trip time
 * @throws the listen error, for example EADDRINUSE; nothing is left open then
 */
export async function startRelay(routes: readonly Route[], oneWayMs: number): Promise<Relay> {
  // One line serves all: with one delay, what comes first leaves first.
  const line = new DelayLine<() => void>(oneWayMs, (deliver) => deliver());
  const relayed = routes.map((route) => new RelayedRoute(route, line));
  const close = async () => {
    line.close();
    await Promise.all(relayed.map((route) => route.close()));
  };
  try {
    for (const route of relayed) await route.listen();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    close,
    async impair(route, impairment) {
      const found = relayed[route];
      if (found === undefined) throw new RangeError(`There is no route ${route}.`);
      found.impair(impairment);
    },
  };
}

class RelayedRoute {
  readonly #connections = new Set<Connection>();
  readonly #server: Server;
  #impairment = UNIMPAIRED;

  constructor(
    private readonly route: Route,
    private readonly line: DelayLine<() => void>,
  ) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#accept(near));
  }

  async listen(): Promise<void> {
    this.#server.listen(this.route.listenPort, HOST);
    await once(this.#server, 'listening');
  }

  impair(impairment: Impairment): void {
    this.#impairment = impairment;
    for (const connection of [...this.#connections]) this.#apply(connection);
  }

  async close(): Promise<void> {
    for (const { near, far } of this.#connections) {
      near.destroy();
      far.destroy();
    }
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    if (this.#impairment.cut) {
      near.on('error', () => undefined);
      near.resetAndDestroy();
      return;
    }
    const far = connect({ host: HOST, port: this.route.targetPort, noDelay: true, allowHalfOpen: true });
    const streams = [new Stream(near, far, this.line), new Stream(far, near, this.line)] as const;
    const connection: Connection = { near, far, streams };
    this.#connections.add(connection);
    const forget = () => {
      if (near.destroyed && far.destroyed) this.#connections.delete(connection);
    };
    near.once('close', forget);
    far.once('close', forget);
    this.#apply(connection);
  }

  #apply({ near, far, streams }: Connection): void {
    if (this.#impairment.cut) {
      for (const socket of [near, far]) {
        if (socket.connecting) socket.destroy();
        else socket.resetAndDestroy();
      }
      return;
    }
    for (const stream of streams) stream.impair(this.#impairment);
    if (this.#impairment.halfClosed) streams[1].end();
  }
}
