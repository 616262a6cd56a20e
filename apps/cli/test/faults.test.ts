/**
 * Faults on three real processes behind a relay, with requests coming all the time: each is answered rightly or refused
 * with a code, the other two workers live on, service resumes by itself, and nothing is left behind.
 */
import { fileURLToPath } from 'node:url';
import { PredictionClient } from '@trivet/client';
import { compileModelFile, MNIST_INPUT_RANGE, type WorkerExit } from '@trivet/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  clientRoute,
  MODEL_NAME,
  meshRoute,
  type ServingCluster,
  shareRequest,
  startServing,
} from '../src/bench/cluster.js';
import { readHeld } from '../src/bench/worker-metrics.js';
import { FAULT_KINDS, type FaultKind, inject, planFaults, replacesProcess } from '../src/faults/faults.js';
import { MISBEHAVIOURS, misbehaving } from '../src/faults/misbehaviours.js';
import { fillDisk } from '../src/faults/process-faults.js';
import { createReference, type Reference } from '../src/load/reference.js';
import { Requests } from '../src/load/requests.js';
import { refusedTotal, since } from '../src/load/tally.js';
import { SeededRandom } from '../src/random.js';
import { UNIMPAIRED } from '../src/relay/impairment.js';

const MODEL = fileURLToPath(new URL('../../../models/mnist/model.json', import.meta.url));
const SEED = 11;
/** What a client may be told of a fault; anything else would be a fault of its own. */
const CODES = ['UNAVAILABLE', 'ABORTED', 'DEADLINE_EXCEEDED', 'CANCELLED', 'RESOURCE_EXHAUSTED'];
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

async function predict(timeoutMs = 10_000) {
  const { workers, clusterId, ownerKey } = serving.cluster;
  const client = await PredictionClient.connect({ workers, clusterId, ownerKey, timeoutMs: BACK_MS });
  try {
    return await client.predict(MODEL_NAME, reference.inputs(0, 1), { timeoutMs });
  } finally {
    client.close();
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Nobody holds anything for requests any more. */
async function settled(): Promise<void> {
  await until(async () => {
    const held = await Promise.all(serving.metricsUrls.map(readHeld));
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
      for (const code of Object.keys(tally.refused)) expect(CODES).toContain(code);
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
    mode === 'payloads' ? 'makes answers wrong, and nothing else' : 'is refused, and hurts nobody',
    async () => {
      const [alice, bob, carol] = serving.local.workers;
      const pids = [alice.pid, carol.pid];
      await bob.stop('SIGKILL');
      bob.start(misbehaving(mode, SEED));
      // It may come up well before it first misbehaves.
      const outcomes = new Set<string>();
      const wanted = mode === 'payloads' ? ['wrong'] : ['ABORTED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED'];
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
      if (mode !== 'payloads') expect(outcomes).not.toContain('wrong');
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
