/** Who may ask for predictions: tokens, quotas, rates and what becomes of them, at three real processes. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ClientToken,
  EVENTS,
  type SignedAccessOrder,
  TrivetError,
  type WorkerStatus,
} from '@trivet/shared-types';
import { describe, expect, it } from 'vitest';
import {
  expectClose,
  freePorts,
  type SharedTestModel,
  someInputs,
  type TestClient,
  type TestCluster,
  until,
} from './support/cluster.js';
import { useCluster } from './support/use-cluster.js';

let cluster: TestCluster;
let owner: TestClient;
let model: SharedTestModel;
let other: SharedTestModel;
let carolsPort: number;
const one = someInputs(1);

const { connect, asOwner } = useCluster(async (...started) => {
  [cluster, owner] = started;
  [carolsPort] = (await freePorts(1)) as [number];
  model = await owner.share('small');
  other = await owner.share('other');
  await owner.access(() => ({ other: 'tokens' }));
  await owner.serve('small');
  await owner.serve('other');
});

/** A token that all three workers know from now on. */
async function issue(limits: Parameters<TestClient['grant']>[1] = {}): Promise<ClientToken> {
  const token = ClientToken.generate();
  const grant = owner.grant(token, limits);
  await owner.access(
    (models) => models,
    (tokens) => [...tokens, grant],
  );
  return token;
}

async function change(token: ClientToken, changes: Parameters<TestClient['grant']>[1]): Promise<void> {
  await owner.access(
    (models) => models,
    (tokens) => tokens.map((grant) => (grant.id === token.id ? { ...grant, ...changes } : grant)),
  );
}

const code = (error: unknown) => (error instanceof TrivetError ? error.code : String(error));
const outcome = (work: Promise<unknown>) => work.then(() => 'OK', code);

