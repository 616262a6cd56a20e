/** Kernels whose long calls are cut into pieces: the same bits as whole, on one thread and on several. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/graph/compile.js';
import type { LayerGraph } from '../src/graph/layers.js';
import type { Conv2DGeometry } from '../src/graph/plan.js';
import { createKernels } from '../src/kernels/create.js';
import { comparisonKeyBytes, type Kernels } from '../src/kernels/kernels.js';
import { createSharedKernels, type SharedKernels } from '../src/kernels/threads/shared.js';
import { fss } from '../src/protocols/fss/index.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { securenn } from '../src/protocols/securenn/index.js';
import { randomBytes } from '../src/random/entropy.js';
import { freshRandomness, preparePrediction } from './support/predict.js';

const AREA = 2 ** 21;
const AREAS = 6;
const K = 24;
const TWEAK = [3 << 6, 0x9abcdef0, 0x12345678] as const;

let plain: Kernels;
/** Cut into pieces, all of which the host takes: every thread that could help is missing. */
let alone: SharedKernels;
/** With two other threads. */
let team: SharedKernels;
let others: readonly Worker[];

const PROGRAM = new URL('./support/kernel-thread.mjs', import.meta.url);
/** Without the tests' own way of resolving packages, which gives a thread TypeScript. */
const start = (shared: SharedKernels) =>
  shared.others.map((workerData) => new Worker(PROGRAM, { workerData, execArgv: [] }));

beforeAll(async () => {
  plain = await createKernels('wasm');
  alone = await createSharedKernels(2);
  team = await createSharedKernels(3);
  others = start(team);
});
afterAll(async () => {
  team.stop();
  await Promise.all(others.map((worker) => worker.terminate()));
});

type Call = (kernels: Kernels, area: (index: number) => number) => void;

/** Runs a call on the same random memory with each of the kernels: all of it is the same afterwards. */
function same(call: Call, seed: Uint8Array): void {
  const after = [plain, alone.kernels, team.kernels].map((kernels) => {
    const { memory } = kernels;
    const base = Math.ceil(memory.base / 64) * 64;
    const key = base + AREA * AREAS;
    memory.ensure(key + 32);
    memory.bytes.set(seed, key);
    for (let area = 0; area < AREAS; area++) {
      kernels.chacha20(base + AREA * area, key, area, 0, 0, 0, AREA);
    }
    call(kernels, (index) => base + AREA * index);
    return memory.bytes.slice(base, key);
  });
  expect(Buffer.compare(after[1]!, after[0]!)).toBe(0);
  expect(Buffer.compare(after[2]!, after[0]!)).toBe(0);
}

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

const convolution: fc.Arbitrary<Conv2DGeometry> = fc
  .record({
    outHeight: fc.integer({ min: 3, max: 9 }),
    outWidth: fc.integer({ min: 3, max: 9 }),
    inChannels: fc.integer({ min: 4, max: 9 }),
    outChannels: fc.integer({ min: 5, max: 17 }),
    kernelHeight: fc.integer({ min: 2, max: 4 }),
    kernelWidth: fc.integer({ min: 2, max: 4 }),
    strideHeight: fc.integer({ min: 1, max: 2 }),
    strideWidth: fc.integer({ min: 1, max: 2 }),
  })
  .map((g) => ({
    ...g,
    inHeight: (g.outHeight - 1) * g.strideHeight + g.kernelHeight,
    inWidth: (g.outWidth - 1) * g.strideWidth + g.kernelWidth,
    dilationHeight: 1,
    dilationWidth: 1,
    padTop: 0,
    padLeft: 0,
  }));
const batches = fc.integer({ min: 40, max: 70 });

describe('kernels in pieces give the same bits:', () => {
  it('chacha20', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 100_000, max: AREA }), fc.nat(2 ** 31), (seed, bytes, counter) => {
        same((k, area) => k.chacha20(area(1), area(0), 7, 8, 9, counter, bytes), seed);
      }),
      { numRuns: 15 },
    );
  });

  it.each([false, true])('the convolutions, accumulating: %s', (accumulate) => {
    fc.assert(
      fc.property(seeds, convolution, batches, (seed, g, batch) => {
        same((k, area) => k.conv2d(area(1), area(2), area(0), batch, g, accumulate), seed);
        const depthwise = { ...g, outChannels: g.inChannels };
        same((k, area) => k.depthwiseConv2d(area(1), area(2), area(0), batch, depthwise, accumulate), seed);
        same((k, area) => {
          k.prepareNarrow(area(3), area(0), g);
          k.conv2dNarrow(area(1), area(2), area(3), area(4), batch, g, accumulate);
          // Scratch is nobody's: a piece has its own part of it.
          k.memory.bytes.fill(0, area(4), area(4) + AREA);
        }, seed);
      }),
      { numRuns: 8 },
    );
  });

  it('comparison keys, their first level, and comparing with them', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1000, max: 5000 }), fc.boolean(), (seed, n, isLeft) => {
        expect(n * comparisonKeyBytes(K)).toBeLessThan(AREA);
        const [tag, ...salt] = TWEAK;
        same((k, area) => {
          k.comparisonKeys(area(0), area(1), area(2), area(3), n, 5, 16, K, tag, ...salt);
          const own = area(isLeft ? 2 : 3);
          k.expandRoots(area(0), own, n, 5, K, tag, ...salt, isLeft);
          k.compareWithKeys(area(4), area(5), area(0), own, area(1), n, 5, 16, K, tag, ...salt, isLeft);
        }, seed);
      }),
      { numRuns: 10 },
    );
  });

  it('whose gates have the numbers they would have in one call', () => {
    const seed = randomBytes(32);
    const [tag, ...salt] = TWEAK;
    const keys = (k: Kernels, area: (index: number) => number, from: number, n: number) =>
      k.comparisonKeys(
        area(0) + from * comparisonKeyBytes(K),
        area(1) + 8 * from,
        area(2) + 16 * from,
        area(3) + 16 * from,
        n,
        from,
        16,
        K,
        tag,
        ...salt,
      );
    const base = Math.ceil(plain.memory.base / 64) * 64;
    const area = (index: number) => base + AREA * index;
    plain.memory.ensure(area(AREAS));
    plain.memory.bytes.set(seed, area(1));
    keys(plain, area, 0, 300);
    const whole = plain.memory.bytes.slice(area(0), area(0) + 300 * comparisonKeyBytes(K));
    keys(plain, area, 0, 128);
    keys(plain, area, 128, 172);
    const parts = plain.memory.bytes.slice(area(0), area(0) + 300 * comparisonKeyBytes(K));
    expect(Buffer.compare(parts, whole)).toBe(0);
  });
});

