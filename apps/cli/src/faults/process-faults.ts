/** What can happen to a process, from outside of it. */
import { execFile } from 'node:child_process';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { LocalCluster } from '@trivet/node';

export type WorkerProcess = LocalCluster['workers'][number];

/** Stops a process where it stands, sockets open; `thaw` lets it go on. */
export function freeze(worker: WorkerProcess): void {
  signal(worker, 'SIGSTOP');
}

export function thaw(worker: WorkerProcess): void {
  signal(worker, 'SIGCONT');
}

const SLICE_MS = 40;

/** Gives a process one part in `factor` of its time, until the returned function is called. */
export function slowDown(worker: WorkerProcess, factor: number): () => Promise<void> {
  let over = false;
  const run = async () => {
    while (!over) {
      freeze(worker);
      await sleep(SLICE_MS * (factor - 1));
      thaw(worker);
      await sleep(SLICE_MS);
    }
  };
  const running = run();
  return async () => {
    over = true;
    await running;
    thaw(worker);
  };
}

/**
 * Fills the disk, as far as this process can see: nothing can be written to any file, its log included. With `prlimit`
 * (Linux) every write fails as on a full disk; elsewhere the store's folder is put aside, so that its files cannot be written.
 * @returns frees it
 */
export async function fillDisk(worker: WorkerProcess): Promise<() => Promise<void>> {
  const limit = async (bytes: string) => {
    if (worker.pid !== undefined) await run('prlimit', ['--pid', String(worker.pid), `--fsize=${bytes}:`]);
  };
  const limited = await limit('0').then(
    () => true,
    () => false,
  );
  // Of a process that has gone, or ended meanwhile, nothing is left to lift.
  if (limited) return () => limit('unlimited').catch(() => undefined);
  const store = join(dirname(worker.configFile), 'store');
  await rename(store, `${store}.away`);
  await writeFile(store, '');
  return async () => {
    await rm(store);
    await mkdir(dirname(store), { recursive: true });
    await rename(`${store}.away`, store);
  };
}

const run = promisify(execFile);

function signal(worker: WorkerProcess, name: NodeJS.Signals): void {
  // Between its end and its next start there is nobody to tell.
  if (worker.pid === undefined) return;
  try {
    process.kill(worker.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
