/**
 * What a client announces: its next request is proposed before anybody has it, begins where it arrives, and is taken back
 * when it would be wrong by then. Three processes, real sockets.
 */
import { randomBytes } from 'node:crypto';
import { EVENTS, type ProtocolName } from '@trivet/shared-types';
import { beforeEach, describe, expect, it } from 'vitest';
import { withResolvers } from '../src/serving/with-resolvers.js';
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
let model: SharedTestModel;

const { connect } = useCluster(
  async (used, started) => {
    cluster = used;
    owner = started;
    model = await owner.share('small', 1, undefined, ['replicated', 'fss', 'securenn']);
  },
  { pool: { maxBytes: 24 * 1024 * 1024, rotateHelper: true } },
);

const newId = () => randomBytes(16).toString('hex');

async function metric(worker: number, name: string): Promise<number> {
  const text = await (await fetch(`${cluster.cluster.workers[worker]!.url}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{.*\\} (.+)$`, 'm').exec(text)?.[1]);
}

const running = (worker: number, batches: number) =>
  until(async () => (await metric(worker, 'trivet_batches_running')) === batches, `${batches} at ${worker}`);

/** Asks, and announces the request that it gives the id of. */
async function announce(client: TestClient): Promise<string> {
  const next = newId();
  const inputs = someInputs(1);
  const { logits } = await client.predictUnder(null, model, inputs, undefined, undefined, { next });
  expectClose(logits, inputs);
  return next;
}

/** Asks with an id: bob first, and the others when he has begun. @param meanwhile what happens before they are asked */
async function askBobFirst(client: TestClient, id: string, meanwhile = async () => {}) {
  const inputs = someInputs(1);
  let others: Promise<void> | undefined;
  const before = async (worker: number) => {
    if (worker === 1) return;
    others ??= running(1, 1).then(meanwhile);
    await others;
  };
  const { logits, protocols } = await client.predictUnder(null, model, inputs, undefined, before, { id });
  expectClose(logits, inputs);
  return protocols;
}

/** Serves the model with a protocol, and waits until what that deals ahead is there. */
async function served(protocol: ProtocolName): Promise<void> {
  await owner.serve('small', null, protocol);
  if (protocol !== 'fss') return;
  await until(async () => (await metric(0, 'trivet_pool_items')) > 4, 'something is dealt');
}

