/** The service as it runs: three processes, real sockets, the real protocol. */
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { connect as connectTcp, type Socket as TcpSocket } from 'node:net';
import { join } from 'node:path';
import { EVENTS, type ServedEvent, type WorkerStatus } from '@trivet/shared-types';
import { io } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import {
  expectClose,
  type SharedTestModel,
  someInputs,
  type TestClient,
  type TestCluster,
  until,
  WorkerProcess,
} from './support/cluster.js';
import { useCluster } from './support/use-cluster.js';

/** The bytes of a websocket's text message, unmasked by a mask of zeros. */
const frame = (text: string) =>
  Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

let cluster: TestCluster;
let idle: { readonly what: string; readonly socket: TcpSocket }[];
let owner: TestClient;
let model: SharedTestModel;

/** Connects to bob and goes so far, no further. What he says is read, and pings are answered by nobody. */
function overTcp(what: string): TcpSocket {
  const port = Number(new URL(cluster.cluster.workers[1].url).port);
  const socket = connectTcp({ host: '127.0.0.1', port });
  socket.on('error', () => {}).resume();
  const upgrade = [
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
  ].join('\r\n');
  if (what === 'half of a request') socket.write(upgrade);
  if (what === 'a websocket' || what === 'one that joined') socket.write(`${upgrade}\r\n\r\n`);
  if (what === 'one that joined') socket.once('data', () => socket.write(frame('40')));
  return socket;
}

const { connect } = useCluster(
  async (...started) => {
    [cluster, owner] = started;
    model = await owner.share();
    await owner.serve('small');
    idle = ['a silent one', 'half of a request', 'a websocket', 'one that joined'].map((what) => ({
      what,
      socket: overTcp(what),
    }));
  },
  {
    batching: { maxBatchSize: 8 },
    limits: { maxRequestsPerConnection: 20, maxRequestBytes: 1_048_576 },
  },
);

async function get(path: string, worker = 0): Promise<{ status: number; text: string }> {
  const response = await fetch(`${cluster.cluster.workers[worker]!.url}${path}`);
  return { status: response.status, text: await response.text() };
}

