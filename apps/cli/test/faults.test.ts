/**
 * Faults on three real processes behind a relay, with requests coming all the time: each is answered rightly or refused
 * with a code, the other two workers live on, service resumes by itself, and nothing is left behind.
 */
import { fileURLToPath } from 'node:url';
import { PredictionClient } from '@trivet/client';
import { compileModelFile, MNIST_INPUT_RANGE, type WorkerExit } from '@trivet/node';
import { SeededRandom } from '@trivet/seeded-random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  clientRoute,
  MODEL_NAME,
  meshRoute,
  type ServingCluster,
  shareRequest,
  startServing,
} from '../src/bench/cluster.js';
import { readHeld, readWork } from '../src/bench/worker-metrics.js';
import { FAULT_KINDS, type FaultKind, inject, planFaults, replacesProcess } from '../src/faults/faults.js';
import { MISBEHAVIOURS, misbehaving } from '../src/faults/misbehaviours.js';
import { fillDisk } from '../src/faults/process-faults.js';
import { createReference, type Reference } from '../src/load/reference.js';
import { Requests } from '../src/load/requests.js';
import { refusedTotal, since } from '../src/load/tally.js';
import { UNIMPAIRED } from '../src/relay/impairment.js';

const MODEL = fileURLToPath(new URL('../../../models/mnist/model.json', import.meta.url));
const SEED = 11;
/** What a client may be told of a fault; anything else would be a fault of its own. */
const CODES = ['UNAVAILABLE', 'ABORTED', 'DEADLINE_EXCEEDED', 'CANCELLED', 'RESOURCE_EXHAUSTED'];
/** And when its own connection is damaged while it begins: then whoever answers cannot show that it is the worker. */
const DAMAGED = [...CODES, 'FAILED_PRECONDITION'];
const BACK_MS = 120_000;

let serving: ServingCluster;
let reference: Reference;
let requests: Requests;
const crashes: WorkerExit[] = [];
const compiled = compileModelFile(MODEL, MNIST_INPUT_RANGE);

beforeAll(async () => {
  reference = await createReference([MODEL, MODEL, MODEL], 40);
  serving = await startServing({
    compiled: (await compiled).compiled,
    rttMs: 0,
    relayed: true,
    signal: new AbortController().signal,
    onCrash: (exit) => crashes.push(exit),
  });
  requests = await connect();
}, 120_000);

afterAll(async () => {
  requests?.close();
  await serving?.stop();
});

function connect(): Promise<Requests> {
  const random = new SeededRandom(SEED, 1);
  const load = { connections: 2, timeoutMs: 10_000, largeEvery: 10, largeDigits: 5, cancelEvery: 20 };
  return Requests.connect({ cluster: serving.cluster, model: MODEL_NAME, reference, random, ...load });
}

/** Resolves with the first right answer to a request that begins from now on. */
function answered(): Promise<number> {
  return new Promise((resolve) => requests.mark(resolve));
}

