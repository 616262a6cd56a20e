/**
 * `pnpm bench:kernels`: the time of every kernel, WASM and plain TypeScript, each beside its bound.
 * With --json, one line of JSON instead of the table. With --threads N, long calls on one thread and on N instead.
 */
import { parseArgs } from 'node:util';
import { createKernels, type Kernels } from '@trivet/mpc-core';
import { type KernelCase, onRandomMemory } from './case.js';
import { CASES } from './cases.js';
import { type CallTime, nanosecondsPerCycle, timeCall } from './clock.js';
import { compareThreads } from './threads.js';

/** Nanoseconds a unit, medians of several batches; the best is what is left when nothing else wants the core. */
interface Measured {
  readonly kernel: string;
  readonly unit: string;
  readonly wasm: CallTime;
  readonly bound: number;
  readonly typescript: CallTime;
  readonly because: string;
}

/** Nanoseconds of one unit. */
function measure(kernels: Kernels, one: KernelCase): CallTime {
  const { median, best } = timeCall(onRandomMemory(kernels, one));
  return { median: median / one.units, best: best / one.units };
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

async function compareWithBounds(json: boolean): Promise<void> {
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
  if (json) console.log(JSON.stringify({ nanosecondsPerCycle: cycle, kernels: rows }));
  else print(cycle, rows);
}

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, threads: { type: 'string' } },
});
if (values.threads === undefined) await compareWithBounds(values.json);
else await compareThreads(CASES, Number(values.threads), values.json);
