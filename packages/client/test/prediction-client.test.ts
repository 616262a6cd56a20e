/** The client against workers that misbehave in every way that a client must survive. */
import { createCpuSharer, createKernels, type InputSharer } from '@trivet/mpc-core';
import { bytesToHex, manifestDigest, TrivetError } from '@trivet/shared-types';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  PredictionClient,
  type PredictionClientOptions,
  RefusedHereError,
  watchWorkers,
} from '../src/index.js';
import {
  addresses,
  CLUSTER_ID,
  OWNER,
  refuse,
  replyOf,
  signTiny,
  startThree,
  type Three,
} from './scripted-worker.js';

let workers: Three;
const open: { close(): void }[] = [];

beforeEach(async () => {
  workers = await startThree();
});

afterEach(async () => {
  for (const one of open.splice(0)) one.close();
  await Promise.all(workers.map((worker) => worker.stop().catch(() => undefined)));
});

async function connect(options: Partial<PredictionClientOptions> = {}): Promise<PredictionClient> {
  const client = await PredictionClient.connect({ workers: addresses(workers), timeoutMs: 2000, ...options });
  open.push(client);
  return client;
}

async function failure(work: Promise<unknown>): Promise<TrivetError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TrivetError);
  return error as TrivetError;
}

const ONE = Float32Array.of(0.5, -0.5);

describe('connect', () => {
  it('names the worker that is missing', async () => {
    await workers[1].stop();
    const error = await failure(connect());
    expect(error).toMatchObject({ code: 'UNAVAILABLE', worker: 'bob' });
    expect(error.message).toContain('"bob"');
  });

  it('names all that are missing', async () => {
    await Promise.all([workers[0].stop(), workers[2].stop()]);
    const error = await failure(connect());
    expect(error.message).toMatch(/"alice".*"carol"/);
  });

  it.each([
    ['another wire version', () => ({ ...workers[2].status, wireVersion: 9 }), /wire version 9/],
    ['another index', () => ({ ...workers[2].status, worker: { index: 0, name: 'carol' } }), /worker 0/],
    ['another name', () => ({ ...workers[2].status, worker: { index: 2, name: 'mallory' } }), /mallory/],
    ['another cluster', () => ({ ...workers[2].status, clusterId: 'ff'.repeat(16) }), /another cluster/],
    ['a field too many', () => ({ ...workers[2].status, extra: 1 }), /does not know/],
  ])('refuses a worker of %s', async (_, description, message) => {
    workers[2].description = description();
    // Which of two disagreeing clusters is the right one only the caller can say.
    const error = await failure(connect({ clusterId: CLUSTER_ID }));
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', worker: 'carol' });
    expect(error.message).toMatch(message);
  });

  it('is cancelled by its signal', async () => {
    expect(await failure(connect({ signal: AbortSignal.abort() }))).toMatchObject({ code: 'CANCELLED' });
  });
});

