/**
 * kill -9 of real workers at every step of a share and of a switch of versions. Where a worker ends is not left to
 * chance: its own file functions end it (support/kill-points.mjs), and each test sees that it ended there.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EVENTS } from '@trivet/shared-types';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  expectClose,
  type SharedTestModel,
  someInputs,
  type TestClient,
  type TestCluster,
  type Triple,
  until,
} from './support/cluster.js';
import { useCluster } from './support/use-cluster.js';

/** Of each file that a worker writes. */
const STEPS = ['create', 'write', 'rename', 'done'] as const;
/** The first after which the file is there. */
const NAMED = STEPS.indexOf('done');
const WORKERS = [0, 1, 2] as const;
type Worker = (typeof WORKERS)[number];
const TIMEOUT_MS = 300_000;

let cluster: TestCluster;
let owner: TestClient;

useCluster(
  (...started) => {
    [cluster, owner] = started;
  },
  { limits: { maxModels: 512 } },
);

/** Whatever the test before has come to. */
beforeEach(async () => {
  const ended = WORKERS.filter((worker) => cluster.workers[worker].child?.signalCode !== null);
  await restart(ended);
});

/** What a kill has left half written. */
async function halves(worker: Worker): Promise<string[]> {
  const store = join(cluster.directory, ['alice', 'bob', 'carol'][worker]!, 'store');
  return (await readdir(store)).filter((file) => file.endsWith('.tmp'));
}

/** Starts those that have ended; what was half written is gone then. */
async function restart(workers: readonly Worker[]): Promise<void> {
  await Promise.all(
    workers.map(async (worker) => {
      const left = await halves(worker);
      await cluster.workers[worker].killPoints.target(null);
      await cluster.workers[worker].start();
      const now = await halves(worker);
      expect(left.filter((file) => now.includes(file))).toEqual([]);
    }),
  );
  await (await owner.ready()).authenticate();
}

/** Waits for the worker's own end, and sees that it was at this step. */
async function expectKilledAt(worker: Worker, step: string): Promise<void> {
  const { killPoints } = cluster.workers[worker];
  expect(await cluster.workers[worker].ended(), step).toBe('SIGKILL');
  expect((await killPoints.steps()).at(-1)).toBe(step);
}

/** What the three say of a version: its state, and whether it is the current one. */
async function statusOf({ digest }: SharedTestModel): Promise<Triple<string | undefined>> {
  return owner.all(async (worker) => {
    const found = (await owner.status(worker)).models.find((model) => model.digest === digest);
    return found && `${found.state}${found.current ? ', current' : ''}`;
  });
}

const everywhere = <T>(value: T): Triple<T> => [value, value, value];

describe('a share', () => {
  /** Where a worker is killed, and whether it holds the version afterwards. */
  const stages: {
    at: string;
    held: boolean;
    run: (worker: Worker, model: SharedTestModel) => Promise<void>;
  }[] = [
    { at: 'begun', pieces: 0 },
    { at: 'half of it here', pieces: 1 },
  ].map(({ at, pieces }) => ({
    at,
    held: false,
    run: async (worker, model) => {
      await owner.upload(worker, model, undefined, pieces);
      await cluster.workers[worker].stop('SIGKILL');
    },
  }));
  for (const [index, step] of STEPS.entries()) {
    const run = async (worker: Worker, model: SharedTestModel) => {
      const target = `${model.name}@1.model#1 ${step}`;
      await cluster.workers[worker].killPoints.target(target);
      const uploadId = await owner.upload(worker, model);
      // Its answer never comes.
      owner.commit(worker, uploadId).catch(() => undefined);
      await expectKilledAt(worker, target);
    };
    stages.push({ at: step, held: index >= NAMED, run });
  }
  stages.push({
    at: 'acknowledged',
    held: true,
    run: async (worker, model) => {
      await owner.commit(worker, await owner.upload(worker, model));
      await cluster.workers[worker].stop('SIGKILL');
    },
  });

  it('takes these steps, and no other', async () => {
    for (const { killPoints } of cluster.workers) await killPoints.target(null);
    await owner.share('counted');
    const expected = STEPS.map((step) => `counted@1.model#1 ${step}`);
    for (const { killPoints } of cluster.workers) {
      const steps = await killPoints.steps();
      expect(steps.filter((step) => step.startsWith('counted@'))).toEqual(expected);
    }
  });

  // A share is each worker's own affair: so all three are killed in it, each at another stage.
  it.each(stages.map(({ at }, round) => [at, round] as const))(
    'is whole or absent when the workers are killed: %s, and at two other stages',
    async (_, round) => {
      const model = await owner.prepare(`killed-${round}`);
      const stageOf = (worker: Worker) => stages[(round + 3 * worker) % stages.length]!;
      await Promise.all(WORKERS.map((worker) => stageOf(worker).run(worker, model)));
      await restart(WORKERS);
      const held = WORKERS.map((worker) => (stageOf(worker).held ? 'START' : undefined));
      expect(await statusOf(model)).toEqual(held);
      // The owner tries again: who holds it says so, who does not takes it.
      await owner.all(async (worker) => owner.commit(worker, await owner.upload(worker, model)));
      expect(await statusOf(model)).toEqual(everywhere('START'));
      await owner.open(model);
      await owner.order(model.name, [model]);
      expectClose(await owner.predict(model, someInputs(2)), someInputs(2));
    },
    TIMEOUT_MS,
  );
});