describe('an announced request', () => {
  beforeEach(() => owner.serve('small', null, 'replicated'));

  it.each(['replicated', 'fss', 'securenn'] as const)(
    'begins where it arrives, under %s',
    async (protocol) => {
      for (let round = 0; round < 3; round++) {
        await served(protocol);
        const protocols = await askBobFirst(owner, await announce(owner));
        expect(protocols).toEqual([protocol, protocol, protocol]);
      }
    },
  );

  it('announces the next one', async () => {
    let next = await announce(owner);
    for (let round = 0; round < 5; round++) {
      const id = next;
      next = newId();
      const { logits } = await owner.predictUnder(null, model, someInputs(1), undefined, undefined, {
        id,
        next,
      });
      expectClose(logits, someInputs(1));
    }
    await askBobFirst(owner, next);
  });

  /**
   * A request that worker 0 begins beside a long one, and the others after that; so what it announces is proposed in between.
   * @param meanwhile is given what resolves when the long one runs
   */
  async function announceBusy(next: string, meanwhile = (_busy: Promise<void>) => {}): Promise<void> {
    const other = await connect();
    const ids = { id: await announce(owner), next };
    await running(0, 0);
    const busy = withResolvers();
    meanwhile(busy.promise);
    let long: Promise<number[]> | undefined;
    const before = async (worker: number) => {
      if (worker === 0) {
        // One that has ended before it was seen to run is asked again.
        for (let seen = false; !seen; ) {
          let ended = false;
          long = other.predict(model, someInputs(1000)).finally(() => {
            ended = true;
          });
          while (!seen && !ended) seen = (await metric(0, 'trivet_batches_running')) > 0;
        }
        busy.resolve();
      } else {
        await busy.promise;
        await long;
      }
    };
    const inputs = someInputs(1);
    expectClose((await owner.predictUnder(null, model, inputs, undefined, before, ids)).logits, inputs);
    other.close();
  }

  it('is proposed as soon as its client has the workers to itself', async () => {
    for (let round = 0; round < 3; round++) {
      const next = newId();
      await announceBusy(next);
      await askBobFirst(owner, next);
    }
  });

  it('may be here before it is proposed, and be of another kind', async () => {
    const id = newId();
    const inputs = someInputs(2);
    const proposed = withResolvers();
    let asked: ReturnType<TestClient['predictUnder']> | undefined;
    await announceBusy(id, (busy) => {
      const before = (worker: number) => (worker === 0 ? proposed.promise : busy);
      asked = owner.predictUnder('securenn', model, inputs, undefined, before, { id });
    });
    proposed.resolve();
    const { logits, protocols } = await asked!;
    expectClose(logits, inputs);
    expect(protocols).toEqual(['securenn', 'securenn', 'securenn']);
    await askBobFirst(owner, await announce(owner));
  });

  it('uses what was dealt for it, once', async () => {
    await served('fss');
    const before = await Promise.all([0, 1, 2].map((worker) => metric(worker, 'trivet_pool_used_total')));
    await askBobFirst(owner, await announce(owner));
    const after = await Promise.all([0, 1, 2].map((worker) => metric(worker, 'trivet_pool_used_total')));
    expect(after).toEqual(before.map((used) => used + 2));
  });

  it('runs under the protocol that is served by then, if it has not arrived', async () => {
    const id = await announce(owner);
    await owner.serve('small', null, 'securenn');
    const { logits, protocols } = await owner.predictUnder(null, model, someInputs(1), undefined, undefined, {
      id,
    });
    expectClose(logits, someInputs(1));
    expect(protocols).toEqual(['securenn', 'securenn', 'securenn']);
  });

  it.each(['replicated', 'fss'] as const)(
    'is taken back where it has begun under %s when the model is served otherwise, and answered',
    async (protocol) => {
      // As often as there are workers that can be the helper, who waits for nobody under fss.
      for (let round = 0; round < 3; round++) {
        await served(protocol);
        const id = await announce(owner);
        const protocols = await askBobFirst(owner, id, async () => {
          await owner.serve('small', null, 'securenn');
          await running(1, 0);
        });
        expect(protocols).toEqual(['securenn', 'securenn', 'securenn']);
      }
    },
  );

  it('is of one client: what another asks meanwhile goes its own way', async () => {
    const other = await connect();
    const id = await announce(owner);
    // Nothing more is proposed ahead before that is used.
    const another = await announce(other);
    expectClose((await other.predictUnder(null, model, someInputs(3))).logits, someInputs(3));
    await askBobFirst(owner, id);
    const { logits } = await other.predictUnder(null, model, someInputs(1), undefined, undefined, {
      id: another,
    });
    expectClose(logits, someInputs(1));
  });

  it('is forgotten when its client goes: another may announce at once', async () => {
    const other = await connect();
    await announce(other);
    const connected = await metric(0, 'trivet_client_connections');
    other.close();
    await until(async () => (await metric(0, 'trivet_client_connections')) < connected, 'it has gone');
    await askBobFirst(owner, await announce(owner));
  });

  it('takes the place of what its client announced before', async () => {
    const first = await announce(owner);
    await askBobFirst(owner, await announce(owner));
    const ids = { id: first };
    const { logits } = await owner.predictUnder(null, model, someInputs(1), undefined, undefined, ids);
    expectClose(logits, someInputs(1));
  });

  it('may be of another kind: then it waits for its turn', async () => {
    const inputs = someInputs(2);
    const ids = { id: await announce(owner) };
    const other = await owner.predictUnder(null, model, inputs, undefined, undefined, ids);
    expectClose(other.logits, inputs);
    const named = { id: await announce(owner) };
    const under = await owner.predictUnder('fss', model, inputs, undefined, undefined, named);
    expectClose(under.logits, inputs);
    await askBobFirst(owner, await announce(owner));
  });

  it.each([0, 1, 2])('must be the same at all three: worker %i is sent another', async (different) => {
    const id = await announce(owner);
    const [one, two] = await Promise.all(
      [1, 2].map((count) => owner.messages(model, someInputs(count), 5000, id)),
    );
    const outcomes = await Promise.allSettled(
      [0, 1, 2].map((worker) => {
        return owner.call(worker, EVENTS.predict, (worker === different ? two! : one!).parts[worker]);
      }),
    );
    // The third may be a helper that waits for nobody: one share, which is nothing without the others.
    for (const worker of [0, different]) {
      expect(outcomes[worker]).toMatchObject({ status: 'rejected', reason: { code: 'INVALID_ARGUMENT' } });
    }
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(2);
    await askBobFirst(owner, await announce(owner));
  });

  it('changes nothing for an id that was used', async () => {
    const used = newId();
    const ids = { id: used, next: used };
    await owner.predictUnder(null, model, someInputs(1), undefined, undefined, ids);
    const again = await owner.messages(model, someInputs(1), 5000, used);
    await expect(owner.call(0, EVENTS.predict, again.parts[0])).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    expectClose((await owner.predictUnder(null, model, someInputs(1))).logits, someInputs(1));
  });

  it('is answered when a worker has begun anew since it was announced', async () => {
    for (const victim of [2, 1, 0] as const) {
      const id = await announce(owner);
      await cluster.workers[victim].stop('SIGKILL');
      await cluster.workers[victim].start();
      await owner.ready();
      const { logits } = await owner.predictUnder(null, model, someInputs(1), undefined, undefined, { id });
      expectClose(logits, someInputs(1));
    }
  }, 60_000);
});