describe('predictions', () => {
  it('are right, one at a time and in batches', async () => {
    const client = await connect();
    for (const count of [1, 1, 3, 8, 20]) {
      const inputs = someInputs(count);
      expectClose(await client.predict(model, inputs), inputs);
    }
  });

  it('are right for many clients at once', async () => {
    const many = await Promise.all(Array.from({ length: 5 }, connect));
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const inputs = someInputs((i % 4) + 1).map((value) => (value * (i + 1)) / 60);
        expectClose(await many[i % 5]!.predict(model, inputs), inputs);
      }),
    );
  });

  it('say at every worker how many were served', async () => {
    // A batch ends a moment after its answers, and the followers are told what was served a moment after that.
    let start = 0;
    await until(async () => {
      const { text } = await get('/metrics');
      const statuses = await owner.all((worker) => owner.status(worker));
      const counts = statuses.map(({ models }) => models[0]!.served!);
      start = counts[0]!;
      return /^trivet_batches_running\{.*\} 0$/m.test(text) && new Set(counts).size === 1;
    }, 'one count at every worker');
    const events: number[][] = [[], [], []];
    owner.pushed = (worker, event, value) => {
      if (event === EVENTS.server.served) events[worker]!.push((value as ServedEvent).served);
    };
    const client = await connect();
    await client.predict(model, someInputs(3));
    await until(() => events.every((seen) => seen.length > 0), 'served events');
    for (const seen of events) expect(seen).toEqual([start + 3]);
    owner.pushed = () => {};
  });

  it.each([
    [0, 1, 2],
    [2, 0, 1],
    [1, 2, 0],
  ])('are right when the shares come late, first at worker %i, then at %i', async (...order) => {
    const client = await connect();
    const inputs = someInputs(1);
    const late = (worker: number) =>
      new Promise<void>((resolve) => setTimeout(resolve, 150 * order.indexOf(worker)));
    const { logits } = await client.predictUnder(null, model, inputs, undefined, late);
    expectClose(logits, inputs);
  });

  it('answer nobody when a worker refuses its share after the leader has begun', async () => {
    const client = await connect();
    const good = await client.messages(model, someInputs(1));
    const others = Promise.allSettled([0, 1].map((w) => client.call(w, EVENTS.predict, good.parts[w])));
    const broken = Uint8Array.from(good.parts[2]!);
    // The count of samples, too large for any worker.
    new DataView(broken.buffer).setUint32(56, 999_999, true);
    const refused = client.call(2, EVENTS.predict, broken);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    // As a client does that has one failure: the others need not wait for the deadline.
    await Promise.all([0, 1].map((w) => client.call(w, EVENTS.cancel, { requestId: good.requestId })));
    for (const outcome of await others) expect(outcome.status).toBe('rejected');
    await client.predict(model, someInputs(1));
  });

  it('refuse a repeated request, during and after', async () => {
    const client = await connect();
    const { parts } = await client.messages(model, someInputs(1));
    const first = client.all((worker) => client.call(worker, EVENTS.predict, parts[worker]));
    await expect(client.call(0, EVENTS.predict, parts[0])).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await first;
    const other = await connect();
    for (const worker of [0, 1, 2] as const) {
      await expect(other.call(worker, EVENTS.predict, parts[worker])).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
        worker: ['alice', 'bob', 'carol'][worker],
      });
    }
  });

  it('never join shares of different size under one id', async () => {
    const client = await connect();
    const one = await client.messages(model, someInputs(1));
    const two = await client.messages(model, someInputs(2), 10_000, one.requestId);
    const parts = [one.parts[0], one.parts[1], two.parts[2]];
    const outcomes = await Promise.allSettled(
      parts.map((part, worker) => client.call(worker, EVENTS.predict, part)),
    );
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'INVALID_ARGUMENT' } });
    }
  });

  it('fail everywhere when one share does not come, at the deadline', async () => {
    const client = await connect();
    const { parts } = await client.messages(model, someInputs(1), 300);
    const at = performance.now();
    const outcomes = await Promise.allSettled([0, 1].map((w) => client.call(w, EVENTS.predict, parts[w])));
    expect(performance.now() - at).toBeLessThan(2000);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'DEADLINE_EXCEEDED' } });
    }
    const late = client.call(2, EVENTS.predict, parts[2]);
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('can be cancelled, and a client that leaves cancels what it asked for', async () => {
    const client = await connect();
    const { parts, requestId } = await client.messages(model, someInputs(1));
    const waiting = expect(client.call(1, EVENTS.predict, parts[1])).rejects.toMatchObject({
      code: 'CANCELLED',
      worker: 'bob',
    });
    await client.call(1, EVENTS.cancel, { requestId });
    await waiting;
    await expect(client.call(0, EVENTS.predict, parts[0])).rejects.toMatchObject({ code: 'CANCELLED' });

    const leaving = await connect();
    const left = await leaving.messages(model, someInputs(1));
    const lost = leaving.call(2, EVENTS.predict, left.parts[2]).catch(() => 'gone');
    await until(async () => (await client.status(2)).operation!.queueLength > 0, 'the request at carol');
    leaving.close();
    await until(
      async () => (await client.status(2)).operation!.queueLength === 0,
      'the request to be forgotten',
    );
    await expect(client.call(0, EVENTS.predict, left.parts[0])).rejects.toMatchObject({ code: 'CANCELLED' });
    void lost;
  });

  it('are limited per connection', async () => {
    const client = await connect();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 25 }, async () => {
        const { parts } = await client.messages(model, someInputs(1), 500);
        return client.call(1, EVENTS.predict, parts[1]);
      }),
    );
    const codes = outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.code);
    expect(codes.filter((code) => code === 'RESOURCE_EXHAUSTED')).toHaveLength(5);
    expect(codes.filter((code) => code === 'DEADLINE_EXCEEDED')).toHaveLength(20);
  });
});

