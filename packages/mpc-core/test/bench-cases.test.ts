/** The benchmark of the kernels leaves none out, and its cases stay within the memory that they ask for. */
import { describe, expect, it } from 'vitest';
import { onRandomMemory } from '../bench/case.js';
import { CASES } from '../bench/cases.js';
import { createKernels } from '../src/kernels/create.js';

/** What the interface has besides kernels. */
const NO_KERNELS = ['kind', 'memory', 'narrowWeightBytes', 'narrowScratchBytes'];
const MARGIN = 65_536;

const kernelOf = (name: string) => /^\w+/.exec(name)![0];

describe('pnpm bench:kernels', () => {
  it('has a case for every kernel, with a bound and its reason', async () => {
    const kernels = Object.keys(await createKernels('wasm')).filter((name) => !NO_KERNELS.includes(name));
    expect([...new Set(CASES.map(({ name }) => kernelOf(name)))].sort()).toEqual(kernels.sort());
    for (const { bound, because } of CASES) {
      expect(bound).toBeGreaterThan(0);
      expect(because.length).toBeGreaterThan(10);
    }
  });

  it.each(CASES)('$name uses no memory beyond what it asks for', async (one) => {
    const kernels = await createKernels('wasm');
    const run = onRandomMemory(kernels, one);
    const { memory } = kernels;
    const end = Math.ceil(memory.base / 64) * 64 + one.bytes(kernels);
    memory.ensure(end + MARGIN);
    memory.bytes.fill(0xa5, end, end + MARGIN);
    run();
    expect(memory.bytes.subarray(end, end + MARGIN).every((byte) => byte === 0xa5)).toBe(true);
  });
});
