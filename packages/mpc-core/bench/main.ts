/**
 * `pnpm bench:kernels`: the time of every kernel, WASM and plain TypeScript, each beside its bound.
 * With --json, one line of JSON instead of the table.
 */
import { createKernels, type Kernels, randomBytes } from '@trivet/mpc-core';
import { CASES, type KernelCase } from './cases.js';
import { type CallTime, nanosecondsPerCycle, timeCall } from './clock.js';

/** Nanoseconds a unit, medians of several batches; the best is what is left when nothing else wants the core. */
interface Measured {
  readonly kernel: string;
  readonly unit: string;
  readonly wasm: CallTime;
  readonly bound: number;
  readonly typescript: CallTime;
  readonly because: string;
}

const RANDOM_CHUNK = 65_536;

/** Nanoseconds of one unit, on random memory: no kernel's time may depend on data, but zeros must not help either. */
function measure(kernels: Kernels, { units, bytes, prepare, run }: KernelCase): CallTime {
  const { memory } = kernels;
  const base = Math.ceil(memory.base / 64) * 64;
  const end = base + bytes(kernels);
  memory.ensure(end);
  for (let at = base; at < end; at += RANDOM_CHUNK) {
    memory.bytes.set(randomBytes(Math.min(RANDOM_CHUNK, end - at)), at);
  }
  prepare?.(kernels, base);
  const { median, best } = timeCall(() => run(kernels, base));
  return { median: median / units, best: best / units };
}

function print(cycle: number, rows: readonly Measured[]): void {
  const cells = [
    ['kernel', 'a', 'WASM ns', 'best', 'bound', 'of bound', 'TypeScript ns', 'of WASM', 'bound: at best'],
    ...rows.map(({ kernel, unit, wasm, bound, typescript, because }) => [
      kernel,
      unit,
      wasm.median.toPrecision(3),
      wasm.best.toPrecision(3),
      bound.toPrecision(3),
      `${(wasm.median / bound).toFixed(1)} x`,
      typescript.median.toPrecision(3),
      `${(typescript.median / wasm.median).toFixed(0)} x`,
      because,
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const numeric = (column: number) => column >= 2 && column <= 7;
  console.log(`One clock cycle took ${cycle.toFixed(3)} ns (${(1 / cycle).toFixed(2)} GHz) at best.\n`);
  for (const row of cells) {
    const padded = row.map((cell, column) =>
      numeric(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    );
    console.log(padded.join('  ').trimEnd());
  }
}

const [wasm, typescript] = [await createKernels('wasm'), await createKernels('typescript')];
let cycle = nanosecondsPerCycle();
const rows = CASES.map((one): Measured => {
  // The clock changes with heat and neighbours: the best seen is the one to compare with.
  cycle = Math.min(cycle, nanosecondsPerCycle());
  return {
    kernel: one.name,
    unit: one.unit,
    wasm: measure(wasm, one),
    bound: one.bound * cycle,
    typescript: measure(typescript, one),
    because: one.because,
  };
});
if (process.argv.includes('--json'))
  console.log(JSON.stringify({ nanosecondsPerCycle: cycle, kernels: rows }));
else print(cycle, rows);
