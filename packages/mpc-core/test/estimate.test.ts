/** The cost model's arithmetic, on a machine that is written down; and that calibration gives numbers to put in its place. */
import { expect, it } from 'vitest';
import { predictCost } from '../src/engine/cost.js';
import { calibrate, type OperationSpeed, predict } from '../src/engine/estimate.js';
import { compile } from '../src/graph/compile.js';
import { fss } from '../src/protocols/fss/index.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { securenn } from '../src/protocols/securenn/index.js';

const values = (n: number) => Float64Array.from({ length: n }, (_, i) => Math.sin(i) / 4);
const { plan } = compile({
  name: 'two layers',
  input: 'input',
  inputShape: [16],
  output: 'out',
  nodes: [
    {
      name: 'hidden',
      inputs: ['input'],
      layer: { type: 'Dense', kernel: { shape: [16, 100], values: values(1600) }, activation: 'relu' },
    },
    {
      name: 'out',
      inputs: ['hidden'],
      layer: { type: 'Dense', kernel: { shape: [100, 10], values: values(1000) }, activation: 'linear' },
    },
  ],
});
const whole: OperationSpeed = {
  operationMs: 1,
  truncateNanos: 0,
  rectifyNanos: 10_000,
  bitNanos: 0,
};
const machine = {
  speed: { productNanos: 1000, whole, online: { ...whole, rectifyNanos: 1000 } },
  /** A byte costs as much time in the processes as on a network of 8 Mbit/s. */
  overheads: {
    requestMs: 2,
    sampleMs: 0.25,
    roundMs: 0.5,
    contention: 2,
    loadedContention: 3,
    byteNanos: 1000,
  },
};
const far = { roundTripMs: 40, megabitsPerSecond: 8, cores: 2 };

it('adds up what a request waits for', () => {
  const protocol = securenn();
  const declared = predictCost(plan, protocol, 3);
  const estimate = predict(plan, protocol, far, machine, 3);
  expect(estimate.bytesSent).toEqual(declared.bytesSent);
  expect(estimate.rounds).toBe(9);
  // 3 x 2,600 products at 1 µs, 300 values at 10 µs, one operation.
  expect(estimate.computeMs).toBeCloseTo(7.8 + 3 + 1);
  const transferMs = Math.max(...declared.bytesSent) / 1000;
  // There, back, and to the followers that it is to run: only one sample is announced, and needs no such word.
  // Operations take twice as long beside others, and three times under load; products do not. Two cores.
  expect(estimate.latencyMs).toBeCloseTo(60 + 2.5 + 9 * 20.5 + (7.8 + 2 * 4) / 2 + 2 * transferMs);
  const allMs = declared.bytesSent.reduce((sum, bytes) => sum + bytes, 0) / 1000;
  expect(estimate.samplesPerSecond).toBeCloseTo(
    3000 / Math.max((7.8 + 3 * 4 + 2.5 + 4.5 + allMs) / 2, transferMs),
  );
});

it('does not wait for what is dealt ahead, but counts it in the throughput', () => {
  const protocol = fss();
  const { latencyMs, computeMs, bytesSent, bytesDealt } = predict(plan, protocol, far, machine);
  const online = Math.max(...bytesSent.map((bytes, i) => bytes - bytesDealt[i]!)) / 1000;
  expect(computeMs).toBeCloseTo(2.6 + 1 + 1);
  expect(latencyMs).toBeCloseTo(40 + 2 + 3 * 20.5 + (2.6 + 2 * (0.1 + 1)) / 2 + 2 * online);
});

it('waits for all that is dealt where nothing is dealt ahead', () => {
  const { latencyMs, bytesSent } = predict(plan, fss(), far, machine, 1, false);
  const all = Math.max(...bytesSent) / 1000;
  expect(latencyMs).toBeCloseTo(40 + 2 + 3 * 20.5 + (2.6 + 2 * (1 + 1)) / 2 + 2 * all);
});

it('fewest rounds win where rounds are dear', () => {
  const latency = (protocol: ReturnType<typeof fss>) =>
    predict(plan, protocol, { ...far, roundTripMs: 100, megabitsPerSecond: 1000 }, machine).latencyMs;
  expect(latency(fss())).toBeLessThan(latency(replicated()));
  expect(latency(replicated())).toBeLessThan(latency(securenn()));
});

// One run each: what it measures is of no account here, and a busy machine need not measure it well.
it('calibrates every protocol', async () => {
  for (const protocol of [replicated(), fss(), securenn()]) {
    const {
      productNanos,
      whole: all,
      online,
    } = await calibrate(protocol, {
      warmUpMs: 0,
      measureMs: 0,
    });
    for (const number of [productNanos, all.rectifyNanos, online.rectifyNanos]) {
      expect(number).toBeGreaterThan(0);
      expect(Number.isFinite(number)).toBe(true);
    }
  }
}, 60_000);
