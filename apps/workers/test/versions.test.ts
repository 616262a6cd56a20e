/** Versions of a model on three real processes: a switch under load, an exact limit, keys that change, workers that come back. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keyId, readKeyId, readKeyRing } from '@trivet/at-rest';
import { EVENTS, type ModelStatus } from '@trivet/shared-types';
import { describe, expect, it } from 'vitest';
import { loadWorkerConfig } from '../src/config/load.js';
import { rotateStoreKeys } from '../src/store/rotate-keys.js';
import {
  expectClose,
  type SharedTestModel,
  someInputs,
  type TestClient,
  type TestCluster,
  until,
} from './support/cluster.js';
import { useCluster } from './support/use-cluster.js';

let cluster: TestCluster;
let owner: TestClient;

const { connect: connected } = useCluster((...started) => {
  [cluster, owner] = started;
});
const connect = async () => (await connected()).ready();

/** What each worker says of a version. */
async function statusOf(model: SharedTestModel): Promise<(ModelStatus | undefined)[]> {
  const statuses = await owner.all((worker) => owner.status(worker));
  return statuses.map(({ models }) => models.find(({ digest }) => digest === model.digest));
}

const statesOf = async (model: SharedTestModel) => (await statusOf(model)).map((status) => status?.state);
const everywhere = <T>(value: T) => [value, value, value];

/** The version that a client without a wish takes: available at all three, and current at most of them. */
async function current(client: TestClient, versions: readonly SharedTestModel[]): Promise<SharedTestModel> {
  const statuses = await client.all((worker) => client.status(worker));
  const marks = versions.map(({ digest }) => {
    const held = statuses.map(({ models }) => models.find((one) => one.digest === digest));
    const available = held.every((one) => one?.state === 'AVAILABLE');
    return available ? held.filter((one) => one?.current).length : -1;
  });
  const best = marks.indexOf(Math.max(...marks));
  if (marks[best]! < 1) return current(client, versions);
  return versions[best]!;
}

describe('versions', () => {
  it('go from START over AVAILABLE and UNLOADING to END, and back', async () => {
    const one = await owner.share('states', 1);
    expect(await statesOf(one)).toEqual(everywhere('START'));
    const client = await connect();
    await expect(client.predict(one, someInputs(1))).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await owner.order('states', [one]);
    expect(await statesOf(one)).toEqual(everywhere('AVAILABLE'));
    const two = await owner.share('states', 2, undefined, undefined, 2);
    expect(await statesOf(two)).toEqual(everywhere('START'));
    await owner.order('states', [two], { goOn: true });
    expect(await statesOf(two)).toEqual(everywhere('AVAILABLE'));
    expectClose(await client.predict(two, someInputs(2)), someInputs(2), 2);
    // For clients that have not heard.
    expectClose(await client.predict(one, someInputs(2)), someInputs(2));
    await until(async () => (await statesOf(one)).every((state) => state === 'UNLOADING'), 'UNLOADING');
    await until(async () => (await statesOf(one)).every((state) => state === 'END'), 'END');
    await expect(client.predict(one, someInputs(1))).rejects.toThrow(
      /Version 1 .* not served now; version 2 is/,
    );
    await owner.order('states', [one], { goOn: true });
    expectClose(await client.predict(one, someInputs(2)), someInputs(2));
    expect((await statusOf(one)).map((status) => status?.current)).toEqual(everywhere(true));
  }, 180_000);

  it('are served side by side under labels, counted together', async () => {
    const [one, two] = [
      await owner.share('labels', 1),
      await owner.share('labels', 2, undefined, undefined, 2),
    ];
    await owner.order('labels', [two, one], { requestLimit: 3, labels: { canary: 2, stable: 1 } });
    const client = await connect();
    expectClose(await client.predict(one, someInputs(1)), someInputs(1));
    expectClose(await client.predict(two, someInputs(1)), someInputs(1), 2);
    expect((await statusOf(two)).map((status) => status?.labels)).toEqual(everywhere(['canary']));
    await expect(owner.call(0, EVENTS.remove, { model: 'labels', version: 2 })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
    await client.predict(two, someInputs(1));
    await expect(client.predict(one, someInputs(1))).rejects.toThrow(/all 3 predictions/);
    await until(async () => (await statesOf(one)).every((state) => state === 'END'), 'the limit everywhere');
    await owner.order('labels', []);
    await until(async () => (await statesOf(two)).every((state) => state === 'END'), 'END');
    await owner.all((worker) => owner.call(worker, EVENTS.remove, { model: 'labels', version: 2 }));
    expect(await statesOf(two)).toEqual(everywhere(undefined));
    const { signed } = await owner.signedOrder('labels', [two]);
    await expect(owner.call(1, EVENTS.order, { order: signed })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }, 180_000);

  it('switch under load: no request fails, no answer is mixed', async () => {
    const versions = [await owner.share('load', 1), await owner.share('load', 2, undefined, undefined, 2)];
    await owner.order('load', [versions[0]!]);
    const many = await Promise.all([0, 1, 2, 3].map(connect));
    const answered = [0, 0];
    let stop = false;
    const load = many.map(async (client, who) => {
      for (let i = 0; !stop; i++) {
        const inputs = someInputs(((i + who) % 3) + 1);
        const model = await current(client, versions);
        expectClose(await client.predict(model, inputs), inputs, model.version);
        answered[model.version - 1]! += 1;
      }
    });
    const running = Promise.all(load);
    for (let round = 0; round < 6; round++) {
      const target = versions[(round + 1) % 2]!;
      await owner.order('load', [target], { goOn: true });
      await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 250))]);
    }
    stop = true;
    await running;
    expect(Math.min(...answered)).toBeGreaterThan(0);
    const served = (await statusOf(versions[0]!)).map((status) => status?.served);
    await until(
      async () =>
        (await statusOf(versions[0]!)).every((status) => status!.served >= answered[0]! + answered[1]!),
      `the count of all versions, ${served}`,
    );
  }, 180_000);

  it('answer exactly 100 of 20 clients when the limit is 100, over a kill of each worker', async () => {
    const model = await owner.share('hundred');
    await owner.order('hundred', [model], { requestLimit: 100 });
    const many = await Promise.all(Array.from({ length: 20 }, connect));
    let answered = 0;
    const codes = new Set<string>();
    await Promise.all(
      many.map(async (client) => {
        for (;;) {
          try {
            expectClose(await client.predict(model, someInputs(1)), someInputs(1));
            answered += 1;
          } catch (error) {
            codes.add((error as { code: string }).code);
            return;
          }
        }
      }),
    );
    expect(answered).toBe(100);
    expect([...codes]).toEqual(['FAILED_PRECONDITION']);
    for (const worker of cluster.workers) {
      await worker.stop('SIGKILL');
      await worker.start();
    }
    await owner.ready();
    await expect((await connect()).predict(model, someInputs(1))).rejects.toThrow(/all 100 predictions/);
    await owner.authenticate();
  }, 180_000);
});