/** Does something with a client that is connected to all three before it begins. */
async function withClient<T>(
  work: (client: PredictionClient) => Promise<T>,
  { workers, clusterId, ownerKey } = serving.cluster,
): Promise<T> {
  const client = await PredictionClient.connect({ workers, clusterId, ownerKey, timeoutMs: BACK_MS });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** So many digits, in one request. */
function ask(client: PredictionClient, timeoutMs: number, digits = 1) {
  return client.predict(MODEL_NAME, reference.inputs(0, digits), { timeoutMs, requestSize: digits });
}

const predict = (timeoutMs = 10_000) => withClient((client) => ask(client, timeoutMs));

/** How a request for one digit ends. */
function outcomeOf(client: PredictionClient, timeoutMs: number): Promise<string> {
  return ask(client, timeoutMs).then(
    (prediction) => (reference.isRight(prediction, 0) ? 'right' : 'wrong'),
    (error: { code?: string }) => error.code ?? 'none',
  );
}

/** Has the two evaluators hear each other so late: a batch takes as many times as long as it has rounds. */
function delayEvaluators(ms: number): Promise<void> {
  return serving.relay!.impair(meshRoute(1), ms === 0 ? UNIMPAIRED : { extraDelayMs: ms });
}

const work = () => Promise.all(serving.metricsUrls.map(readWork));

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Nobody, of these workers, holds anything for requests any more. */
async function settled(workers: readonly (0 | 1 | 2)[] = [0, 1, 2]): Promise<void> {
  await until(async () => {
    const held = await Promise.all(workers.map((worker) => readHeld(serving.metricsUrls[worker])));
    return (
      requests.open === 0 &&
      held.every(({ requestsOpen, batchesQueued }) => requestsOpen + batchesQueued === 0)
    );
  });
}

describe('with requests coming all the time', () => {
  const plan = planFaults(new SeededRandom(SEED));
  const kinds = FAULT_KINDS.map(() => plan.next().value);
  const seconds = (kind: FaultKind) => (kind === 'long freeze' ? 6 : 0.7);

  it.each(kinds.map((fault) => [fault.kind, fault] as const))(
    'gets over: %s',
    async (kind, fault) => {
      const pids = serving.local.workers.map(({ pid }) => pid);
      const before = structuredClone(requests.tally);
      requests.setRate(25);
      await answered();
      const heal = await inject(serving, fault, new SeededRandom(SEED));
      await new Promise((resolve) => setTimeout(resolve, seconds(kind) * 1000));
      await heal();
      await answered();
      requests.setRate(0);
      await settled();
      const tally = since(before, requests.tally);
      expect(tally).toMatchObject({ wrong: 0, hung: 0 });
      expect(tally.right + refusedTotal(tally)).toBe(tally.requests);
      const codes = kind === 'client garbled' ? DAMAGED : CODES;
      for (const code of Object.keys(tally.refused)) expect(codes).toContain(code);
      serving.local.workers.forEach(({ pid }, worker) => {
        if (worker !== fault.worker || !replacesProcess(kind)) expect(pid).toBe(pids[worker]);
      });
      expect(crashes).toEqual([]);
    },
    BACK_MS,
  );
});

describe.each(MISBEHAVIOURS)('a worker that misbehaves inside of TLS: %s', (mode) => {
  it(
    mode === 'payloads' ? 'costs answers, and makes none wrong' : 'is refused, and hurts nobody',
    async () => {
      const [alice, bob, carol] = serving.local.workers;
      const pids = [alice.pid, carol.pid];
      await bob.stop('SIGKILL');
      bob.start(misbehaving(mode, SEED));
      // It may come up well before it first misbehaves.
      const outcomes = new Set<string>();
      const wanted = mode === 'payloads' ? ['INTERNAL'] : ['ABORTED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED'];
      await until(async () => {
        const outcome = await predict(5000).then(
          (prediction) => (reference.isRight(prediction, 0) ? 'right' : 'wrong'),
          (error: { code?: string; message?: string }) =>
            // That bob is not up yet is not what is looked for.
            /cannot be reached|no connection|not connected/.test(error.message ?? '')
              ? 'away'
              : (error.code ?? 'none'),
        );
        outcomes.add(outcome);
        return wanted.includes(outcome);
      });
      expect(outcomes).not.toContain('wrong');
      expect(outcomes).not.toContain('none');
      expect([alice.pid, carol.pid]).toEqual(pids);
      await bob.stop('SIGKILL');
      bob.start();
      requests.setRate(10);
      await answered();
      requests.setRate(0);
      await settled();
      expect(crashes).toEqual([]);
    },
    BACK_MS,
  );
});

describe('at a moment of its own', () => {
  it.each([0, 1, 2] as const)(
    'a worker killed within a batch, worker %i: its client is told, and the other two let the batch go',
    async (index) => {
      await settled();
      const victim = serving.local.workers[index];
      const others = ([0, 1, 2] as const).filter((other) => other !== index);
      const pids = () => others.map((other) => serving.local.workers[other].pid);
      const before = pids();
      await withClient(async (client) => {
        await delayEvaluators(2000);
        const outcome = outcomeOf(client, BACK_MS);
        await until(async () => (await work()).every(({ batchesRunning }) => batchesRunning > 0));
        await victim.stop('SIGKILL');
        expect(await outcome).toBe('UNAVAILABLE');
        await settled(others);
        await delayEvaluators(0);
        victim.start();
        await until(async () => (await outcomeOf(client, 10_000)) === 'right');
      });
      expect(pids()).toEqual(before);
      expect(crashes).toEqual([]);
    },
    BACK_MS,
  );

  it(
    'more than can be done within its deadline: it is refused before anything is computed',
    async () => {
      await settled();
      await withClient(async (client) => {
        // The leader knows its pace, by nine batches of a like size: a quarter of a second for two digits, at least.
        await delayEvaluators(25);
        for (let batch = 0; batch < 9; batch++) await ask(client, BACK_MS, 2);
        // And one request stands in the way; with two digits, it begins when all three hold it.
        await delayEvaluators(2000);
        const first = ask(client, BACK_MS, 2);
        await until(async () => (await work())[0]!.batchesRunning > 0);
        const [before] = await work();
        await until(async () => {
          const code = await ask(client, 300, 5).catch((error: { code?: string }) => error.code);
          expect(['RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED']).toContain(code);
          return (await work())[0]!.exhausted > before!.exhausted;
        });
        expect((await work())[0]).toMatchObject({ images: before!.images, batchesRunning: 1 });
        await delayEvaluators(0);
        expect(reference.isRight(await first, 0)).toBe(true);
      });
      await settled();
    },
    BACK_MS,
  );

  it(
    'far more than can be done, for a while: right answers or refusals, every request ends, and all is well after it',
    async () => {
      await settled();
      // However fast the machine is: a batch takes a quarter of a second at least, and holds two requests.
      await delayEvaluators(25);
      const load = { connections: 3, timeoutMs: 10_000, largeEvery: 1, largeDigits: 40, cancelEvery: 0 };
      const random = new SeededRandom(SEED, 2);
      const { cluster } = serving;
      const many = await Requests.connect({ cluster, model: MODEL_NAME, reference, random, ...load });
      const { tally } = many;
      many.setRate(40);
      await until(async () => {
        const byWorkers = (tally.refused.RESOURCE_EXHAUSTED ?? 0) - tally.refusedHere;
        return tally.right > 0 && byWorkers > 0 && tally.refusedHere > 0;
      });
      const { requests: sofar } = tally;
      await until(async () => tally.requests > sofar + 100);
      many.setRate(0);
      await until(async () => many.open === 0);
      expect(tally).toMatchObject({ wrong: 0, hung: 0 });
      expect(tally.right + refusedTotal(tally)).toBe(tally.requests);
      for (const code of Object.keys(tally.refused)) {
        expect(['RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED']).toContain(code);
      }
      await delayEvaluators(0);
      await settled();
      const answeredNow = new Promise((resolve) => many.mark(resolve));
      many.setRate(2);
      await answeredNow;
      many.close();
      await settled();
      expect(crashes).toEqual([]);
    },
    BACK_MS,
  );

  it(
    'garbage both ways between clients and all three workers: codes in time for them, and nothing for others',
    async () => {
      await settled();
      const url = (index: 0 | 1 | 2) => ({
        ...serving.cluster.workers[index],
        url: serving.metricsUrls[index],
      });
      const directly = { ...serving.cluster, workers: [url(0), url(1), url(2)] as const };
      const garble = (on: boolean) =>
        Promise.all(
          ([0, 1, 2] as const).map((worker) => {
            const garbled = { seed: SEED + worker, everyBytes: 2000 };
            return serving.relay!.impair(clientRoute(worker), on ? { garbled } : UNIMPAIRED);
          }),
        );
      const outcomes = new Set<string>();
      await withClient(async (disturbed) => {
        await withClient(async (other) => {
          await garble(true);
          // A lost connection is made anew, damaged or not: so there is always a next one to be damaged.
          for (let asked = 0; asked < 40 || [...outcomes].every((one) => one === 'right'); asked++) {
            const both = [outcomeOf(disturbed, 2000), outcomeOf(other, BACK_MS)] as const;
            outcomes.add(await both[0]);
            expect(await both[1]).toBe('right');
          }
        }, directly);
        await garble(false);
        for (const outcome of outcomes) expect(['right', ...DAMAGED]).toContain(outcome);
        await until(async () => (await outcomeOf(disturbed, 10_000)) === 'right');
      });
      await settled();
      expect(crashes).toEqual([]);
    },
    BACK_MS,
  );

  it(
    'a worker killed while a share is uploaded: the owner is told, and can share again',
    async () => {
      const { compiled: model } = await compiled;
      const [, bob] = serving.local.workers;
      await serving.relay!.impair(clientRoute(1), { bytesPerSecond: 100_000 });
      let killed: Promise<unknown> | undefined;
      const share = serving.asOwner((owner) =>
        owner.share(shareRequest(MODEL_NAME, model), {
          onProgress: (done) => {
            if (done > 0) killed ??= bob.stop('SIGKILL');
          },
        }),
      );
      await expect(share).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await killed;
      await serving.relay!.impair(clientRoute(1), UNIMPAIRED);
      bob.start();
      await serving.local.ready(BACK_MS);
      const { version } = await serving.asOwner((owner) => owner.share(shareRequest(MODEL_NAME, model)));
      expect(version).toBeGreaterThan(1);
      expect(reference.isRight(await predict(), 0)).toBe(true);
    },
    BACK_MS,
  );

  it(
    'a disk that is full when the owner switches, while a peer is lost: the switch fails, or is made up for',
    async () => {
      const [, bob] = serving.local.workers;
      const { pid } = bob;
      const versions = await serving.asOwner((owner) => owner.models());
      const target = Math.max(...versions.map(({ version }) => version));
      const free = await fillDisk(bob);
      await expect(
        serving.asOwner((owner) => owner.switchTo(MODEL_NAME, target, { timeoutMs: 20_000 })),
      ).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      // What it would write into its log goes the same way.
      await serving.relay!.impair(meshRoute(1), { cut: true });
      await expect(predict()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await serving.relay!.impair(meshRoute(1), UNIMPAIRED);
      await free();
      expect(bob.pid).toBe(pid);
      await until(() =>
        serving
          .asOwner((owner) => owner.switchTo(MODEL_NAME, target, { timeoutMs: 20_000 }))
          .then(
            () => true,
            () => false,
          ),
      );
      expect((await predict()).version).toBe(target);
      expect(crashes).toEqual([]);
    },
    BACK_MS,
  );

  it(
    'a full disk at the worker that counts: a limited model waits for it, with a code',
    async () => {
      await serving.asOwner((owner) => owner.startServing(MODEL_NAME, { requestLimit: 1000 }));
      expect(reference.isRight(await predict(), 0)).toBe(true);
      const free = await fillDisk(serving.local.workers[0]);
      await expect(predict()).rejects.toMatchObject({ code: 'UNAVAILABLE', worker: 'alice' });
      await free();
      expect(reference.isRight(await predict(), 0)).toBe(true);
      expect(crashes).toEqual([]);
    },
    BACK_MS,
  );
});
