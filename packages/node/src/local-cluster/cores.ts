/**
 * Cores for the workers of one machine. Left alone, the two evaluators, each of which wakes the other once a round, often come to lie on
 * one core and wait for each other there, while the other core idles (docs/decisions/0029-busy-polling.md).
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** With as many cores as processes, three workers and a client, there is always a free one. */
const ENOUGH_CORES = 4;

/** Numbers in a list such as "0-2,5". */
export function coresIn(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number) as [number, number?];
    return Array.from({ length: last! - first + 1 }, (_, i) => first + i);
  });
}

/**
 * The core that the main thread of a worker should keep to; null for any. The evaluators get one each, where cores are few; the helper
 * goes where there is room, and so do all helper threads.
 * @param index of the worker; 0 is the helper
 */
export async function coreOf(index: number): Promise<number | null> {
  if (process.platform !== 'linux' || index === 0) return null;
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const cores = coresIn(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '0');
  return cores.length < 2 || cores.length >= ENOUGH_CORES ? null : cores[index - 1]!;
}

/** Keeps a process's main thread on a core. Without util-linux's `taskset` it stays where it is. */
export function keepOn(core: number, pid: number): void {
  execFile('taskset', ['-pc', String(core), String(pid)], () => undefined);
}
