/** The client and the model owner against three real worker processes. */
import { ModelOwner, PredictionClient } from '@trivet/client';
import { loadMnist, type Mnist } from '@trivet/mnist';
import { createKernels, evaluateGraph, type LayerGraph } from '@trivet/mpc-core';
import {
  type CompiledModelFile,
  compileModelFile,
  type LocalCluster,
  MNIST_CLASSES,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  startLocalCluster,
  toModelInputs,
} from '@trivet/node';
import { generateOwnerKeys } from '@trivet/shared-types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory, writeNearestMeanModel } from './support.js';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let cluster: LocalCluster;
let mnist: Mnist;
let file: CompiledModelFile;
let owner: ModelOwner;
let client: PredictionClient;

const request = () => ({
  name: 'digits',
  compiled: file.compiled,
  preprocessing: MNIST_PREPROCESSING,
  inputRange: MNIST_INPUT_RANGE,
  labels: [...MNIST_CLASSES],
});

const inputsOf = (...indices: number[]) => toModelInputs(mnist, indices, 255);

beforeAll(async () => {
  directory = await temporaryDirectory();
  mnist = await loadMnist('test');
  file = await compileModelFile(await writeNearestMeanModel(directory.path, mnist), MNIST_INPUT_RANGE);
  cluster = await startLocalCluster();
  const { workers, clusterId, ownerKey } = cluster.cluster;
  owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey: cluster.ownerSecretKey });
  client = await PredictionClient.connect({ workers, clusterId, ownerKey });
}, 60_000);

afterAll(async () => {
  client?.close();
  owner?.close();
  await cluster?.stop();
  await directory?.remove();
});

describe('the model owner', () => {
  it('is refused with another key', async () => {
    const { workers, clusterId } = cluster.cluster;
    const mallory = ModelOwner.connect({ workers, clusterId, ownerSecretKey: generateOwnerKeys().secretKey });
    await expect(mallory).rejects.toMatchObject({
      code: expect.stringMatching(/UNAUTHENTICATED|PERMISSION_DENIED/),
    });
  });

  it('shares with progress, and numbers versions', async () => {
    const progress: number[] = [];
    const first = await owner.share(request(), { onProgress: (done, total) => progress.push(done / total) });
    expect(first).toMatchObject({
      name: 'digits',
      version: 1,
      state: 'START',
      inputSize: 784,
      outputSize: 10,
    });
    expect(progress.at(-1)).toBe(1);
    expect([...progress].sort((left, right) => left - right)).toEqual(progress);
    const second = await owner.share(request());
    expect(second.version).toBe(2);
    expect(second.digest).not.toBe(first.digest);
  });

  it('serves so many images, counts them, and stops', async () => {
    const numbers: number[] = [];
    const serving = owner.serve('digits', {
      requestLimit: 4,
      onStarted: () =>
        void client.predict('digits', inputsOf(0)).then(() => client.predict('digits', inputsOf(1, 2, 3))),
      onServed: (number) => numbers.push(number),
    });
    expect(await serving).toBe(4);
    expect(numbers).toEqual([1, 2, 3, 4]);
    await expect(client.predict('digits', inputsOf(0))).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
  });

  it('stops serving when its signal aborts, even at once', async () => {
    const controller = new AbortController();
    const serving = owner.serve('digits', { signal: controller.signal, onStarted: () => controller.abort() });
    expect(await serving).toBe(0);
    const [model] = await client.models();
    expect(model?.state).toBe('START');
  });
});

