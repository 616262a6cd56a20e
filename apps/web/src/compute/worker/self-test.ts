/**
 * Proves in the browser at hand that the GPU makes the same shares as the CPU, bit for bit, from the same seeds: sizes
 * around the shader's blocks and workgroups up to a batch of a thousand digits, every scale, and inputs that are random
 * floats of any magnitude, exact ties of the rounding, and the ends of the range.
 */
import { createCpuSharer, type InputSharer, type Kernels, randomSeed } from '@trivet/mpc-core';

export interface SelfTestCase {
  readonly inputs: number;
  readonly fractionalBits: number;
  /** Words that differ; 0 is a pass. */
  readonly differences: number;
  readonly cpuMs: number;
  readonly gpuMs: number;
}

export type SelfTestReport = {
  readonly cpuLabel: string;
} & (
  | { readonly gpuLabel: string; readonly cases: readonly SelfTestCase[] }
  | { readonly gpuLabel: null; readonly reason: string }
);

const SIZES = [1, 7, 8, 9, 511, 512, 513, 784, 3 * 784, 100 * 784, 1000 * 784];
const SCALES = [1, 10, 16, 24];

export async function selfTest(
  kernels: Kernels,
  loadGpu: () => Promise<InputSharer>,
): Promise<SelfTestReport> {
  const cpu = createCpuSharer(kernels);
  let gpu: InputSharer;
  try {
    gpu = await loadGpu();
  } catch (error) {
    return { cpuLabel: cpu.label, gpuLabel: null, reason: String((error as Error).message) };
  }
  const cases: SelfTestCase[] = [];
  for (const inputs of SIZES) {
    for (const fractionalBits of SCALES) cases.push(await compare(cpu, gpu, inputs, fractionalBits));
  }
  return { cpuLabel: cpu.label, gpuLabel: gpu.label, cases };
}

async function compare(
  cpu: InputSharer,
  gpu: InputSharer,
  inputs: number,
  fractionalBits: number,
): Promise<SelfTestCase> {
  const values = hardInputs(inputs, fractionalBits);
  const seeds = [randomSeed(), randomSeed()] as const;
  const start = performance.now();
  const expected = await cpu.share(values, fractionalBits, seeds);
  const middle = performance.now();
  const actual = await gpu.share(values, fractionalBits, seeds);
  const end = performance.now();
  return {
    inputs,
    fractionalBits,
    differences: differingWords(expected, actual),
    cpuMs: middle - start,
    gpuMs: end - middle,
  };
}

/** A third random floats of any magnitude in range, a third ties (whole number and a half) over 2^f, a third pixels. */
function hardInputs(count: number, fractionalBits: number): Float32Array {
  const scale = 2 ** fractionalBits;
  const limit = 2 ** 31 / scale;
  const largest = (2 ** 31 - 128) / scale;
  const words = new Uint32Array(count);
  for (let start = 0; start < count; start += 16_384) {
    crypto.getRandomValues(words.subarray(start, Math.min(count, start + 16_384)));
  }
  const floats = new Float32Array(words.buffer.slice(0));
  return floats.map((value, index) => {
    const word = words[index]!;
    if (index % 3 === 0) return Math.abs(value) < limit ? value : word % 2 === 0 ? largest : -largest;
    if (index % 3 === 1) return (((word & 0x1fffff) >> (word >>> 28)) - 64 + 0.5) / scale;
    return (word % 256) / 255;
  });
}

function differingWords(expected: Uint8Array, actual: Uint8Array): number {
  if (expected.length !== actual.length) return Math.max(expected.length, actual.length) / 8;
  let differing = 0;
  for (let at = 0; at < expected.length; at += 8) {
    for (let byte = at; byte < at + 8; byte++) {
      if (expected[byte] === actual[byte]) continue;
      differing++;
      break;
    }
  }
  return differing;
}
