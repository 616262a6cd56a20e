/**
 * Many real digits through a network of the tutorial's shape: everything that each worker receives, from the client
 * and from its peers, in every bit and on average, is what uniform randomness would be.
 */
import { IMAGE_SIZE, loadMnist } from '@trivet/mnist';
import { beforeAll, describe, expect, it } from 'vitest';
import { simulate } from '../src/channel/simulate.js';
import { createParty } from '../src/engine/party.js';
import { compile } from '../src/graph/compile.js';
import type { FloatTensor, Layer } from '../src/graph/layers.js';
import { createKernels } from '../src/kernels/create.js';
import type { Kernels } from '../src/kernels/kernels.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { randomBytes, randomSeed } from '../src/random/entropy.js';
import { createCpuSharer, type InputShare, inputSharesFor } from '../src/sharing/input.js';
import { shareModel } from '../src/sharing/weights.js';
import { pairwiseKeys } from './support/parties.js';
import { BitCounter } from './support/uniformity.js';

const DIGITS = 250;
const PARTIES = [0, 1, 2] as const;

function tensor(seed: number, ...shape: number[]): FloatTensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return { shape, values: Float64Array.from({ length: n }, (_, i) => Math.sin(seed + i * 12.9898) / 4) };
}

function convolution(seed: number, inputs: number, filters: number): Layer[] {
  return [
    {
      type: 'Conv2D',
      kernel: tensor(seed, 3, 3, inputs, filters),
      strides: [1, 1],
      padding: 'valid',
      dilationRate: [1, 1],
      activation: 'linear',
    },
    { type: 'AveragePooling2D', poolSize: [2, 2], strides: [2, 2], padding: 'valid' },
    { type: 'Activation', activation: 'relu' },
  ];
}

const layers: Layer[] = [
  ...convolution(1, 1, 4),
  ...convolution(2, 4, 6),
  { type: 'Flatten' },
  { type: 'Dense', kernel: tensor(3, 150, 10), activation: 'softmax' },
];

const model = compile({
  name: 'digits',
  input: 'input',
  inputShape: [28, 28, 1],
  nodes: layers.map((layer, i) => ({ name: `l${i}`, inputs: [i === 0 ? 'input' : `l${i - 1}`], layer })),
  output: `l${layers.length - 1}`,
});

let digits: Float32Array[];

beforeAll(async () => {
  const { images } = await loadMnist('test');
  digits = Array.from({ length: DIGITS }, (_, i) =>
    Float32Array.from(images.subarray(i * IMAGE_SIZE, (i + 1) * IMAGE_SIZE), (grey) => grey / 255),
  );
});

/** The kernels without key streams: a client that forgets to mask. */
function withoutMasks(kernels: Kernels): Kernels {
  return { ...kernels, chacha20: (dst, ...rest) => void kernels.memory.bytes.fill(0, dst, dst + rest[5]) };
}

function bytesOf({ first, second }: InputShare): Uint8Array {
  const [a, b] = [first, second].map((part) => (part.kind === 'seed' ? part.seed : part.words));
  return Uint8Array.from([...a, ...b]);
}

function describeCounter(counter: BitCounter): string {
  return `bits ${counter.bitDeviation().toFixed(2)}, mean ${counter.meanDeviation().toFixed(2)} deviations`;
}

describe('over many digits', () => {
  it('a worker receives uniform bytes, from the client and from its peers', async () => {
    const client = await createKernels();
    const sharer = createCpuSharer(client);
    const files = shareModel(model, client);
    const parties = await Promise.all(
      PARTIES.map(async (index) => createParty(index, await createKernels())),
    );
    const loaded = parties.map((party, index) => party.load(model.plan, files[index]));
    const fromClient = PARTIES.map(() => new BitCounter());
    const fromPeers = PARTIES.map(() => new BitCounter());
    for (const digit of digits) {
      const seeds = [randomSeed(), randomSeed()] as const;
      const shares = inputSharesFor(seeds, await sharer.share(digit, 16, seeds), 1);
      const keys = pairwiseKeys();
      const sessionId = randomBytes(16);
      const { transcripts } = await simulate((channel, i) =>
        parties[i].run(loaded[i], {
          protocol: replicated(),
          keys: { sessionId, ...keys(i) },
          channel,
          inputs: [shares[i]],
        }),
      );
      for (const i of PARTIES) {
        fromClient[i].add(bytesOf(shares[i]));
        const received = transcripts[i].map((frame) => frame.payload);
        if (received.length > 0) fromPeers[i].add(Buffer.concat(received));
      }
    }
    for (const i of PARTIES) {
      expect(fromClient[i].looksUniform, `client to ${i}: ${describeCounter(fromClient[i])}`).toBe(true);
      // The helper, worker 0, receives nothing from its peers.
      if (i !== 0) expect(fromPeers[i].looksUniform, `to ${i}: ${describeCounter(fromPeers[i])}`).toBe(true);
    }
  }, 120_000);

  it('a client that leaves the masks out is noticed', async () => {
    const sharer = createCpuSharer(withoutMasks(await createKernels()));
    const counter = new BitCounter();
    for (const digit of digits) {
      const seeds = [randomSeed(), randomSeed()] as const;
      counter.add(bytesOf(inputSharesFor(seeds, await sharer.share(digit, 16, seeds), 1)[1]));
    }
    expect(counter.looksUniform, describeCounter(counter)).toBe(false);
  });
});