describe('a model of which nothing was said, or that needs a token', () => {
  it('answers nobody who shows none, at any of the three workers', async () => {
    const client = await connect();
    for (const closed of [model, other]) {
      const { parts } = await client.messages(closed, one);
      for (const worker of [0, 1, 2] as const) {
        const asked = client.call(worker, EVENTS.predict, parts[worker]);
        await expect(asked).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
        await expect(asked).rejects.toThrow('trivet tokens create');
      }
    }
  });

  it('whatever it is called: no name means more than itself', async () => {
    const named = await owner.share('constructor');
    await owner.access(({ constructor: _, ...models }) => models);
    await owner.order('constructor', [named]);
    const { models } = await owner.status(0);
    expect(models.find(({ digest }) => digest === named.digest)).toMatchObject({ access: 'tokens' });
    const client = await connect();
    expect(await outcome(client.predict(named, one))).toBe('UNAUTHENTICATED');
  });

  it('answers who has a token for it, and says what is wrong with others', async () => {
    const client = await (await connect()).present(await issue({ models: ['small'] }));
    const inputs = someInputs(3);
    expectClose(await client.predict(model, inputs), inputs);
    await expect(client.predict(other, one)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const stranger = (await connect()).present(ClientToken.generate());
    await expect(stranger).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('needs the token at all three', async () => {
    const token = await issue();
    const client = await connect();
    for (const worker of [0, 1]) {
      const { challenge } = await client.call<{ challenge: string }>(worker, EVENTS.tokenChallenge);
      const proof = token.proof(cluster.cluster.clusterId, worker, challenge);
      await client.call(worker, EVENTS.token, { id: token.id, proof });
    }
    const { parts } = await client.messages(model, one, 500);
    const codes = await client.all((worker) => outcome(client.call(worker, EVENTS.predict, parts[worker])));
    expect(codes[2]).toBe('UNAUTHENTICATED');
    expect(codes.slice(0, 2)).not.toContain('OK');
  });
});

describe('what a worker is shown', () => {
  it('is good for that worker, that challenge and one try', async () => {
    const token = await issue();
    const { clusterId } = cluster.cluster;
    const client = await connect();
    const challenge = async (worker: number) =>
      (await client.call<{ challenge: string }>(worker, EVENTS.tokenChallenge)).challenge;
    const show = (worker: number, proof: string) =>
      outcome(client.call(worker, EVENTS.token, { id: token.id, proof }));

    const [first, second] = [await challenge(0), await challenge(1)];
    // What worker 0 was shown, and what it could make of it for worker 1.
    expect(await show(1, token.proof(clusterId, 0, first))).toBe('UNAUTHENTICATED');
    await challenge(1);
    expect(await show(1, token.proof(clusterId, 0, second))).toBe('UNAUTHENTICATED');
    // An older challenge, then none.
    await challenge(0);
    expect(await show(0, token.proof(clusterId, 0, first))).toBe('UNAUTHENTICATED');
    expect(await show(0, token.proof(clusterId, 0, first))).toBe('FAILED_PRECONDITION');
    const last = await challenge(0);
    expect(await show(0, token.proof(clusterId, 0, last))).toBe('OK');
    expect(await show(0, token.proof(clusterId, 0, last))).toBe('FAILED_PRECONDITION');
    // A failure takes away what was proved before.
    await client.present(token);
    expect(await show(2, token.proof(clusterId, 2, await challenge(2)))).toBe('OK');
    await challenge(2);
    await show(2, '00'.repeat(32));
    const { parts } = await client.messages(model, one);
    expect(await outcome(client.call(2, EVENTS.predict, parts[2]))).toBe('UNAUTHENTICATED');
  });

  it('is nowhere: not at rest, not in a log, not for those who are not the owner', async () => {
    const token = await issue({ name: 'kept by nobody' });
    await (await connect()).present(token);
    const secret = token.reveal().slice('trivet_'.length);
    for (const worker of [0, 1, 2]) {
      const { order } = await owner.call<{ order: SignedAccessOrder }>(worker, EVENTS.access);
      expect(order.text).toContain(token.id);
      expect(order.text).not.toContain(secret);
      expect(JSON.stringify(cluster.workers[worker]!.lines)).not.toContain(secret);
    }
    const client = await connect();
    expect(await outcome(client.call(0, EVENTS.access))).toBe('UNAUTHENTICATED');
    expect(await outcome(client.call(0, EVENTS.accessOrder, {}))).toBe('UNAUTHENTICATED');
    expect(JSON.stringify(await client.status(0))).not.toContain(token.id);
  });
});

describe('limits of a token', () => {
  it('are exact for twenty clients at once, and outlive the leader and its disk', async () => {
    const token = await issue({ quota: 50 });
    const many = await Promise.all(Array.from({ length: 20 }, async () => (await connect()).present(token)));
    const codes = await Promise.all(
      many.flatMap((client) =>
        [1, 2, 1].map(async (count) => {
          const inputs = someInputs(count);
          const answered = await client.predict(model, inputs, 20_000).then(
            (logits) => {
              expectClose(logits, inputs);
              return count;
            },
            (error: unknown) => {
              expect(code(error)).toBe('RESOURCE_EXHAUSTED');
              return 0;
            },
          );
          return answered;
        }),
      ),
    );
    // What is left at the end may be too little for a request of two.
    const answered = codes.reduce((sum, count) => sum + count, 0);
    expect(answered === 50 || answered === 49).toBe(true);
    const used = async (worker: number) =>
      (await owner.call<{ used: Record<string, number> }>(worker, EVENTS.access)).used[token.id];
    const [client] = many as [TestClient];
    if (answered === 49) expect(await outcome(client.predict(model, one))).toBe('OK');
    expect(await outcome(client.predict(model, one))).toBe('RESOURCE_EXHAUSTED');
    for (const worker of [0, 1, 2]) {
      await until(async () => (await used(worker)) === 50, `worker ${worker} knows of 50 predictions`);
    }

    for (const loseDisk of [false, true]) {
      await cluster.workers[0].stop('SIGKILL');
      if (loseDisk) await rm(join(cluster.directory, 'alice', 'store', 'access.use'));
      await cluster.workers[0].start();
      owner = await asOwner();
      await until(async () => (await used(0)) === 50, 'the leader knows of 50 predictions');
      const again = await (await (await connect()).ready()).present(token);
      expect(await outcome(again.predict(model, one))).toBe('RESOURCE_EXHAUSTED');
    }
    const fresh = await (await connect()).present(await issue());
    expect(await outcome(fresh.predict(model, one))).toBe('OK');
  }, 60_000);

  it('hold back who asks too fast', async () => {
    const client = await (await connect()).present(await issue({ rate: { perSecond: 0.001, burst: 4 } }));
    const five = client.predict(model, someInputs(5));
    await expect(five).rejects.toThrow('split it');
    expect(await outcome(client.predict(model, someInputs(3)))).toBe('OK');
    expect(await outcome(client.predict(model, someInputs(2)))).toBe('RESOURCE_EXHAUSTED');
    expect(await outcome(client.predict(model, one))).toBe('OK');
    await expect(client.predict(model, one)).rejects.toThrow('try again in');
  });

  it('end with its time', async () => {
    const past = new Date(Date.now() - 1000).toISOString();
    const expired = await issue({ expiresAt: past });
    await expect((await connect()).present(expired)).rejects.toThrow('has expired');
    const token = await issue({ expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
    const client = await (await connect()).present(token);
    expect(await outcome(client.predict(model, one))).toBe('OK');
    await change(token, { expiresAt: past });
    await expect(client.predict(model, one)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('revocation', () => {
  it('is at once, for open connections and new ones', async () => {
    const token = await issue();
    const client = await (await connect()).present(token);
    expect(await outcome(client.predict(model, one))).toBe('OK');
    await change(token, { revokedAt: new Date().toISOString() });
    await expect(client.predict(model, one)).rejects.toThrow('was revoked');
    await expect((await connect()).present(token)).rejects.toThrow('was revoked');
  });

  it('reaches a worker that was away, and outlives a restart of all three', async () => {
    const token = await issue({ name: 'away' });
    await cluster.workers[2].stop('SIGKILL');
    const { order } = await owner.call<{ order: SignedAccessOrder }>(0, EVENTS.access);
    const newest = await revokedOrder(token, order);
    await owner.call(0, EVENTS.accessOrder, { order: newest });
    await cluster.workers[2].start();
    owner = await asOwner();
    await until(async () => {
      const at = await owner.all((worker) => owner.call<{ order: SignedAccessOrder }>(worker, EVENTS.access));
      return at.every((one) => one.order.text === newest.text);
    }, 'all three have heard of it');
    await Promise.all(cluster.workers.map((worker) => worker.stop('SIGTERM')));
    await monitorAt(carolsPort);
    await Promise.all(cluster.workers.map((worker) => worker.start()));
    owner = await asOwner();
    const late = await connect();
    const codes = await late.all(async (worker) => {
      const { challenge } = await late.call<{ challenge: string }>(worker, EVENTS.tokenChallenge);
      const proof = token.proof(cluster.cluster.clusterId, worker, challenge);
      return outcome(late.call(worker, EVENTS.token, { id: token.id, proof }));
    });
    expect(codes).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED']);
  }, 60_000);

  it('cannot be undone with an older order, nor by anybody but the owner', async () => {
    const { order } = await owner.call<{ order: SignedAccessOrder }>(0, EVENTS.access);
    await issue();
    expect(await outcome(owner.call(0, EVENTS.accessOrder, { order }))).toBe('ABORTED');
    const forged = { ...order, text: order.text.replace('"sequence":', '"sequence":9') };
    expect(await outcome(owner.call(0, EVENTS.accessOrder, { order: forged }))).toBe('PERMISSION_DENIED');
  });
});

describe('the operator', () => {
  const get = async (port: string | number, path: string, headers = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    return { status: response.status, text: await response.text() };
  };
  const forwarded = { 'x-forwarded-for': '203.0.113.7' };
  const portOf = (worker: 0 | 1 | 2) => new URL(cluster.cluster.workers[worker].url).port;

  it("is told on the worker's own machine what nobody else is", async () => {
    expect((await get(portOf(0), '/metrics')).text).toContain('trivet_tokens_active');
    expect(await get(portOf(0), '/metrics', forwarded)).toMatchObject({ status: 404 });
    expect((await get(portOf(0), '/readyz')).text).toContain('missing');
    expect(await get(portOf(0), '/readyz', forwarded)).toEqual({ status: 200, text: '{"status":"ready"}\n' });
    expect(await get(portOf(0), '/healthz', forwarded)).toMatchObject({ status: 200 });
  });

  it("has an address apart, if the configuration says so: then the clients' port has no metrics", async () => {
    expect((await get(carolsPort, '/metrics', forwarded)).text).toContain('trivet_images_total');
    expect((await get(carolsPort, '/readyz')).text).toContain('missing');
    expect(await get(portOf(2), '/metrics')).toMatchObject({ status: 404 });
    expect((await get(portOf(2), '/readyz')).text).toBe('{"status":"ready"}\n');
    const socket = await fetch(`http://127.0.0.1:${carolsPort}/socket.io/?EIO=4&transport=websocket`);
    expect(socket.status).toBe(404);
  });
});

describe('what a worker shows of its state', () => {
  const forwarded = { 'x-forwarded-for': '203.0.113.7' };
  const namesOf = ({ models }: WorkerStatus) =>
    models.map(({ manifest }) => JSON.parse(manifest.text).name as string);

  it('is that it lives, to who has no token, and to the owner everything', async () => {
    for (const client of [await connect(), await connect(forwarded)]) {
      const shown = await client.all((worker) => client.status(worker));
      const { clusterId } = cluster.cluster;
      const nothing = { ready: true, viewer: 'nobody', models: [], orders: [], operation: null };
      expect(shown).toEqual(
        ['alice', 'bob', 'carol'].map((name, index) => {
          return { wireVersion: 3, worker: { index, name }, clusterId, ...nothing };
        }),
      );
    }
    const seen = await owner.status(1);
    expect(namesOf(seen)).toEqual(expect.arrayContaining(['small', 'other', 'constructor']));
    expect(seen).toMatchObject({ viewer: 'owner', operation: { peers: [{ connected: true }, {}] } });
    expect(seen.orders.length).toBeGreaterThan(1);
    expect(seen.models.every(({ served }) => served !== null)).toBe(true);
  });

  it("is the models of its token to who has one, and nobody's use of them; until it is revoked", async () => {
    const token = await issue({ models: ['small'] });
    const client = await (await connect(forwarded)).present(token);
    expect(await outcome(client.predict(model, one))).toBe('OK');
    for (const worker of [0, 1, 2]) {
      const shown = await client.status(worker);
      expect(shown).toMatchObject({ viewer: 'token', orders: [], operation: null });
      expect(shown.models).toMatchObject([
        { digest: model.digest, state: 'AVAILABLE', served: null, requestLimit: null },
      ]);
      expect(JSON.stringify(shown)).not.toContain(other.digest);
    }
    // An open connection is told that it may see no more.
    const pushed: WorkerStatus[] = [];
    client.pushed = (_, __, status) => pushed.push(status as WorkerStatus);
    await client.call(2, EVENTS.watch);
    await change(token, { revokedAt: new Date().toISOString() });
    await until(
      () => pushed.at(-1)?.viewer === 'nobody',
      'the client hears that its token is good for nothing',
    );
    expect(pushed.at(-1)!.models).toEqual([]);
  });

  it('does not tell who watches when others ask', async () => {
    const token = await issue();
    const watcher = await (await connect()).present(token);
    const pushes = { watcher: 0, owner: 0 };
    watcher.pushed = () => pushes.watcher++;
    owner.pushed = (_, event) => {
      if (event === EVENTS.server.status) pushes.owner += 1;
    };
    for (const client of [watcher, owner]) await client.call(0, EVENTS.watch);
    const asker = await (await connect()).present(token);
    await until(async () => {
      expect(await outcome(asker.predict(model, one))).toBe('OK');
      return pushes.owner >= 4;
    }, 'the owner is told again and again');
    expect(pushes.watcher).toBeLessThanOrEqual(1);
  });

  it('is how it is, too, on a machine that is let ask without a token, unless its operator has an address apart', async () => {
    await owner.access((models) => ({ ...models, small: 'local' }));
    const [here, away] = [await connect(), await connect(forwarded)];
    for (const worker of [0, 1]) {
      const shown = await here.status(worker);
      expect(shown).toMatchObject({ viewer: 'nobody', orders: [], operation: { queueLength: 0 } });
      expect(namesOf(shown)).toEqual(['small']);
      expect(shown.models[0]!.served).toBeGreaterThan(0);
    }
    expect(await here.status(2)).toMatchObject({ models: [{ served: null }], operation: null });
    expect(await away.status(0)).toMatchObject({ models: [], operation: null });
    await owner.access((models) => ({ ...models, small: 'open' }));
    expect(await away.status(0)).toMatchObject({
      models: [{ access: 'open', served: null }],
      operation: null,
    });
    expect(await here.status(0)).toMatchObject({ models: [{ served: null }], operation: null });
  });
});

describe('a model that is open', () => {
  it('to this machine, is closed to whoever comes through a proxy or by another name', async () => {
    await owner.access((models) => ({ ...models, small: 'local' }));
    expect(await outcome((await connect()).predict(model, one))).toBe('OK');
    for (const headers of [{ 'x-forwarded-for': '203.0.113.7' }, { host: 'rebound.example' }]) {
      const away = await connect(headers as Record<string, string>);
      expect(await outcome(away.predict(model, one))).toBe('UNAUTHENTICATED');
    }
    const said = cluster.workers[1].lines.find((line) => String(line.msg).includes('on this machine'));
    expect(said).toMatchObject({ level: 'warn', models: ['small'] });
  });

  it('answers everybody', async () => {
    await owner.access((models) => ({ ...models, small: 'open' }));
    const away = await connect({ 'x-forwarded-for': '203.0.113.7' });
    expect(await outcome(away.predict(model, one))).toBe('OK');
    expect(await outcome(away.predict(other, one))).toBe('UNAUTHENTICATED');
  });
});

describe('wrong tokens', () => {
  it('make their address wait, show in the metrics, and end the connection', async () => {
    const good = await (await connect()).present(await issue());
    const attempt = async () => {
      const client = await connect();
      const { challenge } = await client.call<{ challenge: string }>(1, EVENTS.tokenChallenge);
      const token = ClientToken.generate();
      const proof = token.proof(cluster.cluster.clusterId, 1, challenge);
      return outcome(client.call(1, EVENTS.token, { id: token.id, proof }));
    };
    // More than an address may have, faster than they are forgotten.
    await until(async () => {
      const codes = await Promise.all(Array.from({ length: 30 }, attempt));
      return codes.includes('RESOURCE_EXHAUSTED');
    }, 'the address has to wait');
    expect(await outcome(good.predict(other, one))).toBe('OK');
    const metrics = await (await fetch(`${cluster.cluster.workers[1].url}/metrics`)).text();
    const failures = /trivet_authentication_failures_total\{identity="client",[^}]*\} (\d+)/.exec(metrics);
    expect(Number(failures?.[1])).toBeGreaterThanOrEqual(20);
    expect(metrics).toMatch(/trivet_access_refused_total\{reason="no_token",[^}]*\} [1-9]/);
  });
});

/** Has carol tell her operator apart from her clients, from her next start on. */
async function monitorAt(port: number): Promise<void> {
  const file = cluster.configFiles[2];
  const config = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...config, operator: { host: '127.0.0.1', port } }));
}

/** The owner's order after this one, in which the token is revoked. */
async function revokedOrder(token: ClientToken, before: SignedAccessOrder): Promise<SignedAccessOrder> {
  const last = JSON.parse(before.text);
  const revokedAt = new Date().toISOString();
  const tokens = last.tokens.map((grant: { id: string }) =>
    grant.id === token.id ? { ...grant, revokedAt } : grant,
  );
  return owner.signAccess({ ...last, sequence: last.sequence + 1, tokens });
}