describe('the data owner', () => {
  beforeAll(() => owner.startServing('digits'));

  it('gets the logits of plaintext float arithmetic', async () => {
    const indices = Array.from({ length: 230 }, (_, index) => index);
    const inputs = toModelInputs(mnist, indices, 255);
    const { logits, count, workers } = await client.predict('digits', inputs, { requestSize: 100 });
    const plain = evaluateGraph(file.graph as LayerGraph, inputs, count);
    expect(count).toBe(230);
    expect(Math.max(...logits.map((logit, at) => Math.abs(logit - plain[at]!)))).toBeLessThan(0.002);
    for (const worker of workers) expect(worker.steps).toHaveLength(file.compiled.plan.steps.length);
  });

  it('sends each worker something else every time, for the same digit', async () => {
    const input = inputsOf(0);
    const [one, two] = [
      await client.predict('digits', input, { keepTranscript: true }),
      await client.predict('digits', input, { keepTranscript: true }),
    ];
    for (const worker of [0, 1, 2] as const) {
      const [a, b] = [one.transcript!.sent[worker], two.transcript!.sent[worker]].map((bytes) =>
        bytes.subarray(64),
      );
      const same = a!.reduce((count, byte, at) => count + (byte === b![at] ? 1 : 0), 0);
      expect(same).toBeLessThan(a!.length / 16);
    }
    expect(one.classes).toEqual(two.classes);
  });

  it('can cancel, and predict again at once', async () => {
    const many = new Float32Array(784 * 600).fill(0.5);
    const controller = new AbortController();
    const cancelled = client.predict('digits', many, { signal: controller.signal, requestSize: 600 });
    setTimeout(() => controller.abort(), 30);
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
    expect((await client.predict('digits', inputsOf(0))).classes[0]).toBe(7);
  });

  it('gives each of 300 clients that ask at once, twice each, its own answers', async () => {
    const { workers, clusterId, ownerKey } = cluster.cluster;
    const kernels = await createKernels();
    const others: PredictionClient[] = [];
    const CLIENTS = 300;
    const ROUNDS = 2;
    const TOLERANCE = 0.01;
    // Every request is about another picture, and every answer is held against the plaintext of that picture alone.
    const pictures = Array.from({ length: CLIENTS * ROUNDS }, (_, picture) => inputsOf(picture));
    const expected = pictures.map((inputs) => evaluateGraph(file.graph as LayerGraph, inputs, 1));
    const far = (one: ArrayLike<number>, other: ArrayLike<number>) =>
      Math.max(...Array.from(one, (logit, at) => Math.abs(logit - other[at]!)));
    // So no answer would do for another picture.
    for (const [at, one] of expected.entries()) {
      for (const other of expected.slice(at + 1))
        if (far(one, other) <= 2 * TOLERANCE) throw new Error('alike');
    }
    try {
      while (others.length < CLIENTS) {
        const few = Array.from({ length: 50 }, () =>
          PredictionClient.connect({ workers, clusterId, ownerKey, kernels, timeoutMs: 120_000 }),
        );
        others.push(...(await Promise.all(few)));
      }
      let most = 0;
      let open = 0;
      const off = await Promise.all(
        others.map(async (other, client) => {
          let worst = 0;
          for (let round = 0; round < ROUNDS; round++) {
            const picture = client + round * CLIENTS;
            open += 1;
            most = Math.max(most, open);
            const options = { retry: { attempts: 50 }, timeoutMs: 120_000 };
            const { logits } = await other.predict('digits', pictures[picture]!, options);
            open -= 1;
            worst = Math.max(worst, far(logits!, expected[picture]!));
          }
          return worst;
        }),
      );
      expect(Math.max(...off)).toBeLessThan(TOLERANCE);
      expect(most).toBe(CLIENTS);
    } finally {
      for (const other of others) other.close();
    }
  }, 240_000);

  it('is told within two seconds that a worker died, and predicts again after it is back', async () => {
    const [, , carol] = cluster.workers;
    let reachable = [true, true, true];
    const unwatch = client.onStatus((views) => {
      reachable = views.map((view) => view.reachable);
    });
    await carol.stop('SIGKILL');
    await expect.poll(() => reachable, { timeout: 2000 }).toEqual([true, true, false]);
    await expect(client.predict('digits', inputsOf(0))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      worker: 'carol',
    });
    carol.start();
    const retried = await client.predict('digits', inputsOf(0), {
      retry: { attempts: 50 },
      timeoutMs: 20_000,
    });
    expect(retried.classes[0]).toBe(7);
    expect(reachable).toEqual([true, true, true]);
    unwatch();
  }, 60_000);
});
