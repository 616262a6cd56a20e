/**
 * `pnpm bench:kernels`: the time of every kernel, WASM and plain TypeScript, each beside its bound.
 * With --json, one line of JSON instead of the table.
 */
import { createKernels, type Kernels, randomBytes } from '@trivet/mpc-core';
import { CASES, type KernelCase } from './cases.js';
import { nanosecondsPerCall, nanosecondsPerCycle } from './clock.js';

/** Nanoseconds a unit. */
interface Measured {
  readonly kernel: string;
  readonly unit: string;
  readonly wasm: number;
  readonly bound: number;
  readonly typescript: number;
  readonly because: string;
}

const RANDOM_CHUNK = 65_536;

/** Nanoseconds of one unit, on random memory: no kernel's time may depend on data, but zeros must not help either. */
function measure(kernels: Kernels, { units, bytes, prepare, run }: KernelCase): number {
  const { memory } = kernels;
  const base = Math.ceil(memory.base / 64) * 64;
  const end = base + bytes(kernels);
  memory.ensure(end);
  for (let at = base; at < end; at += RANDOM_CHUNK) {
    memory.bytes.set(randomBytes(Math.min(RANDOM_CHUNK, end - at)), at);
  }
  prepare?.(kernels, base);
  return nanosecondsPerCall(() => run(kernels, base)) / units;
}

function print(cycle: number, rows: readonly Measured[]): void {
  const cells = [
    ['kernel', 'a', 'WASM ns', 'bound ns', 'of bound', 'TypeScript ns', 'of WASM', 'bound: at best'],
    ...rows.map(({ kernel, unit, wasm, bound, typescript, because }) => [
      kernel,
      unit,
      wasm.toPrecision(3),
      bound.toPrecision(3),
      `${(wasm / bound).toFixed(1)} x`,
      typescript.toPrecision(3),
      `${(typescript / wasm).toFixed(0)} x`,
      because,
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const numeric = (column: number) => column >= 2 && column <= 6;
  console.log(`One clock cycle takes ${cycle.toFixed(3)} ns (${(1 / cycle).toFixed(2)} GHz), measured.\n`);
  for (const row of cells) {
    const padded = row.map((cell, column) =>
      numeric(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    );
    console.log(padded.join('  ').trimEnd());
  }
}

const [wasm, typescript] = [await createKernels('wasm'), await createKernels('typescript')];
const cycle = nanosecondsPerCycle();
const rows = CASES.map(
  (one): Measured => ({
    kernel: one.name,
    unit: one.unit,
    wasm: measure(wasm, one),
    bound: one.bound * cycle,
    typescript: measure(typescript, one),
    because: one.because,
  }),
);
if (process.argv.includes('--json'))
  console.log(JSON.stringify({ nanosecondsPerCycle: cycle, kernels: rows }));
else print(cycle, rows);
