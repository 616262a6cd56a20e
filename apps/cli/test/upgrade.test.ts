/** A cluster of before there were sealed messages, its workers on machines of their own: the steps of docs/operations.md. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePorts } from '@trivet/node';
import { createCluster } from '@trivet/workers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Running, start, temporaryDirectory, trivetHere } from './support.js';

const NAMES = ['alice', 'bob', 'carol'] as const;
/** The worker's own program, which starts faster than the command line. */
const WORKER = '../../workers/dist/main.js';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let owner: string;
const workers: Running[] = [];
const machine = (name: string, file: string) => join(directory.path, `machine-of-${name}`, file);

beforeAll(async () => {
  directory = await temporaryDirectory();
  owner = join(directory.path, 'owner');
  const ports = await findFreePorts(6);
  const worker = (index: 0 | 1 | 2) => {
    const [clientPort, meshPort] = [ports[index]!, ports[index + 3]!];
    return { name: NAMES[index], host: 'localhost', clientPort, meshPort };
  };
  const { clusterFile } = await createCluster(owner, { workers: [worker(0), worker(1), worker(2)] });
  const { signature: _, ...cluster } = JSON.parse(await readFile(clusterFile, 'utf8'));
  for (const one of cluster.workers) delete one.sealingKey;
  await writeFile(clusterFile, JSON.stringify(cluster));
  for (const name of NAMES) {
    await rm(join(owner, name, 'seal.key'));
    await rename(join(owner, name), machine(name, ''));
  }
});

afterAll(async () => {
  for (const { child } of workers) child.kill('SIGKILL');
  await Promise.all(workers.map(({ ended }) => ended));
  await directory?.remove();
});

it('is upgraded without a secret key on the way, and runs', async () => {
  const status = () => trivetHere('status', '--json', '--cluster', owner);
  expect(await status()).toMatchObject({ code: 4, err: expect.stringContaining('trivet init --upgrade') });
  expect(await start(WORKER, ['--config', machine('bob', 'bob.json')]).ended).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('trivet keys sealing'),
  });
  expect(await trivetHere('init', '--upgrade', '--cluster', owner)).toMatchObject({
    code: 4,
    err: expect.stringContaining('alice, bob, and carol'),
  });

  const lines: string[] = [];
  for (const name of NAMES) {
    const made = await trivetHere('keys', 'sealing', '--config', machine(name, `${name}.json`));
    expect(made.code, made.err).toBe(0);
    const secret = (await readFile(machine(name, 'seal.key'), 'utf8')).trim();
    expect(made.out + made.err).not.toContain(secret);
    expect(made.out).toMatch(new RegExp(`^${name}=04[0-9a-f]{128}\\n$`));
    lines.push(made.out.trim());
  }
  const again = await trivetHere('keys', 'sealing', '--config', machine('bob', 'bob.json'));
  expect(again).toMatchObject({ code: 0, out: `${lines[1]}\n` });

  const named = lines.flatMap((line) => ['--sealing-key', line]);
  expect((await trivetHere('init', ...named, '--cluster', join(directory.path, 'new'))).code).toBe(2);
  for (const bad of [
    'bob',
    'bob=',
    `${lines[1]}00`,
    lines[1]!.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
  ])
    expect((await trivetHere('init', '--upgrade', '--sealing-key', bad, '--cluster', owner)).code).toBe(2);
  const upgraded = await trivetHere('init', '--upgrade', ...named, '--cluster', owner);
  expect(upgraded, upgraded.err).toMatchObject({ code: 0 });
  expect(upgraded.out).toContain(`Hand out the new ${join(owner, 'cluster.json')}`);
  expect(upgraded.out).not.toContain('seal.key');
  expect(await trivetHere('init', '--upgrade', '--cluster', owner)).toMatchObject({
    code: 0,
    out: expect.stringContaining('nothing was changed'),
  });

  for (const name of NAMES) workers.push(start(WORKER, ['--config', machine(name, `${name}.json`)]));
  await Promise.all(workers.map((worker) => worker.sees('"msg":"ready"')));
  await expect.poll(async () => (await status()).code, { timeout: 60_000, interval: 250 }).toBe(0);
}, 120_000);