describe('kernel threads', () => {
  it('take pieces, also of memory that has grown since they began', () => {
    const before = team.helped();
    const { memory } = team.kernels;
    const grown = memory.byteLength;
    memory.ensure(grown + AREA);
    const key = memory.base;
    for (let i = 0; i < 200 && team.helped() === before; i++) {
      // The last piece is copied, with a check of the memory's size at that time.
      team.kernels.chacha20(grown, key, i, 0, 0, 0, AREA - 1);
    }
    expect(team.helped()).toBeGreaterThan(before);
  });

  it('say so when a kernel fails, and go on', () => {
    const { kernels } = team;
    const outside = 2 ** 32 - AREA;
    for (let i = 0; i < 20; i++) {
      expect(() => kernels.chacha20(outside, kernels.memory.base, 0, 0, 0, 0, AREA / 2)).toThrow(
        /chacha20 failed/,
      );
    }
    same((k, area) => k.chacha20(area(1), area(0), 7, 8, 9, 0, AREA), randomBytes(32));
  });

  it.each([replicated(), fss(), securenn()])(
    'predict under $name what one thread predicts from the same randomness',
    async (protocol) => {
      const model = compile(wideModel(), { inputRange: { min: -1, max: 1 } });
      const count = 24;
      const inputs = Float32Array.from({ length: count * INPUTS }, (_, i) => Math.sin(i));
      const shared = await createSharedKernels(2);
      const workers = start(shared);
      await Promise.all(workers.map((worker) => once(worker, 'online')));
      // Memory is one party's: the other two have kernels of their own.
      const change = (kernels: Kernels, party: number) => (party === 1 ? shared.kernels : kernels);
      const { predict } = await preparePrediction(model, protocol, 'wasm', { change });
      const randomness = freshRandomness();
      const many = await predict(inputs, count, randomness);
      for (let i = 0; i < 50 && shared.helped() === 0; i++) await predict(inputs, count);
      expect(shared.helped()).toBeGreaterThan(0);
      shared.stop();
      const one = await predict(inputs, count, randomness);
      expect([...many.logits]).toEqual([...one.logits]);
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
    60_000,
  );

  it('end when they are told, and the kernels work on without them', async () => {
    const shared = await createSharedKernels(3);
    const workers = start(shared);
    await Promise.all(workers.map((worker) => once(worker, 'online')));
    const ended = Promise.all(workers.map((worker) => once(worker, 'exit')));
    shared.stop();
    expect(await ended).toEqual([[0], [0]]);
    const { memory } = shared.kernels;
    memory.ensure(memory.base + AREA + 64);
    shared.kernels.chacha20(memory.base + 64, memory.base, 1, 2, 3, 0, AREA);
    expect(shared.helped()).toBe(0);
  });
});

const INPUTS = 48;
const UNITS = 1200;

/** One hidden layer, wide enough for calls that are cut. */
function wideModel(): LayerGraph {
  const values = (n: number, phase: number) =>
    Float64Array.from({ length: n }, (_, i) => 0.1 * Math.sin(phase + i * i));
  const dense = (inputs: number, units: number, activation: 'relu' | 'linear') => ({
    type: 'Dense' as const,
    kernel: { shape: [inputs, units], values: values(inputs * units, inputs) },
    bias: { shape: [units], values: values(units, units) },
    activation,
  });
  return {
    name: 'wide',
    input: 'in',
    inputShape: [INPUTS],
    nodes: [
      { name: 'hidden', inputs: ['in'], layer: dense(INPUTS, UNITS, 'relu') },
      { name: 'out', inputs: ['hidden'], layer: dense(UNITS, 4, 'linear') },
    ],
    output: 'out',
  };
}
