/** Worker processes must not outlive who started them, and what they do must be told. */
import { existsSync } from 'node:fs';
import type { WorkerExit } from '@trivet/node';
import { startLocalCluster } from '@trivet/node';
import { expect, it } from 'vitest';
import { isAlive, start } from './support.js';

it('starts three processes, reports a crash, and leaves nothing behind', async () => {
  const crashes: WorkerExit[] = [];
  const cluster = await startLocalCluster({ onCrash: (exit) => crashes.push(exit) });
  const pids = cluster.workers.map((worker) => worker.pid!);
  expect(pids.every(isAlive)).toBe(true);
  process.kill(pids[1]!, 'SIGKILL');
  await expect.poll(() => crashes, { timeout: 5000 }).toMatchObject([{ name: 'bob', signal: 'SIGKILL' }]);
  cluster.workers[1].start();
  await cluster.ready();
  await cluster.stop();
  await cluster.stop();
  expect(pids.some(isAlive)).toBe(false);
  expect(crashes).toHaveLength(1);
  expect(existsSync(cluster.directory)).toBe(false);
}, 60_000);

it('a worker that cannot start is told at once, with its words', async () => {
  const first = await startLocalCluster();
  try {
    const ports = first.cluster.workers.map((worker) => Number(new URL(worker.url).port)) as [
      number,
      number,
      number,
    ];
    const error = await startLocalCluster({ ports }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'UNAVAILABLE' });
    expect((error as Error).message).toMatch(/alice|bob|carol/);
    expect((error as Error).message).toContain('in use');
  } finally {
    await first.stop();
  }
}, 60_000);

it('workers die with their parent, however it dies', async () => {
  const parent = start('../test/fixtures/parent.mjs', []);
  await parent.sees('pids ');
  parent.child.kill('SIGKILL');
  const { stdout } = await parent.ended;
  const [, pids, directory] = /pids ([\d,]+) (\S+)/.exec(stdout)!;
  await expect.poll(() => pids!.split(',').map(Number).some(isAlive), { timeout: 8000 }).toBe(false);
  const { rm } = await import('node:fs/promises');
  await rm(directory!, { recursive: true, force: true });
}, 60_000);
