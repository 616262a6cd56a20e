/** One change of a key file at a time: two at once would each forget the other's new key, and what it has sealed. */
import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TrivetError } from '@trivet/shared-types';
import { removeTemporariesOf } from './atomic.js';

const LOCK_IS_WRITTEN_MS = 1000;

/**
 * Takes the lock beside a key file, and removes what a killed rotation has left there, for that holds keys. The lock of a
 * process that is gone does not count, nor one that was not written to its end in a second: a number that was cut
 * short may be somebody else's.
 * @returns gives the lock back
 * @throws TrivetError ABORTED when another process has it
 */
export async function lockKeyFile(file: string): Promise<() => Promise<void>> {
  const path = `${file}.lock`;
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = await open(path, 'wx', 0o600);
      try {
        await handle.writeFile(`${process.pid}\n`);
      } finally {
        await handle.close();
      }
      await removeTemporariesOf(file);
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = (await readHolder(path)) ?? (await readHolder(path, LOCK_IS_WRITTEN_MS));
    if (attempt > 0 || (holder !== null && isAlive(holder))) {
      throw new TrivetError(
        'ABORTED',
        `Another rotation is under way (process ${holder ?? 'unknown'}); wait until it has ended. If there is none, remove ${path}.`,
      );
    }
    await rm(path, { force: true });
  }
}

/** Null when the lock is gone, or was not written to its end. */
async function readHolder(path: string, afterMs = 0): Promise<number | null> {
  if (afterMs > 0) await sleep(afterMs);
  const [, pid] = /^([1-9]\d*)\n$/.exec(await readFile(path, 'utf8').catch(() => '')) ?? [];
  return pid === undefined ? null : Number(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