describe('the store keys', () => {
  it('rotate while the workers serve, and without the worker too', async () => {
    const model = await owner.share('rotated');
    await owner.order('rotated', [model]);
    const client = await connect();
    const config = await loadWorkerConfig(cluster.configFiles[1]);
    const file = join(cluster.directory, 'bob', 'store.key');
    const before = (await readKeyRing(file)).map(keyId);
    let stop = false;
    const load = (async () => {
      while (!stop) expectClose(await client.predict(model, someInputs(1)), someInputs(1));
    })();
    const rotated = await rotateStoreKeys(config, { timeoutMs: 20_000 });
    stop = true;
    await load;
    expect(rotated.byWorker).toBe(true);
    const check = async (id: string) => {
      expect((await readKeyRing(file)).map(keyId)).toEqual([id]);
      const store = join(cluster.directory, 'bob', 'store');
      const files = (await readdir(store)).filter((name) => !name.startsWith('.'));
      expect(files).toContain('rotated@1.model');
      for (const name of files) expect(await readKeyId(join(store, name)), name).toBe(id);
    };
    expect(before).not.toContain(rotated.keyId);
    await check(rotated.keyId);
    await cluster.workers[1].stop('SIGKILL');
    const offline = await rotateStoreKeys(config);
    expect(offline.byWorker).toBe(false);
    await check(offline.keyId);
    expect((await stat(file)).mode & 0o077).toBe(0);
    await cluster.workers[1].start();
    await client.ready();
    expectClose(await client.predict(model, someInputs(1)), someInputs(1));
    // A hang-up is no reason to end.
    cluster.workers[1].child!.kill('SIGHUP');
    expectClose(await client.predict(model, someInputs(1)), someInputs(1));
    expect(await readFile(file, 'utf8')).toMatch(/^[0-9a-f]{64} # [0-9a-f]{16}, current\n$/);
    await (await owner.ready()).authenticate();
  }, 180_000);
});

describe('a worker that is killed', () => {
  async function back(worker: number): Promise<void> {
    await cluster.workers[worker]!.start();
    await (await owner.ready()).authenticate();
  }

  it('and only one has heard the order: the others hear it from that one, or it is gone', async () => {
    const versions = [
      await owner.share('lonely', 1),
      await owner.share('lonely', 2, undefined, undefined, 2),
    ];
    await owner.order('lonely', [versions[0]!]);
    const { signed, sequence } = await owner.signedOrder('lonely', [versions[1]!], { goOn: true });
    await owner.call(2, EVENTS.order, { order: signed });
    await cluster.workers[2].stop('SIGKILL');
    await back(2);
    await owner.inForce('lonely', sequence);
    expectClose(await owner.predict(versions[1]!, someInputs(1)), someInputs(1), 2);
    // The same again is no error, an older one is.
    await owner.call(0, EVENTS.order, { order: signed });
    const older = await owner.signedOrder('lonely', [versions[0]!], { goOn: true });
    await owner.order('lonely', [versions[1]!], { goOn: true });
    await expect(owner.call(1, EVENTS.order, { order: older.signed })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    const forged = { text: signed.text, signature: 'ab'.repeat(64) };
    await expect(owner.call(1, EVENTS.order, { order: forged })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  }, 180_000);

  it('catches up with a count and an order that an old copy of its store does not know', async () => {
    const model = await owner.share('rolled');
    await owner.order('rolled', [model], { requestLimit: 3 });
    const file = join(cluster.directory, 'alice/store/rolled.serving');
    const old = await readFile(file);
    await owner.predict(model, someInputs(3));
    await until(
      async () => (await statesOf(model)).every((state) => state === 'END'),
      'the limit everywhere',
    );
    await cluster.workers[0].stop('SIGKILL');
    await writeFile(file, old);
    await back(0);
    await expect(owner.predict(model, someInputs(1))).rejects.toThrow(/all 3 predictions/);
    expect((await statusOf(model)).map((status) => status?.served)).toEqual(everywhere(3));
  }, 180_000);
});