describe('who asks for room', () => {
  it('is told by each worker, or why not, and nothing is kept of the question', async () => {
    const client = await connect();
    const question = { digest: model.digest, count: 1, deadlineMs: 1000 };
    for (const worker of [0, 1, 2] as const) {
      expect(await client.call(worker, EVENTS.room, question)).toEqual({});
    }
    const bad: [unknown, string][] = [
      [{ ...question, digest: '0f'.repeat(32) }, 'NOT_FOUND'],
      [{ ...question, digest: 'x' }, 'INVALID_ARGUMENT'],
      [{ ...question, count: 0 }, 'INVALID_ARGUMENT'],
      [{ ...question, count: 1001 }, 'INVALID_ARGUMENT'],
      [{ ...question, deadlineMs: 0 }, 'INVALID_ARGUMENT'],
      [{ ...question, deadlineMs: 600_001 }, 'INVALID_ARGUMENT'],
      [{ ...question, more: 1 }, 'INVALID_ARGUMENT'],
      [new Uint8Array(3), 'INVALID_ARGUMENT'],
    ];
    for (const [payload, code] of bad) {
      await expect(client.call(0, EVENTS.room, payload)).rejects.toMatchObject({ code, worker: 'alice' });
    }
    expectClose(await client.predict(model, someInputs(1)), someInputs(1));
  });
});

