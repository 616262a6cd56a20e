/** Material dealt ahead: three real processes that agree on it, use it once, and lose it with their connections. */
import { EVENTS } from '@trivet/shared-types';
import { afterEach, describe, expect, it } from 'vitest';
import {
  expectClose,
  type SharedTestModel,
  someInputs,
  startCluster,
  TestClient,
  type TestCluster,
  until,
} from './support/cluster.js';

let cluster: TestCluster | undefined;
const clients: TestClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await cluster?.stop();
  cluster = undefined;
});

interface Pool {
  readonly items: number;
  readonly bytes: number;
  readonly dealt: number;
  readonly used: number;
  readonly dropped: number;
}

/** What a worker's /metrics say of its pool. */
async function pool(worker: number): Promise<Pool> {
  const text = await (await fetch(`${cluster!.cluster.workers[worker]!.url}/metrics`)).text();
  const value = (name: string) =>
    Number(new RegExp(`^trivet_pool_${name}\\{.*\\} (.+)$`, 'm').exec(text)?.[1]);
  return {
    items: value('items'),
    bytes: value('bytes'),
    dealt: value('dealt_total'),
    used: value('used_total'),
    dropped: value('dropped_total'),
  };
}

const pools = () => Promise.all([0, 1, 2].map(pool));

async function start(...options: Parameters<typeof startCluster>): Promise<[TestClient, SharedTestModel]> {
  cluster = await startCluster(...options);
  const owner = await (await new TestClient(cluster).ready()).authenticate();
  clients.push(owner);
  const model = await owner.share('small', 1, undefined, ['fss', 'replicated']);
  return [owner, model];
}

/** A worker's configuration with another pool than its peers'. */
function withPool(config: object, index: number, pool: object): object {
  if (!('index' in config && 'pool' in config) || config.index !== index) return config;
  return { ...config, pool: { ...(config.pool as object), ...pool } };
}

const MIB = 1 << 20;
const full = (items: number) => async () => (await pools()).every((one) => one.items === items);

