import { createKernels, expandSeed, inputSharesFor, randomSeed } from '@trivet/mpc-core';
import { encodePredictReply, encodePredictRequest } from '@trivet/shared-types';
import { describe, expect, it } from 'vitest';
import { viewOfMessage } from '../../compute/worker/message-view.js';
import { formsOf, NOISE_EXTENT, noisePicture } from './noise-picture.js';

const NOTHING = {
  rounds: 0,
  bytesSent: 0,
  bytesReceived: 0,
  bytesDealt: 0,
  computeMicros: 0,
  queueMicros: 0,
  batchSize: 1,
  steps: [],
};

const share = (bytes: Uint8Array<ArrayBuffer>) =>
  ({ form: 'explicit', sentBytes: bytes.length, bytes }) as const;

describe('noisePicture', () => {
  it('draws every byte once, the first share above the second', () => {
    const first = Uint8Array.from({ length: 6272 }, (_, index) => index % 127);
    const second = Uint8Array.from({ length: 6272 }, (_, index) => 128 + (index % 127));
    const picture = noisePicture([share(first), share(second)]);
    expect(picture.length).toBe(NOISE_EXTENT ** 2);
    expect(picture.subarray(0, 6272).toSorted()).toEqual(first.toSorted());
    expect(picture.subarray(6272).toSorted()).toEqual(second.toSorted());
  });

  it('would show a digit that was not masked, in its place', () => {
    const words = new Uint8Array(6272);
    // The pixel at row 3, column 5.
    words.fill(255, 8 * (3 * 28 + 5), 8 * (3 * 28 + 6));
    const picture = noisePicture([share(words), share(new Uint8Array(6272))]);
    const lit = [...picture.keys()].filter((index) => picture[index] === 255);
    expect(lit.map((index) => [index % NOISE_EXTENT, Math.floor(index / NOISE_EXTENT)])).toEqual(
      [6, 7].flatMap((y) => [20, 21, 22, 23].map((x) => [x, y])),
    );
  });
});

describe('viewOfMessage', () => {
  it('opens the very message that is sent, expanding seeds as its receiver does', async () => {
    const kernels = await createKernels('typescript');
    const seeds = [randomSeed(), randomSeed()] as const;
    const explicit = Uint8Array.from({ length: 8 * 784 }, (_, index) => index % 251);
    const views = inputSharesFor(seeds, explicit, 1).map((input, index) => {
      const message = encodePredictRequest({
        requestId: '00'.repeat(16),
        manifestDigest: '11'.repeat(32),
        deadlineMs: 1000,
        protocol: null,
        nextRequestId: null,
        ...input,
      }).toBytes();
      const received = encodePredictReply({
        requestId: '00'.repeat(16),
        manifestDigest: '11'.repeat(32),
        count: 1,
        outputSize: 10,
        protocol: 'replicated',
        statistics: NOTHING,
        words: new Uint8Array(88).fill(index),
      });
      const sizes = { count: 1, inputSize: 784, outputSize: 10 };
      const view = viewOfMessage(kernels, `w${index}`, { sent: message, received }, sizes);
      return { bytes: message.length, view };
    });
    expect(views.map(({ view }) => formsOf(view.shares))).toEqual([
      'two seeds',
      'a seed and a share',
      'a seed and a share',
    ]);
    const [x0, x1] = seeds.map((seed) => expandSeed(kernels, seed, 784));
    const held = views.map(({ view }) => view.shares.map(({ bytes }) => [...bytes]));
    expect(held[0]).toEqual([[...x0!], [...x1!]]);
    expect(held[1]).toEqual([[...x1!], [...explicit]]);
    expect(held[2]).toEqual([[...explicit], [...x0!]]);
    for (const { bytes, view } of views) expect(view.messageBytes).toBe(bytes);
    expect(views.map(({ view }) => view.summands[79])).toEqual([0, 1, 2]);
  });
});
