/** Long calls on one thread and on several, by turns, by the clock on the wall. */
import { Worker } from 'node:worker_threads';
import { createKernels, createSharedKernels } from '@trivet/mpc-core';
import { type KernelCase, onRandomMemory } from './case.js';

const TURNS = 40;
const CALLS_A_TURN = 10;
/** Between two calls a worker talks to its peers: the other threads may have gone to sleep. */
const GAP_MS = 0.3;
const LEAST_MICROSECONDS = 100;
const START_MS = 500;

interface Compared {
  readonly kernel: string;
  /** Microseconds of a call, medians. */
  readonly alone: number;
  readonly together: number;
  readonly ratio: number;
}

/** @throws Error when `threads` is not a whole number from 2 to 32 */
export async function compareThreads(
  cases: readonly KernelCase[],
  threads: number,
  json: boolean,
): Promise<void> {
  if (!(Number.isInteger(threads) && threads >= 2 && threads <= 32)) {
    throw new Error('--threads takes a whole number from 2 to 32.');
  }
  const one = await createKernels('wasm');
  const shared = await createSharedKernels(threads);
  const others = shared.others.map(
    (workerData) => new Worker(new URL('./thread.js', import.meta.url), { workerData }),
  );
  await new Promise((resolve) => setTimeout(resolve, START_MS));
  const rows = cases.flatMap((each): Compared[] => {
    const calls = [onRandomMemory(one, each), onRandomMemory(shared.kernels, each)] as const;
    const [alone, together] = timeByTurns(calls);
    if (alone < LEAST_MICROSECONDS) return [];
    return [{ kernel: each.name, alone, together, ratio: together / alone }];
  });
  shared.stop();
  await Promise.all(others.map((worker) => worker.terminate()));
  if (json) {
    console.log(JSON.stringify({ threads, kernels: rows }));
    return;
  }
  const width = Math.max(...rows.map(({ kernel }) => kernel.length));
  console.log(`Microseconds of a call of ${LEAST_MICROSECONDS} or more, on one thread and on ${threads}:\n`);
  for (const { kernel, alone, together, ratio } of rows) {
    const [a, b] = [alone, together].map((value) => value.toFixed(0).padStart(7));
    console.log(`${kernel.padEnd(width)}  ${a}  ${b}  ${ratio.toFixed(2)}`);
  }
}

/** Medians, in microseconds. */
function timeByTurns(calls: readonly [() => void, () => void]): [number, number] {
  const times: [number[], number[]] = [[], []];
  for (let turn = 0; turn < 2 * TURNS; turn++) {
    for (let i = 0; i < CALLS_A_TURN; i++) {
      const until = performance.now() + GAP_MS;
      while (performance.now() < until);
      const start = performance.now();
      calls[turn % 2]!();
      // The first turns warm up.
      if (turn >= TURNS / 4) times[turn % 2]!.push(1000 * (performance.now() - start));
    }
  }
  return times.map((all) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)]!) as [number, number];
}