describe('the pool', () => {
  it('is filled to its bound while nobody asks, and every item is used by one image', async () => {
    const [owner, model] = await start({ pool: { maxBytes: 6 * MIB } });
    expect((await pools()).map((one) => one.items)).toEqual([0, 0, 0]);
    await owner.serve('small');
    await until(full(6), 'six items at each worker');
    for (const { bytes } of await pools()) expect(bytes).toBeLessThanOrEqual(6 * MIB);
    let images = 0;
    for (const count of [1, 3, 2, 6, 1, 1, 4]) {
      const inputs = someInputs(count);
      const { logits, protocols } = await owner.predictUnder(null, model, inputs);
      expectClose(logits, inputs);
      expect(protocols).toEqual(['fss', 'fss', 'fss']);
      images += count;
    }
    await until(full(6), 'filled again');
    for (const { items, dealt, used, dropped } of await pools()) {
      expect(used).toBe(images);
      expect(dealt).toBe(items + used + dropped);
      expect(dropped).toBe(0);
    }
  }, 60_000);

  it('makes requests wait while it is empty, deals for larger ones as they run, and never runs dry under load', async () => {
    const [owner, model] = await start({ pool: { maxBytes: 3 * MIB } });
    await owner.serve('small');
    const loads = await Promise.all([0, 1, 2].map(() => new TestClient(cluster!).ready()));
    clients.push(...loads);
    await Promise.all(
      loads.map(async (client, who) => {
        for (let i = 0; i < 12; i++) {
          const inputs = someInputs(((i + who) % 5) + 1);
          expectClose((await client.predictUnder(null, model, inputs)).logits, inputs);
        }
      }),
    );
    await until(full(3), 'filled again');
    const [a, b, c] = await pools();
    expect([b!.used, c!.used]).toEqual([a!.used, a!.used]);
    expect(a!.used).toBeGreaterThan(0);
  }, 60_000);

  it('takes turns as the helper when it is told to', async () => {
    const [owner, model] = await start({
      pool: { maxBytes: 6 * MIB, rotateHelper: true, protocols: ['fss', 'replicated'] },
    });
    await owner.serve('small');
    await until(full(6), 'two items of each helper');
    for (const count of [1, 2, 1, 2, 3, 1, 1, 1]) {
      const inputs = someInputs(count);
      expectClose((await owner.predictUnder(null, model, inputs)).logits, inputs);
      expectClose((await owner.predictUnder('replicated', model, inputs)).logits, inputs);
    }
  }, 60_000);

  it('refuses when it is empty and told to, and answers again when it is not', async () => {
    const [owner, model] = await start({
      pool: { maxBytes: MIB, whenEmpty: 'refuse' },
      batching: { maxBatchSize: 1, maxBatchesInFlight: 12 },
    });
    await owner.serve('small');
    await until(full(1), 'an item');
    const messages = await Promise.all(
      Array.from({ length: 12 }, () => owner.messages(model, someInputs(1))),
    );
    const outcomes = await Promise.allSettled(
      messages.map(({ parts }) => owner.all((worker) => owner.call(worker, EVENTS.predict, parts[worker]))),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(12);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    for (const { used } of await pools()) expect(used).toBe(12 - refused.length);
    await until(full(1), 'an item again');
    expectClose((await owner.predictUnder(null, model, someInputs(1))).logits, someInputs(1));
  }, 60_000);

  it('keeps no place for what a proposal has taken, so others are dealt for while a request is still on its way', async () => {
    const [owner, model] = await start({ pool: { maxBytes: MIB } });
    await owner.serve('small');
    await until(full(1), 'an item');
    const inputs = someInputs(1);
    const { logits } = await owner.predictUnder(null, model, inputs, 20_000, async (worker) => {
      if (worker !== 2) return;
      await until(async () => (await pool(0)).used === 1, 'proposed');
      // Carol has the proposal, and not the request. Whoever asks now needs another item.
      expectClose((await owner.predictUnder(null, model, someInputs(1))).logits, someInputs(1));
    });
    expectClose(logits, inputs);
  }, 60_000);

  it('is as large as the smallest one, and dealing goes on after a worker has had no room', async () => {
    const [owner, model] = await start({ pool: { maxBytes: 6 * MIB } }, (config) =>
      withPool(config, 2, { maxBytes: 2 * MIB }),
    );
    await owner.serve('small');
    // Bob may have one more: he is told to drop it with the next that is dealt.
    const same = async (least: number) => {
      const [alice, , carol] = await pools();
      return alice!.items >= least && alice!.items === carol!.items;
    };
    await until(() => same(2), 'carol has no more room', 30_000);
    for (let round = 0; round < 10; round++) {
      // Some are used while carol refuses what is dealt next: that she is full was true a moment before.
      const ask = () => owner.predictUnder(null, model, someInputs(1));
      for (const { logits } of await Promise.all(Array.from({ length: 1 + (round % 4) }, ask))) {
        expectClose(logits, someInputs(1));
      }
      await until(() => same(2), 'dealt again', 30_000);
    }
  }, 240_000);

  it('belongs to the connections: a worker that is killed has nothing left, and the others drop theirs', async () => {
    const [owner, model] = await start({ pool: { maxBytes: 4 * MIB } });
    await owner.serve('small');
    for (const victim of [2, 1] as const) {
      await until(full(4), 'four items');
      const before = await pools();
      await cluster!.workers[victim].stop('SIGKILL');
      await until(async () => (await pool(0)).items === 0, 'the leader drops');
      await cluster!.workers[victim].start();
      await owner.ready();
      await until(full(4), 'dealt anew');
      const after = await pools();
      expect(after[0]!.dropped - before[0]!.dropped).toBeGreaterThanOrEqual(4);
      // Nothing of the old ones is there; the new process counts from zero.
      expect(after[victim]!.dealt).toBe(after[victim]!.items + after[victim]!.dropped);
      expectClose((await owner.predictUnder(null, model, someInputs(3))).logits, someInputs(3));
      const used = (await pools()).map((one, i) => one.used - (i === victim ? 0 : before[i]!.used));
      expect(used).toEqual([3, 3, 3]);
    }
  }, 60_000);

  it('is filled, and others are answered, though somebody sends all that they may to the leader alone', async () => {
    const [owner, model] = await start({ pool: { maxBytes: 12 * MIB }, limits: { maxRequests: 20 } });
    const lonely = await new TestClient(cluster!).ready();
    clients.push(lonely);
    let over = false;
    const load = (async () => {
      for (let sent = 0; !over; sent++) {
        const { parts, requestId } = await lonely.messages(model, someInputs(1));
        const answer = lonely.call(0, EVENTS.predict, parts[0]).catch(() => undefined);
        // Some are taken back at once, others wait for the followers for as long as they may.
        if (sent % 60 > 0) await lonely.call(0, EVENTS.cancel, { requestId });
        if (sent % 60 > 0) await answer;
      }
    })();
    await owner.serve('small');
    // More than are kept ready under a load: nobody else asks.
    await until(async () => (await pool(0)).items >= 11, 'the leader has filled it');
    const inputs = someInputs(1);
    expectClose((await owner.predictUnder(null, model, inputs)).logits, inputs);
    over = true;
    await load;

    // Of the leader's sixteen places one client has half at most, for as long as it likes.
    let refused = 0;
    for (let sent = 0; sent < 20; sent++) {
      const { parts } = await lonely.messages(model, someInputs(1), 60_000);
      lonely.call(0, EVENTS.predict, parts[0]).catch(({ code }) => {
        if (code === 'RESOURCE_EXHAUSTED') refused += 1;
      });
    }
    await until(() => refused >= 12, 'the places of one client are taken');
    const metrics = await (await fetch(`${cluster!.cluster.workers[0].url}/metrics`)).text();
    expect(Number(/^trivet_requests_open\{.*\} (\d+)$/m.exec(metrics)?.[1])).toBeLessThanOrEqual(8);
    expectClose((await owner.predictUnder(null, model, inputs)).logits, inputs);
  }, 60_000);

  it('of a model that is not served any more is dropped', async () => {
    const [owner] = await start({ pool: { maxBytes: 4 * MIB } });
    await owner.serve('small');
    await until(full(4), 'four items');
    await owner.order('small', []);
    await until(full(0), 'none');
  }, 60_000);
});
