import type { InputSharer } from '@trivet/mpc-core';
import { describe, expect, it, vi } from 'vitest';
import { AdaptiveSharer, type Calibration, type ComputePreference, sizeClassOf } from './adaptive-sharer.js';

const SEEDS = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;
const inputs = (count: number) => new Float32Array(count);

/** A clock that the sharers below move: `cost(count)` milliseconds a call. */
function bench() {
  let clock = 0;
  const sharer = (kind: InputSharer['kind'], cost: (count: number) => number) => ({
    kind,
    label: kind,
    share: vi.fn(async (values: Float32Array) => {
      clock += cost(values.length);
      return new Uint8Array(8 * values.length);
    }),
  });
  return { now: () => clock, sharer };
}

function setup(options: {
  preference?: ComputePreference;
  calibrations?: readonly Calibration[];
  loadGpu?: () => Promise<InputSharer>;
  quiet?: () => Promise<void>;
}) {
  const { now, sharer } = bench();
  const cpu = sharer('wasm', (count) => count / 100);
  const gpu = sharer('webgpu', () => 20);
  const loadGpu = vi.fn(options.loadGpu ?? (async () => gpu));
  const onChange = vi.fn();
  const adaptive = new AdaptiveSharer({
    cpu,
    loadGpu,
    preference: options.preference ?? 'auto',
    calibrations: options.calibrations ?? [],
    onChange,
    now,
    ...(options.quiet === undefined ? {} : { quiet: options.quiet }),
  });
  return { adaptive, cpu, gpu, loadGpu, onChange };
}

describe('AdaptiveSharer', () => {
  it('answers on the CPU at once, measures afterwards, then keeps to the faster one per size', async () => {
    const { adaptive } = setup({});
    for (const count of [784, 78_400]) {
      await adaptive.share(inputs(count), 16, SEEDS);
      expect(adaptive.kind).toBe('wasm');
      await adaptive.settled();
    }
    await adaptive.share(inputs(784), 16, SEEDS);
    expect(adaptive.kind).toBe('wasm');
    await adaptive.share(inputs(78_400), 16, SEEDS);
    expect(adaptive.kind).toBe('webgpu');
    const measured = adaptive.state.calibrations.map(({ sizeClass, cpuMs, gpuMs }) => [
      sizeClass,
      cpuMs < gpuMs,
    ]);
    expect(measured).toEqual([
      [sizeClassOf(784), true],
      [sizeClassOf(78_400), false],
    ]);
  });

  it('neither loads nor measures before measuring keeps nobody waiting', async () => {
    let calm = () => {};
    const quiet = () =>
      new Promise<void>((resolve) => {
        calm = resolve;
      });
    const { adaptive, loadGpu } = setup({ quiet });
    await adaptive.share(inputs(784), 16, SEEDS);
    await adaptive.share(inputs(784), 16, SEEDS);
    expect(loadGpu).not.toHaveBeenCalled();
    calm();
    await adaptive.settled();
    expect(loadGpu).toHaveBeenCalledTimes(1);
    expect(adaptive.state.calibrations).toHaveLength(1);
  });

  it('measures a size once, however often it is used meanwhile', async () => {
    const { adaptive, gpu } = setup({});
    await Promise.all([1, 2, 3].map(() => adaptive.share(inputs(784), 16, SEEDS)));
    await adaptive.settled();
    expect(gpu.share).toHaveBeenCalledTimes(6);
  });

  it('never measures with the seeds of a call, nor with one seed twice', async () => {
    const { adaptive, gpu } = setup({});
    await adaptive.share(inputs(8), 16, SEEDS);
    await adaptive.settled();
    const seeds = gpu.share.mock.calls.flatMap((call) => (call as unknown[])[2] as Uint8Array[]);
    const distinct = new Set([...SEEDS, ...seeds].map((seed) => seed.join()));
    expect(distinct.size).toBe(SEEDS.length + seeds.length);
  });

  it('remembers earlier visits without making the first call wait for the GPU', async () => {
    const earlier = setup({});
    await earlier.adaptive.share(inputs(78_400), 16, SEEDS);
    await earlier.adaptive.settled();
    const { adaptive, loadGpu } = setup({ calibrations: earlier.adaptive.state.calibrations });
    await adaptive.share(inputs(78_400), 16, SEEDS);
    expect(adaptive.kind).toBe('wasm');
    expect(loadGpu).toHaveBeenCalledTimes(1);
    await Promise.resolve();
    await adaptive.share(inputs(78_400), 16, SEEDS);
    expect(adaptive.kind).toBe('webgpu');
  });

  it('obeys an override, and never loads the GPU when told to use the CPU', async () => {
    const { adaptive, loadGpu } = setup({ preference: 'cpu' });
    await adaptive.share(inputs(78_400), 16, SEEDS);
    await adaptive.settled();
    expect(loadGpu).not.toHaveBeenCalled();
    adaptive.setPreference('webgpu');
    await adaptive.share(inputs(1), 16, SEEDS);
    expect(adaptive.kind).toBe('webgpu');
  });

  it('falls back to the CPU for good where there is no GPU, and says why', async () => {
    const { adaptive, loadGpu } = setup({
      preference: 'webgpu',
      loadGpu: () => Promise.reject(new Error('This browser has no WebGPU.')),
    });
    await adaptive.share(inputs(1), 16, SEEDS);
    await adaptive.share(inputs(1), 16, SEEDS);
    expect(adaptive.kind).toBe('wasm');
    expect(loadGpu).toHaveBeenCalledTimes(1);
    expect(adaptive.state.gpu).toEqual({ state: 'unavailable', reason: 'This browser has no WebGPU.' });
  });

  it('finishes on the CPU the call in which the GPU was lost, with the same seeds', async () => {
    const { adaptive, cpu, gpu } = setup({ preference: 'webgpu' });
    gpu.share.mockRejectedValueOnce(new Error('The GPU device was lost: unplugged'));
    await adaptive.share(inputs(4), 16, SEEDS);
    expect(adaptive.kind).toBe('wasm');
    expect((cpu.share.mock.calls[0] as unknown[])[2]).toBe(SEEDS);
    await adaptive.share(inputs(4), 16, SEEDS);
    expect(gpu.share).toHaveBeenCalledTimes(1);
  });

  it('lets the CPU report wrong inputs and keeps the GPU', async () => {
    const { adaptive, cpu, gpu } = setup({ preference: 'webgpu' });
    gpu.share.mockRejectedValueOnce(new RangeError('too large'));
    cpu.share.mockRejectedValueOnce(new RangeError('too large'));
    await expect(adaptive.share(inputs(4), 16, SEEDS)).rejects.toThrow(RangeError);
    expect(adaptive.state.gpu.state).toBe('ready');
  });
});