describe('models', () => {
  it('lists what the three agree on', async () => {
    const [model, ...others] = await (await connect({ ownerKey: OWNER.publicKey })).models();
    expect(model).toMatchObject({
      name: 'tiny',
      version: 1,
      state: 'AVAILABLE',
      inputSize: 2,
      outputSize: 3,
    });
    expect(others).toEqual([]);
  });

  it('refuses a worker that presents another manifest, and sends nothing', async () => {
    const other = signTiny({ createdAt: '2025-01-01T00:00:00.000Z' });
    const model = workers[2].status.models[0]!;
    workers[2].status = {
      ...workers[2].status,
      models: [{ ...model, manifest: other, digest: manifestDigest(other) }],
    };
    const error = await failure((await connect()).predict('tiny', ONE));
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', worker: 'carol' });
    expect(workers.flatMap((worker) => worker.requests)).toEqual([]);
  });

  it('refuses a worker that presents the same manifest under another owner', async () => {
    const model = workers[1].status.models[0]!;
    const ownerKey = 'ab'.repeat(32);
    workers[1].status = {
      ...workers[1].status,
      models: [{ ...model, manifest: { ...model.manifest, ownerKey } }],
    };
    expect(await failure((await connect()).predict('tiny', ONE))).toMatchObject({ worker: 'bob' });
  });

  it('refuses a model of another owner than expected', async () => {
    const client = await connect({ ownerKey: 'ab'.repeat(32) });
    expect(await client.models()).toEqual([]);
    expect(await failure(client.predict('tiny', ONE))).toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  it('refuses a signature that is wrong even when all three present it', async () => {
    for (const worker of workers) {
      const model = worker.status.models[0]!;
      const manifest = { ...model.manifest, signature: '00'.repeat(64) };
      worker.status = { ...worker.status, models: [{ ...model, manifest }] };
    }
    expect(await failure((await connect()).predict('tiny', ONE))).toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  });

  it('says which worker lacks the model, and when none has it', async () => {
    workers[1].status = { ...workers[1].status, models: [] };
    const client = await connect();
    expect(await failure(client.predict('tiny', ONE))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      worker: 'bob',
    });
    expect(await failure(client.predict('other', ONE))).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('says that a model is not served', async () => {
    const model = workers[0].status.models[0]!;
    workers[0].status = { ...workers[0].status, models: [{ ...model, state: 'START', current: false }] };
    const error = await failure((await connect()).predict('tiny', ONE));
    expect(error.code).toBe('FAILED_PRECONDITION');
    expect(error.message).toContain('trivet serve tiny');
  });
});

describe('predict', () => {
  it('adds the replies up and reports what each worker did', async () => {
    const prediction = await (await connect()).predict('tiny', ONE, { keepTranscript: true });
    expect([...prediction.logits]).toEqual([0, 1, 2]);
    expect([...prediction.classes]).toEqual([2]);
    expect(prediction.probabilities!.reduce((left, right) => left + right)).toBeCloseTo(1, 12);
    expect(prediction.workers[1]).toMatchObject({
      name: 'bob',
      rounds: 5,
      computeMs: 1.5,
      queueMs: 0.25,
      batchSize: 1,
    });
    expect(prediction.sentBytes).toEqual([80 + 64, 80 + 32 + 16, 80 + 32 + 16]);
    const { sent, expandedShares } = prediction.transcript!;
    const hex = sent.map(bytesToHex);
    expect(hex).toEqual(workers.map((worker) => bytesToHex(worker.requests[0]!.bytes)));
    const words = (bytes: Uint8Array) => new BigInt64Array(bytes.slice().buffer);
    const [x0, x1] = expandedShares[0].map(words);
    const x2 = words(expandedShares[1][1]);
    const sums = [0, 1].map((at) => BigInt.asIntN(64, x0![at]! + x1![at]! + x2[at]!));
    expect(sums).toEqual([BigInt(2 ** 15), -BigInt(2 ** 15)]);
    expect(expandedShares[2]).toEqual([expandedShares[1][1], expandedShares[0][0]]);
  });

  it('splits what is too much for one request, with progress', async () => {
    const seen: number[] = [];
    const inputs = new Float32Array(2 * 7).fill(0.25);
    const options = { requestSize: 3, onProgress: (done: number) => seen.push(done) };
    const prediction = await (await connect()).predict('tiny', inputs, options);
    expect(seen).toEqual([3, 6, 7]);
    expect(workers[0].requests.map(({ request }) => request.count)).toEqual([3, 3, 1]);
    expect(prediction).toMatchObject({ count: 7 });
    expect(prediction.logits.length).toBe(21);
    expect(prediction.workers[0]).toMatchObject({ rounds: 15, batchSize: 3, steps: [{ rounds: 15 }] });
    expect(
      await failure((await connect()).predict('tiny', inputs, { requestSize: 3, keepTranscript: true })),
    ).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it.each([
    ['too few numbers', Float32Array.of(1)],
    ['no numbers', new Float32Array()],
    ['not a number', Float32Array.of(0, Number.NaN)],
    ['infinite', Float32Array.of(0, Number.POSITIVE_INFINITY)],
    ['out of range', Float32Array.of(0, 1.0001)],
  ])('refuses inputs that do not fit before anything is sent: %s', async (_, inputs) => {
    expect(await failure((await connect()).predict('tiny', inputs))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(workers.flatMap((worker) => worker.requests)).toEqual([]);
  });

  it.each([
    ['no bytes', () => 'text'],
    ['too short', (bytes: Uint8Array) => bytes.slice(0, -1)],
    ['a byte too many', (bytes: Uint8Array) => Uint8Array.of(...bytes, 0)],
    ['another request', (bytes: Uint8Array) => bytes.with(4, bytes[4]! ^ 1)],
    ['another count', (bytes: Uint8Array) => bytes.with(52, 9)],
  ])('refuses a malformed reply, naming the worker: %s', async (_, change) => {
    workers[2].onPredict = (request, acknowledge) =>
      acknowledge({ ok: true, value: change(replyOf(request, [0, 0, 0])) });
    expect(await failure((await connect()).predict('tiny', ONE))).toMatchObject({
      code: 'INTERNAL',
      worker: 'carol',
    });
  });

  it.each([
    ['a word', (bytes: Uint8Array) => bytes.with(-20, bytes.at(-20)! ^ 64)],
    ['the check word', (bytes: Uint8Array) => bytes.with(-1, bytes.at(-1)! ^ 1)],
    ['all words', (bytes: Uint8Array) => bytes.map((byte, at) => (at < bytes.length - 32 ? byte : 7 * at))],
  ])('has no answer when %s of a reply is garbage, and says so', async (_, change) => {
    workers[1].onPredict = (request, acknowledge) =>
      acknowledge({ ok: true, value: change(replyOf(request, [0, 0, 0])) });
    const error = await failure((await connect()).predict('tiny', ONE));
    expect(error).toMatchObject({ code: 'INTERNAL', worker: null });
    expect(error.message).toMatch(/do not fit together.*no answer.*Ask again/);
  });

  it('tells the loss of a peer rather than its consequences, and cancels', async () => {
    workers[0].onPredict = (_, acknowledge) => acknowledge(refuse('ABORTED', 'The batch failed.', 'alice'));
    workers[1].onPredict = (_, acknowledge) =>
      setTimeout(() => acknowledge(refuse('UNAVAILABLE', 'Worker "carol" is lost.', 'bob')), 50);
    workers[2].onPredict = () => {};
    const error = await failure((await connect()).predict('tiny', ONE));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', worker: 'bob', message: 'Worker "carol" is lost.' });
    await expect.poll(() => workers[2].cancelled).toEqual([workers[2].requests[0]!.request.requestId]);
  });

  it('cancels at a worker that does not answer when another has no room, though that one tells it', async () => {
    workers[0].onPredict = (_, acknowledge) =>
      acknowledge(refuse('RESOURCE_EXHAUSTED', 'The queue is full.', 'alice'));
    workers[2].onPredict = () => {};
    const error = await failure((await connect()).predict('tiny', ONE));
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await expect.poll(() => workers[2].cancelled).toEqual([workers[2].requests[0]!.request.requestId]);
  });

  it('names the worker whose connection drops', async () => {
    workers[1].onPredict = () => void workers[1].stop();
    workers[0].onPredict = (_, acknowledge) => acknowledge(refuse('ABORTED', 'The batch failed.', 'alice'));
    workers[2].onPredict = () => {};
    expect(await failure((await connect()).predict('tiny', ONE))).toMatchObject({
      code: 'UNAVAILABLE',
      worker: 'bob',
    });
  });

  it('keeps its deadline, and cancels on all three', async () => {
    for (const worker of workers) worker.onPredict = () => {};
    const start = performance.now();
    const error = await failure((await connect()).predict('tiny', ONE, { timeoutMs: 200 }));
    expect(error.code).toBe('DEADLINE_EXCEEDED');
    expect(performance.now() - start).toBeLessThan(1500);
    await expect.poll(() => workers.map((worker) => worker.cancelled.length)).toEqual([1, 1, 1]);
    for (const { requests } of workers) expect(requests[0]!.request.deadlineMs).toBeLessThanOrEqual(200);
  });

  it('is cancelled by its signal, on all three', async () => {
    const controller = new AbortController();
    for (const worker of workers) worker.onPredict = () => controller.abort();
    const error = await failure((await connect()).predict('tiny', ONE, { signal: controller.signal }));
    expect(error.code).toBe('CANCELLED');
    await expect.poll(() => workers.map((worker) => worker.cancelled.length)).toEqual([1, 1, 1]);
  });

  it('retries what is transient, with nothing used twice', async () => {
    const answer = workers[1].onPredict;
    workers[1].onPredict = (request, acknowledge) => {
      if (workers[1].requests.length < 3)
        acknowledge(refuse('RESOURCE_EXHAUSTED', 'The queue is full.', 'bob'));
      else answer(request, acknowledge);
    };
    const prediction = await (await connect()).predict('tiny', ONE, { retry: { attempts: 3 } });
    expect(prediction.classes[0]).toBe(2);
    expect(workers[0].requests.length).toBe(3);
    const ids = workers[0].requests.map(({ request }) => request.requestId);
    const seeds = workers[0].requests.flatMap(({ request: { first, second } }) =>
      [first, second].map((part) => (part.kind === 'seed' ? bytesToHex(part.seed) : 'explicit')),
    );
    expect(new Set(ids).size).toBe(3);
    expect(new Set(seeds).size).toBe(6);
  });

  it('wipes seeds and shares once they have left, unless they are to be shown', async () => {
    const cpu = createCpuSharer(await createKernels());
    const used: Uint8Array[] = [];
    const sharer: InputSharer = {
      ...cpu,
      async share(inputs, fractionalBits, seeds) {
        const words = await cpu.share(inputs, fractionalBits, seeds);
        used.push(...seeds, words);
        return words;
      },
    };
    const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);
    const client = await connect({ sharer });
    await client.predict('tiny', ONE);
    workers[2].onPredict = (_, acknowledge) => acknowledge(refuse('INVALID_ARGUMENT', 'No.', 'carol'));
    await failure(client.predict('tiny', ONE));
    expect(used.map(isZero)).toEqual(new Array(6).fill(true));
    for (const { bytes } of workers[0].requests) expect(isZero(bytes.subarray(64))).toBe(false);
    await failure(client.predict('tiny', ONE, { keepTranscript: true }));
    expect(used.slice(6).map(isZero)).toEqual([false, false, false]);
  });

  it('sends worker 0 the seeds before the rest is computed, and nothing to the others then', async () => {
    const cpu = createCpuSharer(await createKernels());
    let compute = () => {};
    const sharer: InputSharer = {
      ...cpu,
      share: async (...parts) => {
        await new Promise<void>((resolve) => {
          compute = resolve;
        });
        return cpu.share(...parts);
      },
    };
    const prediction = (await connect({ sharer })).predict('tiny', ONE);
    await expect.poll(() => workers[0].requests.length).toBe(1);
    expect(workers.map((worker) => worker.requests.length)).toEqual([1, 0, 0]);
    compute();
    expect((await prediction).count).toBe(1);
    expect(workers.map((worker) => worker.requests.length)).toEqual([1, 1, 1]);
    const deadlines = workers.map((worker) => worker.requests[0]!.request.deadlineMs);
    expect(new Set(deadlines).size).toBe(1);
  });

  it('sends the others nothing once worker 0 has refused', async () => {
    const cpu = createCpuSharer(await createKernels());
    let refused = false;
    const sharer: InputSharer = {
      ...cpu,
      async share(...parts) {
        await vi.waitUntil(() => refused);
        await new Promise((resolve) => setTimeout(resolve, 50));
        return cpu.share(...parts);
      },
    };
    workers[0].onPredict = (_, acknowledge) => {
      acknowledge(refuse('INVALID_ARGUMENT', 'No.', 'alice'));
      refused = true;
    };
    const client = await connect({ sharer });
    const error = await failure(client.predict('tiny', ONE));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', worker: 'alice' });
    // What is asked last is heard last.
    await client.models();
    expect(workers.map((worker) => worker.requests.length)).toEqual([1, 0, 0]);
    expect(workers.map((worker) => worker.cancelled.length)).toEqual([0, 0, 0]);
  });

  it('has worker 0 forget a request whose sharing fails, and blames no worker', async () => {
    const sharer: InputSharer = {
      label: 'broken',
      kind: 'webgpu',
      share: () => Promise.reject(new TrivetError('UNAVAILABLE', 'The graphics card is lost.')),
    };
    workers[0].onPredict = () => {};
    const error = await failure((await connect({ sharer })).predict('tiny', ONE));
    expect([error.code, error.message, error.worker]).toEqual([
      'UNAVAILABLE',
      'The graphics card is lost.',
      null,
    ]);
    await expect.poll(() => workers[0].cancelled.length).toBe(1);
    expect(workers[0].requests.map(({ request }) => request.requestId)).toEqual(workers[0].cancelled);
    expect(workers.map((worker) => worker.requests.length)).toEqual([1, 0, 0]);
  });

  it('does not retry what is not transient', async () => {
    workers[0].onPredict = (_, acknowledge) => acknowledge(refuse('INVALID_ARGUMENT', 'No.', 'alice'));
    await failure((await connect()).predict('tiny', ONE, { retry: { attempts: 5 } }));
    expect(workers[0].requests.length).toBe(1);
  });

  it('strips control characters from what a worker says', async () => {
    workers[0].onPredict = (_, acknowledge) =>
      acknowledge(refuse('INVALID_ARGUMENT', 'a\x1b[31mred', 'alice'));
    expect((await failure((await connect()).predict('tiny', ONE))).message).toBe('a [31mred');
  });
});

describe('when workers have no room', () => {
  const full = refuse('RESOURCE_EXHAUSTED', 'No room.', 'alice');
  const refuseAll = () => {
    for (const worker of workers) worker.onPredict = (_, acknowledge) => acknowledge(full);
  };
  const sent = () => workers.flatMap((worker) => worker.requests).length;
  const asked = () => workers.map((worker) => worker.asked.length);

  it('asks worker 0 after a refusal, before anything is shared', async () => {
    const sharer = createCpuSharer(await createKernels());
    let shared = 0;
    const counted: InputSharer = {
      ...sharer,
      share: (...parts) => {
        shared += 1;
        return sharer.share(...parts);
      },
    };
    const client = await connect({ sharer: counted });
    await client.predict('tiny', ONE);
    expect(asked()).toEqual([0, 0, 0]);
    workers[0].onPredict = (_, acknowledge) => acknowledge(full);
    await failure(client.predict('tiny', ONE));
    expect([shared, sent()]).toEqual([2, 6]);
    workers[0].room = full;
    expect(await failure(client.predict('tiny', ONE, { timeoutMs: 5000 }))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      worker: 'alice',
    });
    expect(asked()).toEqual([1, 0, 0]);
    const [{ digest, count, deadlineMs }] = workers[0].asked as [(typeof workers)[0]['asked'][0]];
    expect([digest, count]).toEqual([workers[0].status.models[0]!.digest, 1]);
    expect(deadlineMs).toBeLessThanOrEqual(5000);
    expect([shared, sent()]).toEqual([2, 6]);
  });

  it.each([
    ['there is', { ok: true, value: {} }],
    ['a worker of before does not know the question', refuse('INVALID_ARGUMENT', 'Unknown event.', 'alice')],
  ])('sends the request when %s', async (_, room) => {
    const client = await connect();
    const { onPredict } = workers[0];
    workers[0].onPredict = (_request, acknowledge) => acknowledge(full);
    await failure(client.predict('tiny', ONE));
    workers[0].onPredict = onPredict;
    workers[0].room = room;
    expect((await client.predict('tiny', ONE)).count).toBe(1);
    expect(asked()).toEqual([1, 0, 0]);
  });

  it('refuses most requests on this device, of that model alone', async () => {
    refuseAll();
    workers[0].room = full;
    const client = await connect();
    const errors: TrivetError[] = [];
    for (let request = 0; request < 60; request++) errors.push(await failure(client.predict('tiny', ONE)));
    const here = errors.filter((error) => error instanceof RefusedHereError);
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['RESOURCE_EXHAUSTED']));
    // Chance has it: of 60, 20 are far fewer than half of what is to be expected.
    expect(here.length).toBeGreaterThan(20);
    expect(asked()[0]).toBe(60 - here.length - 1);
    expect(sent()).toBe(3);
    expect(here.at(-1)).toMatchObject({ worker: null, retryAfterMs: expect.any(Number) });
    expect(await failure(client.predict('other', ONE))).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('sends every request when it is told to', async () => {
    refuseAll();
    const client = await connect({ throttling: false });
    for (let request = 0; request < 20; request++) {
      expect(await failure(client.predict('tiny', ONE))).not.toBeInstanceOf(RefusedHereError);
    }
    expect(asked()).toEqual([0, 0, 0]);
    expect(sent()).toBe(60);
  });

  it('tells of the refusal at once when the next try would come after the deadline', async () => {
    refuseAll();
    const client = await connect();
    for (let request = 0; request < 4; request++) await failure(client.predict('tiny', ONE));
    // The unluckiest coin; seeds and ids stay random.
    const draw = crypto.getRandomValues.bind(crypto);
    const coin = vi.spyOn(crypto, 'getRandomValues').mockImplementation((into) => {
      return into instanceof Uint32Array ? into.fill(0) : draw(into);
    });
    try {
      const retrying = client.predict('tiny', ONE, { retry: { attempts: 3 }, timeoutMs: 400 });
      expect(await failure(retrying)).toBeInstanceOf(RefusedHereError);
    } finally {
      coin.mockRestore();
    }
  });
});

describe('status', () => {
  it('reports a lost worker at once and its return, and predicts again', async () => {
    const client = await connect();
    const history: string[] = [];
    client.onStatus((views) => history.push(views.map((view) => (view.reachable ? '+' : '-')).join('')));
    const { port } = workers[1];
    await workers[1].stop();
    await expect.poll(() => history.at(-1), { timeout: 2000 }).toBe('+-+');
    expect(await failure(client.predict('tiny', ONE))).toMatchObject({ code: 'UNAVAILABLE', worker: 'bob' });
    const later = client.predict('tiny', ONE, { retry: { attempts: 2 }, timeoutMs: 10_000 });
    await workers[1].start(port);
    expect((await later).classes[0]).toBe(2);
    await expect.poll(() => history.at(-1), { timeout: 5000 }).toBe('+++');
  });

  it('passes on what workers push, and watches without needing all three', async () => {
    await workers[2].stop();
    let queue: (number | undefined)[] = [];
    let problems: (string | null)[] = [];
    open.push(
      watchWorkers({ workers: addresses(workers) }, (views) => {
        queue = views.map((view) => view.status?.operation?.queueLength);
        problems = views.map((view) => view.problem);
      }),
    );
    await expect.poll(() => queue).toEqual([0, 0, undefined]);
    await expect.poll(() => problems[2]).toContain('"carol"');
    const operation = { ...workers[0].status.operation!, queueLength: 4 };
    workers[0].status = { ...workers[0].status, operation };
    workers[0].push();
    await expect.poll(() => queue).toEqual([4, 0, undefined]);
  });
});
