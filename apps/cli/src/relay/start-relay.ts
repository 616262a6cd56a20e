/** Starts the relay's process, and measures what it does to a round trip. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { TrivetError } from '@trivet/shared-types';
import { median } from '../bench/statistics.js';
import type { Relay, Route } from './relay.js';
import type { RelayAnswer, RelayOrder } from './relay-process.js';

/** The built program; this file's folder is two below the package, in src and in dist. */
const PROGRAM = fileURLToPath(new URL('../../dist/relay/relay-process.js', import.meta.url));
const PINGS = 15;

/** @throws TrivetError UNAVAILABLE when a port is not free */
export async function startRelayProcess(routes: readonly Route[], oneWayMs: number): Promise<Relay> {
  const child = fork(PROGRAM, { execArgv: [] });
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
  };
  const send = (order: RelayOrder) => child.send(order);
  const waiting = new Map<number, () => void>();
  const listening = new Promise<void>((resolve, reject) => {
    const fail = (why: string) => reject(new TrivetError('UNAVAILABLE', `The relay did not start: ${why}.`));
    child.once('exit', () => {
      fail('its process ended');
      for (const done of waiting.values()) done();
    });
    child.on('message', (answer: RelayAnswer) => {
      if (answer.kind === 'listening') resolve();
      else if (answer.kind === 'failed') fail(answer.error);
      else waiting.get(answer.id)?.();
    });
  });
  send({ kind: 'start', routes, oneWayMs });
  try {
    await listening;
  } catch (error) {
    await close();
    throw error;
  }
  let last = 0;
  const impair: Relay['impair'] = async (route, impairment) => {
    if (!child.connected) return;
    const id = ++last;
    const done = new Promise<void>((resolve) => waiting.set(id, resolve));
    send({ kind: 'impair', id, route, impairment });
    await done;
    waiting.delete(id);
  };
  return { impair, close };
}

/**
 * Milliseconds of a round trip of 64 bytes, the median of several, to an echo server behind a route.
 * @param route whose target port is free: the echo server listens there
 */
export async function measureRoundTrip({ listenPort, targetPort }: Route): Promise<number> {
  const echo = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  echo.listen(targetPort, '127.0.0.1');
  await once(echo, 'listening');
  const socket = connect({ host: '127.0.0.1', port: listenPort, noDelay: true });
  try {
    await once(socket, 'connect');
    const times: number[] = [];
    for (let ping = 0; ping < PINGS; ping++) {
      const start = performance.now();
      socket.write(Buffer.alloc(64));
      for (let missing = 64; missing > 0; ) missing -= ((await once(socket, 'data')) as [Buffer])[0].length;
      times.push(performance.now() - start);
    }
    return median(times);
  } finally {
    socket.destroy();
    echo.close();
  }
}