describe('misbehaving clients', () => {
  it('get coded errors, or are cut off, and others are served', async () => {
    const client = await connect();
    const { parts } = await client.messages(model, someInputs(1));
    const good = parts[0];
    const bad: [unknown, string][] = [
      [good.subarray(0, good.length - 1), 'INVALID_ARGUMENT'],
      [Buffer.concat([good, Buffer.alloc(1)]), 'INVALID_ARGUMENT'],
      [Buffer.alloc(0), 'INVALID_ARGUMENT'],
      [Buffer.alloc(1000, 255), 'INVALID_ARGUMENT'],
      [parts[1], 'INVALID_ARGUMENT'],
      ['text', 'INVALID_ARGUMENT'],
      [{ data: good }, 'INVALID_ARGUMENT'],
      [null, 'INVALID_ARGUMENT'],
    ];
    for (const [payload, code] of bad) {
      await expect(client.call(0, EVENTS.predict, payload)).rejects.toMatchObject({ code, worker: 'alice' });
    }
    await expect(client.call(0, 'trivet:nothing')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(client.call(0, EVENTS.describe, { more: 1 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    // What has a length, and is neither a text nor a list.
    for (const length of [[{ toString: {} }], { toString: 1, valueOf: 1 }]) {
      await expect(client.call(0, { length } as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(client.call(0, EVENTS.cancel, { requestId: { length } })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    const silent = await connect();
    silent.sockets[0].emit(EVENTS.describe, {});
    await once(silent.sockets[0], 'disconnect');
    const oversized = await connect();
    oversized.sockets[0].emit(EVENTS.predict, Buffer.alloc(65 * 1024 * 1024), () => {});
    await once(oversized.sockets[0], 'disconnect');
    expectClose(await client.predict(model, someInputs(1)), someInputs(1));
  });

  it.each([
    ['send too much before a seal', 1000, '421["trivet:describe",{}]'],
    ['leave and keep the line', 1, '41'],
    ['join again', 1, '40'],
  ])('are cut off when they %s', async (_, times, message) => {
    const socket = overTcp('a websocket');
    // Not `once`: what is still being written then is an error of its own.
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await once(socket, 'data');
    socket.write(frame('40'));
    // Joining takes a turn, and is said.
    await once(socket, 'data');
    for (let i = 0; i < times; i++) socket.write(frame(message));
    await closed;
    expectClose(await (await connect()).predict(model, someInputs(1)), someInputs(1));
  });

  it('are cut off when they join hundreds of times in one breath', async () => {
    const socket = overTcp('a websocket');
    // Not `once`: what is still being written then is an error of its own.
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await once(socket, 'data');
    socket.write(Buffer.concat(Array.from({ length: 400 }, () => frame('40'))));
    await closed;
    expect((await get('/metrics', 1)).text).toMatch(/connections_closed_total\{reason="protocol",.*\} [1-9]/);
  });

  it('that do not read are cut off, and have little kept for them', async () => {
    const greedy = await connect();
    const [socket] = greedy.sockets;
    const raw = (socket.io.engine.transport as unknown as { ws: { _socket: TcpSocket } }).ws._socket;
    raw.pause();
    const closed = async () => /connections_closed_total\{reason="memory"/.test((await get('/metrics')).text);
    // Each question is small; each answer has all that the worker holds.
    await until(async () => {
      for (let i = 0; i < 1000; i++) {
        greedy.channels[0]?.send(EVENTS.describe, {}, () => {});
        // No more at once than are answered.
        if (i % 25 === 0) await new Promise(setImmediate);
      }
      return closed();
    }, 'the end of who does not read');
    raw.resume();
    expectClose(await (await connect()).predict(model, someInputs(1)), someInputs(1));
  });

  it('cannot do what only the owner may', async () => {
    const client = await connect();
    for (const event of [
      EVENTS.shareBegin,
      EVENTS.shareChunk,
      EVENTS.shareCommit,
      EVENTS.order,
      EVENTS.remove,
    ]) {
      await expect(client.call(1, event, {})).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    }
    const signature = 'ab'.repeat(64);
    await expect(client.call(1, EVENTS.authenticate, { signature })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
    await client.call(1, EVENTS.challenge);
    await expect(client.call(1, EVENTS.authenticate, { signature })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    await expect(client.call(1, EVENTS.remove, { model: 'small', version: 1 })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  it('from another web page are refused', async () => {
    const { url } = cluster.cluster.workers[0];
    const from = (origin: string) =>
      io(url, { transports: ['websocket'], forceNew: true, reconnection: false, extraHeaders: { origin } });
    const evil = from('https://evil.example');
    await once(evil, 'connect_error');
    const page = from('http://localhost:5173');
    await once(page, 'connect');
    page.close();
  });
});

describe('the owner', () => {
  it('cannot upload a share, or a manifest, other than what was signed', async () => {
    const flip = (file: Buffer) => {
      file[file.length - 1]! ^= 1;
      return file;
    };
    await expect(owner.share('tampered', 1, flip)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(owner.share('tampered', 1, (file) => file.subarray(1))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const names = (await owner.status(0)).models.map(({ manifest }) => JSON.parse(manifest.text).name);
    expect(names).not.toContain('tampered');
    const bytes = model.files[0]!.length;
    const forged = { ...model.signed, signature: 'ab'.repeat(64) };
    await expect(owner.call(0, EVENTS.shareBegin, { manifest: forged, bytes })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  });

  it('has exactly as many predictions served as allowed, however many ask', async () => {
    const limited = await owner.share('limited');
    const client = await connect();
    await expect(client.predict(limited, someInputs(1))).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
    await owner.serve('limited', 3);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => client.predict(limited, someInputs(1))),
    );
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(3);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason.code).toBe('FAILED_PRECONDITION');
    }
    await until(
      async () =>
        (await client.all((worker) => client.status(worker))).every(({ models }) =>
          models.some(({ digest, state, served }) => {
            return digest === limited.digest && state === 'END' && served === 3;
          }),
        ),
      'the end of serving at all three',
    );
    await owner.serve('limited', 1);
    expectClose(await client.predict(limited, someInputs(1)), someInputs(1));
  });

  it('stops serving; what is asked then is refused with a reason', async () => {
    await owner.share('stopped');
    const stopped = await owner.share('stopped', 2);
    await owner.serve('stopped');
    const client = await connect();
    await client.predict(stopped, someInputs(1));
    await owner.order('stopped', []);
    await expect(client.predict(stopped, someInputs(1))).rejects.toThrow(/does not serve it now|not serve/);
    await expect(owner.share('stopped', 1)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });
});

describe('connections that are never sealed', () => {
  it('are closed, whatever they have said, and counted', async () => {
    for (const { what, socket } of idle) await until(() => socket.destroyed, what);
    const { text } = await get('/metrics', 1);
    // The others have not got so far; one that joined is closed for that it is not sealed.
    expect(text).toMatch(/trivet_connections_closed_total\{reason="unsealed",worker="bob"\} [1-9]/);
  });
});

describe('operations', () => {
  it('answer health, readiness and metrics', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    expect(await get('/readyz', 1)).toMatchObject({ status: 200 });
    expect(await get('/nothing')).toMatchObject({ status: 404 });
    const { text } = await get('/metrics');
    for (const name of [
      'trivet_images_total',
      'trivet_batch_duration_seconds_bucket',
      'trivet_peer_connected',
    ]) {
      expect(text).toContain(name);
    }
    expect(text).toMatch(/trivet_mesh_sent_bytes_total\{worker="alice"\} [1-9]/);
  });

  it('log no share', async () => {
    const client = await connect();
    const { parts } = await client.messages(model, someInputs(2));
    await client.all((worker) => client.call(worker, EVENTS.predict, parts[worker]));
    for (const [worker, { lines }] of cluster.workers.entries()) {
      expect(lines.length).toBeGreaterThan(2);
      const log = JSON.stringify(lines);
      for (const secret of [
        parts[worker]!.subarray(64, 80),
        Buffer.from(model.files[worker]!).subarray(-16),
      ]) {
        for (const form of [
          secret.toString('hex'),
          secret.toString('base64').slice(0, 20),
          secret.join(','),
        ]) {
          expect(log).not.toContain(form);
        }
      }
    }
  });

  it('tell watchers within a second when a worker is killed, and serve again when it is back', async () => {
    const client = await connect();
    const seen: WorkerStatus[] = [];
    client.pushed = (worker, event, value) => {
      if (worker === 1 && event === EVENTS.server.status) seen.push(value as WorkerStatus);
    };
    await client.call(1, EVENTS.watch);
    const waiting = Array.from({ length: 10 }, () =>
      client.predict(model, someInputs(8)).catch((error) => error),
    );
    const killedAt = performance.now();
    await cluster.workers[2].stop('SIGKILL');
    await until(
      () =>
        seen.some(({ operation, ready }) => {
          return !ready && operation!.peers.some((peer) => peer.name === 'carol' && !peer.connected);
        }),
      'the news',
    );
    expect(performance.now() - killedAt).toBeLessThan(1000);
    await Promise.allSettled(
      waiting.map((one) => Promise.race([one, new Promise((r) => setTimeout(r, 3000))])),
    );
    const { parts } = await client.messages(model, someInputs(1));
    const at = performance.now();
    for (const worker of [0, 1]) {
      const call = client.call(worker, EVENTS.predict, parts[worker]);
      await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(call).rejects.toThrow(/carol/);
    }
    expect(performance.now() - at).toBeLessThan(500);
    expect(await get('/readyz')).toMatchObject({ status: 503 });
    await cluster.workers[2].start();
    await client.ready();
    expectClose(await client.predict(model, someInputs(2)), someInputs(2));
  });

  it('keep models, consent and counts over a restart of each worker', async () => {
    await (await owner.ready()).authenticate();
    const limited = await owner.share('kept');
    await owner.serve('kept', 4);
    const client = await connect();
    await client.predict(limited, someInputs(1));
    for (const [index, signal] of [
      [0, 'SIGKILL'],
      [1, 'SIGTERM'],
      [2, 'SIGINT'],
    ] as const) {
      const code = await cluster.workers[index].stop(signal);
      if (signal !== 'SIGKILL') expect(code).toBe(0);
      await cluster.workers[index].start();
      await client.ready();
      expectClose(await client.predict(limited, someInputs(1)), someInputs(1));
    }
    await expect(client.predict(limited, someInputs(1))).rejects.toThrow(/all 4 predictions/);
  });

  it('skip a model whose file was changed, and serve the others', async () => {
    await (await owner.ready()).authenticate();
    await owner.share('damaged');
    const store = join(cluster.directory, 'bob', 'store');
    const file = join(store, 'damaged@1.model');
    expect(await readdir(store)).toContain('damaged@1.model');
    const content = await readFile(file);
    content[content.length - 100]! ^= 1;
    await writeFile(file, content);
    expect(await cluster.workers[1].stop()).toBe(0);
    await cluster.workers[1].start();
    const client = await (await connect()).ready();
    const skipped = cluster.workers[1].lines.find((line) => line.model === 'damaged');
    expect(JSON.stringify(skipped)).toContain(file);
    const names = (await client.status(1)).models.map(({ manifest }) => JSON.parse(manifest.text).name);
    expect(names).toContain('small');
    expect(names).not.toContain('damaged');
    expectClose(await client.predict(model, someInputs(1)), someInputs(1));
  });

  it('refuse to start on a busy port or a bad configuration, with a code and one sentence', async () => {
    const second = new WorkerProcess(cluster.configFiles[0]);
    const [code] = await once(second.spawn(), 'exit');
    expect(code).toBe(69);
    expect(second.stderr.trim().split('\n')).toHaveLength(1);
    expect(second.stderr).toMatch(/alice cannot start: the mesh address .* is in use/);
    const bad = new WorkerProcess(join(cluster.directory, 'cluster.json'));
    const [badCode] = await once(bad.spawn(), 'exit');
    expect(badCode).toBe(78);
    expect(bad.stderr.trim().split('\n')).toHaveLength(1);
  });
});
