import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { coreOf, coresIn, keepOn } from '../src/local-cluster/cores.js';

it('reads lists of cores', () => {
  expect(coresIn('0')).toEqual([0]);
  expect(coresIn('0-3')).toEqual([0, 1, 2, 3]);
  expect(coresIn('2,4-5')).toEqual([2, 4, 5]);
});

it('gives the evaluators different cores where there are two or three, and the helper none', async () => {
  const [helper, left, right] = await Promise.all([coreOf(0), coreOf(1), coreOf(2)]);
  expect(helper).toBeNull();
  const few = process.platform === 'linux' && [2, 3].includes(availableParallelism());
  expect(left !== null && right !== null && left !== right).toBe(few);
  if (!few) expect([left, right]).toEqual([null, null]);
});

it.runIf(process.platform === 'linux')(
  'keeps the main thread of a process on a core, where there is taskset',
  async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("up")'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      const allowed = async (path: string) =>
        coresIn(/^Cpus_allowed_list:\s*(\S+)$/m.exec(await readFile(path, 'utf8'))![1]!);
      const [core] = (await allowed('/proc/self/status')) as [number];
      keepOn(core, child.pid!);
      const hasTaskset = await new Promise<boolean>((resolve) => {
        spawn('taskset', ['--version'], { stdio: 'ignore' })
          .once('error', () => resolve(false))
          .once('exit', () => resolve(true));
      });
      if (hasTaskset)
        await expect.poll(() => allowed(`/proc/${child.pid}/status`), { timeout: 5000 }).toEqual([core]);
      else expect(child.exitCode).toBeNull();
    } finally {
      child.kill();
    }
  },
);
