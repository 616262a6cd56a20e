import type { Prediction, PredictOptions } from '@trivet/client';
import { TrivetError } from '@trivet/shared-types';
import { describe, expect, it, vi } from 'vitest';
import type { Session } from '../worker/session.js';
import type { BatchAnswers } from './messages.js';
import { runBatch } from './run-batch.js';

const CLASSES = 10;

/** What the client gives for `count` pictures: all of them sevens. */
function sevens(count: number): Prediction {
  const report = { bytesSent: 1 };
  return {
    classes: new Int32Array(count).fill(7),
    logits: Float64Array.from({ length: count * CLASSES }, (_, index) => (index % CLASSES === 7 ? 9 : 0)),
    probabilities: null,
    compute: { label: 'CPU' },
    workers: [report, report, report],
    sentBytes: [1, 1, 1],
    receivedBytes: [1, 1, 1],
  } as unknown as Prediction;
}

/** A run over 450 pictures, and its requests, which are answered by hand. */
function start() {
  const requests: { readonly count: number; readonly signal: AbortSignal; answer(): void }[] = [];
  const predict = vi.fn((_: string, inputs: Float32Array, { signal }: PredictOptions) => {
    return new Promise<Prediction>((resolve, reject) => {
      const count = inputs.length / 784;
      requests.push({ count, signal: signal!, answer: () => resolve(sevens(count)) });
      signal!.addEventListener('abort', () => reject(new TrivetError('CANCELLED', 'It was cancelled.')));
    });
  });
  const model = { name: 'mnist', version: 1, outputSize: CLASSES, classCount: CLASSES };
  const session = {
    client: async () => ({ predict }),
    digitModel: async () => ({ model, divideBy: 255 }),
  } as unknown as Session;
  const told: BatchAnswers[] = [];
  const controller = new AbortController();
  const takes = { model: 'mnist', pixels: new Uint8Array(450 * 784) };
  const run = runBatch(session, takes, (answers) => told.push(answers), controller.signal);
  const asked = (count: number) => vi.waitFor(() => expect(requests).toHaveLength(count));
  return { requests, told, controller, run, asked };
}

describe('runBatch', () => {
  it('has two requests under way until all is answered', async () => {
    const { requests, told, run, asked } = start();
    for (let request = 0; request < 5; request++) {
      await asked(Math.min(5, request + 2));
      requests[request]!.answer();
    }
    expect(await run).toMatchObject({ model: 'mnist', sentBytes: 15, workerBytes: 15 });
    expect(requests.map(({ count }) => count)).toEqual([100, 100, 100, 100, 50]);
    expect(told.map(({ from }) => from)).toEqual([0, 100, 200, 300, 400]);
    expect(told[4]!.classes).toEqual(new Uint8Array(50).fill(7));
  });

  it('calls off what is under way and asks for nothing more once it is cancelled', async () => {
    const { requests, told, controller, run, asked } = start();
    await asked(2);
    requests[0]!.answer();
    await asked(3);
    controller.abort();
    await expect(run).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(requests.map(({ signal }) => signal.aborted)).toEqual([true, true, true]);
    expect(told).toHaveLength(1);
  });
});