describe('a switch of versions', () => {
  interface Switch {
    readonly name: string;
    readonly versions: readonly [SharedTestModel, SharedTestModel];
    /** Gives a worker the order to serve version 2. */
    readonly tell: (worker: Worker) => Promise<unknown>;
    readonly sequence: number;
  }

  /** Two versions, of which the first is served, and the order to serve the second; nothing is left to be written. */
  async function prepare(name: string): Promise<Switch> {
    for (const { killPoints } of cluster.workers) await killPoints.target(null);
    const versions = [
      await owner.share(name, 1),
      await owner.share(name, 2, undefined, undefined, 2),
    ] as const;
    await owner.order(name, [versions[0]], { requestLimit: 3 });
    for (const { killPoints } of cluster.workers) {
      await until(async () => (await killPoints.steps()).includes(`${name}.serving#2 done`), 'order on disk');
    }
    const { signed, sequence } = await owner.signedOrder(name, [versions[1]], { goOn: true });
    const tell = (worker: Worker) => owner.call(worker, EVENTS.order, { order: signed });
    return { name, versions, tell, sequence };
  }

  async function expectSwitched({ name, versions, sequence }: Switch): Promise<void> {
    await owner.inForce(name, sequence);
    expect(await statusOf(versions[1])).toEqual(everywhere('AVAILABLE, current'));
    expectClose(await owner.predict(versions[1], someInputs(2)), someInputs(2), 2);
    await expect(owner.predict(versions[1], someInputs(2))).rejects.toThrow(/may serve 1 more of the 3/);
    await owner.order(name, []);
  }

  it(
    'takes these steps, and no other',
    async () => {
      const change = await prepare('counted-switch');
      const { name } = change;
      for (const { killPoints } of cluster.workers) await killPoints.target(null);
      await owner.all(change.tell);
      const expected = [1, 2].flatMap((time) => STEPS.map((step) => `${name}.serving#${time} ${step}`));
      for (const { killPoints } of cluster.workers) {
        await until(
          async () => (await killPoints.steps()).includes(expected.at(-1)!),
          'order in force on disk',
        );
        const steps = await killPoints.steps();
        expect(steps.filter((step) => step.startsWith(`${name}.`))).toEqual(expected);
      }
      await expectSwitched(change);
    },
    TIMEOUT_MS,
  );

  // The order on its way to the disk: two workers at once, the third has not been told; each of them at every step.
  const rounds = WORKERS.flatMap((untold) =>
    [0, 1].map((round) => [STEPS[round]!, STEPS[round + 2]!, untold] as const),
  );
  it.each(rounds)(
    'is done, or is as if never asked for, when two are killed with the order: at "%s" and "%s", all but worker %i',
    async (first, second, untold) => {
      const change = await prepare(`order-${first}-${untold}`);
      const killed = [((untold + 1) % 3) as Worker, ((untold + 2) % 3) as Worker] as const;
      await Promise.all(
        killed.map(async (worker, i) => {
          const target = `${change.name}.serving#1 ${[first, second][i]}`;
          await cluster.workers[worker].killPoints.target(target);
          change.tell(worker).catch(() => undefined);
          await expectKilledAt(worker, target);
        }),
      );
      await restart(killed);
      if (STEPS.indexOf(second) < NAMED) {
        // Nobody has it: version 1 answers on, and the owner may ask again.
        expect(await statusOf(change.versions[0])).toEqual(everywhere('AVAILABLE, current'));
        expect(await statusOf(change.versions[1])).toEqual(everywhere('START'));
        await owner.all(change.tell);
      }
      await expectSwitched(change);
    },
    TIMEOUT_MS,
  );

  // From the order to its being followed: one worker is killed, the others go on.
  it.each(WORKERS.flatMap((worker) => STEPS.map((step) => [worker, step] as const)))(
    'is done although worker %i is killed as it follows: %s',
    async (worker, step) => {
      const change = await prepare(`follow-${worker}-${STEPS.indexOf(step)}`);
      const target = `${change.name}.serving#2 ${step}`;
      await cluster.workers[worker].killPoints.target(target);
      // It ends before it answers, or right after.
      await owner.all(async (one) => change.tell(one).catch((error) => expect(one, error).toBe(worker)));
      await expectKilledAt(worker, target);
      await restart([worker]);
      await expectSwitched(change);
    },
    TIMEOUT_MS,
  );
});
