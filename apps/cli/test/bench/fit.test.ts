/** The overheads that a machine is made of are found again from what references take on it. */
import {
  compile,
  type LayerGraph,
  type Overheads,
  type Plan,
  type Protocol,
  predict,
} from '@trivet/mpc-core';
import { createProtocols } from '@trivet/workers';
import { expect, it } from 'vitest';
import { fitLoad, fitOverheads } from '../../src/bench/fit.js';

const dense = (inputs: number, units: number, activation: 'relu' | 'linear') => ({
  type: 'Dense' as const,
  kernel: {
    shape: [inputs, units],
    values: Float64Array.from({ length: inputs * units }, (_, i) => Math.sin(i)),
  },
  activation,
});
const network = (sizes: readonly number[]) =>
  compile(
    {
      name: 'reference',
      input: 'input',
      inputShape: [sizes[0]!],
      nodes: sizes.slice(1).map((units, i): LayerGraph['nodes'][number] => ({
        name: `dense${i}`,
        inputs: [i === 0 ? 'input' : `dense${i - 1}`],
        layer: dense(sizes[i]!, units, i + 2 < sizes.length ? 'relu' : 'linear'),
      })),
      output: `dense${sizes.length - 2}`,
    },
    { inputRange: { min: 0, max: 1 } },
  );
const references = [network([64, 10]), network([64, 32, 32, 10]), network([64, 2000, 10])] as const;

const part = { operationMs: 0.01, truncateNanos: 50, rectifyNanos: 900, bitNanos: 20 };
const speed = { productNanos: 3, whole: part, online: { ...part, rectifyNanos: 400 } };
const where = { roundTripMs: 0, megabitsPerSecond: 10_000, cores: 2 };
const nothing: Overheads = {
  requestMs: 0,
  sampleMs: 0,
  roundMs: 0,
  contention: 0,
  loadedContention: 0,
  byteNanos: 0,
};

it.each(Object.entries(createProtocols()))(
  'finds the overheads of %s',
  (_, [protocol]: readonly Protocol[]) => {
    const machine = {
      requestMs: 2,
      sampleMs: 0.4,
      roundMs: 0.15,
      contention: 1.7,
      loadedContention: 2.2,
      byteNanos: 1.6,
    };
    const batch = 100;
    const latency = (plan: Plan, overheads: Overheads) =>
      predict(plan, protocol!, where, { speed, overheads }).latencyMs;
    const underLoad = (plan: Plan, overheads: Overheads) =>
      predict(plan, protocol!, where, { speed, overheads }, batch);

    const network = references.map(({ plan }) => latency(plan, nothing));
    const alone = fitOverheads(
      references,
      references.map(({ plan }, index) => latency(plan, machine) - network[index]!),
      references.map(({ plan }) => predict(plan, protocol!, where, { speed, overheads: nothing }).rounds),
      ({ plan }, counted) => latency(plan, { ...nothing, ...counted }) - latency(plan, nothing),
    );
    expect(alone.requestMs).toBeCloseTo(machine.requestMs, 3);
    expect(alone.roundMs).toBeCloseTo(machine.roundMs, 3);
    expect(alone.contention).toBeCloseTo(machine.contention, 3);

    const [linear, , wide] = references;
    const loaded = fitLoad(
      [linear, wide],
      [underLoad(linear.plan, machine).samplesPerSecond, underLoad(wide.plan, machine).samplesPerSecond],
      ({ plan }, loadedContention) => underLoad(plan, { ...machine, sampleMs: 0, loadedContention }),
      batch,
      where.cores,
    );
    expect(loaded.sampleMs).toBeCloseTo(machine.sampleMs, 6);
    expect(loaded.loadedContention).toBeCloseTo(machine.loadedContention, 6);
  },
);
