/** Models that reveal classes only, against three real worker processes: what their clients are sent, byte by byte. */
import { join } from 'node:path';
import { argmaxRows, ModelOwner, PredictionClient } from '@trivet/client';
import { loadMnist } from '@trivet/mnist';
import { addWords, checkWord, readWords } from '@trivet/mpc-core';
import {
  compileModelFile,
  type LocalCluster,
  MNIST_CLASSES,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  startLocalCluster,
  toModelInputs,
} from '@trivet/node';
import { decodePredictReply, PROTOCOL_NAMES } from '@trivet/shared-types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory, trivet, writeNearestMeanModel } from './support.js';

const COUNT = 30;
const OUTPUT_BITS = 40n;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let cluster: LocalCluster;
let file: string;
let inputs: Float32Array;
let owner: ModelOwner;
let client: PredictionClient;

beforeAll(async () => {
  directory = await temporaryDirectory();
  const mnist = await loadMnist('test');
  inputs = toModelInputs(
    mnist,
    Array.from({ length: COUNT }, (_, index) => index),
    255,
  );
  file = await writeNearestMeanModel(join(directory.path, 'model'), mnist);
  cluster = await startLocalCluster({ directory: join(directory.path, 'cluster') });
  const { workers, clusterId, ownerKey } = cluster.cluster;
  owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey: cluster.ownerSecretKey });
  client = await PredictionClient.connect({ workers, clusterId, ownerKey });
  for (const [name, reveal] of [
    ['values', 'logits'],
    ['label', 'label'],
    ['three', 'top-3'],
  ] as const) {
    const { compiled } = await compileModelFile(file, MNIST_INPUT_RANGE, reveal);
    await owner.share({
      name,
      compiled,
      preprocessing: MNIST_PREPROCESSING,
      inputRange: MNIST_INPUT_RANGE,
      labels: [...MNIST_CLASSES],
    });
    await owner.startServing(name, { reveal });
  }
}, 300_000);

afterAll(async () => {
  client?.close();
  owner?.close();
  await cluster?.stop();
  await directory?.remove();
});

describe.each(PROTOCOL_NAMES)('under %s', (protocol) => {
  it.each([
    ['label', 'label', 1],
    ['three', 'top-3', 3],
  ] as const)(
    'a client of "%s" is sent a sharing of its classes, and nothing more',
    async (name, reveal, top) => {
      // The model is a single linear layer, so its values are the same in every run, to the last bit.
      const { logits } = await client.predict('values', inputs, { protocol });
      const model = await client.model(name);
      const answer = await client.predict(name, inputs, { protocol, keepTranscript: true });
      expect(answer).toMatchObject({ reveal, logits: null, probabilities: null, count: COUNT });
      expect(answer.classes).toEqual(argmaxRows(logits!, 10));
      expect(answer.topClasses).toHaveLength(COUNT * top);
      for (let image = 0; image < COUNT; image++) {
        const row = [...logits!.subarray(10 * image, 10 * image + 10)];
        const order = row.map((_, digit) => digit).sort((a, b) => row[b]! - row[a]! || a - b);
        expect([...answer.topClasses!.subarray(top * image, top * (image + 1))]).toEqual(order.slice(0, top));
      }

      const { received } = answer.transcript!;
      const replies = received.map((bytes) => {
        expect(bytes).toHaveLength(96 + 16 * model.manifest.plan.steps.length + 8 * COUNT * (top + 1));
        const expected = { requestId: answer.requestId, manifestDigest: model.digest, count: COUNT };
        return decodePredictReply(bytes, { ...expected, outputSize: top, protocol });
      });
      const words = replies.map((reply) => reply.words) as [Uint8Array, Uint8Array, Uint8Array];
      for (const each of words) {
        const values = readWords(each);
        // Fresh masks: 64 random bits each, so that none is small and none comes twice.
        expect(values.filter((word) => word < 1n << 34n)).toEqual([]);
        expect(new Set(values).size).toBe(values.length);
      }
      // Above 24 zeros, each sample's indices, and the check word that they determine.
      const sums = readWords(addWords(...words));
      for (let image = 0; image < COUNT; image++) {
        const row = [...answer.topClasses!.subarray(top * image, top * (image + 1))].map(
          (index) => BigInt(index) << (64n - OUTPUT_BITS),
        );
        expect(sums.slice((top + 1) * image, (top + 1) * (image + 1))).toEqual([...row, checkWord(row)]);
      }
    },
    120_000,
  );
});

describe('the owner', () => {
  it('cannot serve by mistake what reveals more', async () => {
    const refused = expect.objectContaining({
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(
        /"values" reveals logits, which is more than top-3: share the model again/,
      ),
    });
    await expect(owner.startServing('values', { reveal: 'top-3' })).rejects.toEqual(refused);
    await expect(owner.startServing('three', { reveal: 'label' })).rejects.toThrow(/reveals top-3/);
    await owner.startServing('label', { reveal: 'top-3' });
    // Nothing of it has changed what is served.
    expect((await client.predict('values', inputs.subarray(0, 784))).logits).toHaveLength(10);
  }, 120_000);
});

it('the commands share, serve and ask', async () => {
  const at = ['--cluster', cluster.directory];
  const shared = await trivet('share', file, '--name', 'asked', '--reveal', 'top-2', '--json', ...at);
  expect(shared).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(shared.stdout).manifest.plan.steps.at(-1)).toMatchObject({ op: 'topClasses', top: 2 });
  const refused = await trivet('serve', 'asked', '--detach', '--reveal', 'label', ...at);
  expect(refused).toMatchObject({ code: 4, stdout: '' });
  expect(refused.stderr).toContain('reveals top-2, which is more than label');
  await owner.startServing('asked');
  const asked = await trivet('predict', 'asked', '--index', '0', '--count', '2', '--json', ...at);
  const { reveal, images } = JSON.parse(asked.stdout);
  expect(reveal).toBe('top-2');
  for (const image of images) {
    expect(Object.keys(image)).toEqual(['index', 'label', 'class', 'topClasses']);
    expect(image.topClasses).toHaveLength(2);
    expect(image.topClasses[0]).toBe(image.class);
  }
}, 300_000);
