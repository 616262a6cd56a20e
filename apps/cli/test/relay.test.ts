/** The delaying relay on real sockets: it must delay by what it says, and change nothing else. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { findFreePorts } from '@trivet/node';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DelayLine } from '../src/relay/delay-line.js';
import { type Relay, startRelay } from '../src/relay/relay.js';
import { measureRoundTrip, startRelayProcess } from '../src/relay/start-relay.js';

describe('DelayLine', () => {
  it('releases in order, never early, and close to its time', async () => {
    const delayMs = 12;
    const late: number[] = [];
    const released: number[] = [];
    const pushedAt: number[] = [];
    const line = new DelayLine<number>(delayMs, (item) => {
      released.push(item);
      late.push(performance.now() - pushedAt[item]! - delayMs);
    });
    for (let item = 0; item < 40; item++) {
      pushedAt.push(performance.now());
      line.push(item);
      if (item % 3 === 0) await new Promise((resolve) => setTimeout(resolve, item % 5));
    }
    await expect.poll(() => released.length).toBe(40);
    expect(released).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    // The least, because a busy machine makes everything late; a whole-millisecond timer would be late always.
    expect(Math.min(...late)).toBeLessThan(0.5);
  });

  it('releases nothing after it was closed', async () => {
    let released = 0;
    const line = new DelayLine<number>(5, () => released++);
    line.push(1);
    line.close();
    line.push(2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(released).toBe(0);
  });
});

describe('relay', () => {
  let relay: Relay | undefined;
  let echo: Server;
  let ports: { listenPort: number; targetPort: number };
  const sockets: Socket[] = [];

  beforeEach(async () => {
    const [listenPort, targetPort] = (await findFreePorts(2)) as [number, number];
    ports = { listenPort, targetPort };
    echo = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
      sockets.push(socket);
    });
    echo.listen(targetPort, '127.0.0.1');
    await once(echo, 'listening');
  });

  afterEach(async () => {
    await relay?.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    await new Promise((resolve) => echo.close(resolve));
  });

  async function open(): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: ports.listenPort, allowHalfOpen: true, noDelay: true });
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  it('delays a round trip by twice the one-way time', async () => {
    relay = await startRelay([ports], 20);
    const socket = await open();
    const times: number[] = [];
    for (let ping = 0; ping < 8; ping++) {
      const start = performance.now();
      socket.write('x');
      await once(socket, 'data');
      times.push(performance.now() - start);
    }
    expect(Math.min(...times)).toBeGreaterThanOrEqual(40);
    expect(Math.min(...times)).toBeLessThan(50);
  });

  it('passes every byte in order, and the end of the stream after them', async () => {
    relay = await startRelay([ports], 3);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 100_000, size: 'max' }), {
          minLength: 1,
          maxLength: 6,
        }),
        async (chunks) => {
          const socket = await open();
          const received: Buffer[] = [];
          socket.on('data', (chunk: Buffer) => received.push(chunk));
          for (const chunk of chunks) socket.write(chunk);
          socket.end();
          await once(socket, 'end');
          expect(Buffer.compare(Buffer.concat(received), Buffer.concat(chunks))).toBe(0);
        },
      ),
      { numRuns: 10 },
    );
  });

  it('closes what it cannot connect', async () => {
    const [listenPort, nobody] = (await findFreePorts(2)) as [number, number];
    ports = { listenPort, targetPort: nobody };
    relay = await startRelay([ports], 1);
    const socket = await open();
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'end');
  });

  it('passes on that one side is gone', async () => {
    relay = await startRelay([ports], 2);
    const socket = await open();
    socket.write('x');
    await once(socket, 'data');
    socket.resume();
    socket.on('error', () => undefined);
    for (const other of sockets) if (other !== socket) other.destroy();
    await once(socket, 'end');
  });

  it('refuses a port that is taken and leaves nothing open', async () => {
    const [free] = (await findFreePorts(1)) as [number];
    const taken = { listenPort: ports.targetPort, targetPort: free };
    await expect(startRelay([{ ...ports }, taken], 1)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    relay = await startRelay([ports], 1);
  });

  it('in its own process: delays as measured, and refuses a taken port with a sentence', async () => {
    const [listenPort, targetPort] = (await findFreePorts(2)) as [number, number];
    const child = await startRelayProcess([{ listenPort, targetPort }], 10);
    try {
      const roundTrip = await measureRoundTrip({ listenPort, targetPort });
      expect(roundTrip).toBeGreaterThanOrEqual(20);
      expect(roundTrip).toBeLessThan(60);
      await expect(startRelayProcess([{ listenPort, targetPort }], 10)).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      });
    } finally {
      await child.close();
    }
  });
});
