/**
 * A TCP relay that delays everything by the same time in both directions: a wide-area network on one machine, without
 * root. It delays what programs write, end of stream included; connections are made at once, bandwidth is not bounded
 * and nothing is lost, so TCP's own slow start is not seen. For that, delay packets in the kernel.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { DelayLine } from './delay-line.js';

/** From a port to listen on to one to connect to, both of this machine. */
export interface Route {
  readonly listenPort: number;
  readonly targetPort: number;
}

export interface Relay {
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
/** A source is not read while this much of it is on its way. */
const MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024;

/**
 * Listens on every route.
 * @param oneWayMs half of the round-trip time
 * @throws the listen error, for example EADDRINUSE; nothing is left open then
 */
export async function startRelay(routes: readonly Route[], oneWayMs: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  // One line serves all: with one delay, what comes first leaves first.
  const line = new DelayLine<() => void>(oneWayMs, (deliver) => deliver());
  const close = async () => {
    line.close();
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  };
  try {
    for (const { listenPort, targetPort } of routes) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
        const far = connect({ host: HOST, port: targetPort, noDelay: true, allowHalfOpen: true });
        for (const socket of [near, far]) {
          sockets.add(socket);
          socket.once('close', () => sockets.delete(socket));
        }
        pipeDelayed(near, far, line);
        pipeDelayed(far, near, line);
      });
      servers.push(server);
      server.listen(listenPort, HOST);
      await once(server, 'listening');
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

function pipeDelayed(from: Socket, to: Socket, line: DelayLine<() => void>): void {
  let inFlight = 0;
  from.on('data', (chunk: Buffer) => {
    inFlight += chunk.length;
    if (inFlight > MAX_BYTES_IN_FLIGHT) from.pause();
    line.push(() => {
      to.write(chunk, () => {
        inFlight -= chunk.length;
        if (from.isPaused() && inFlight < MAX_BYTES_IN_FLIGHT / 2) from.resume();
      });
    });
  });
  from.on('end', () => line.push(() => to.end()));
  // What broke here is broken for the other side too; the 'close' that follows says so.
  from.on('error', () => undefined);
  from.on('close', () => line.push(() => to.destroySoon()));
}
