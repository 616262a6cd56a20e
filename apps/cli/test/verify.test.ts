/** `pnpm verify` on a small model and a few images: the whole way of the real run. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadMnist } from '@trivet/mnist';
import { expect, it } from 'vitest';
import { start, temporaryDirectory, writeNearestMeanModel } from './support.js';

it('ends with one JSON line, within its bounds', async () => {
  const directory = await temporaryDirectory();
  try {
    const model = await writeNearestMeanModel(directory.path, await loadMnist('test'));
    const args = ['--model', model, '--count', '60', '--batch', '25', '--json'];
    const { code, stdout, stderr } = await start('verify/main.js', args).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(stdout);
    expect(Object.keys(report)).toEqual([
      'count',
      'accuracy',
      'plaintextAccuracy',
      'classMismatches',
      'maxLogitError',
    ]);
    expect(report.count).toBe(60);
    expect(report.accuracy).toBeGreaterThan(0.6);
    expect(report.maxLogitError).toBeGreaterThan(0);
  } finally {
    await directory.remove();
  }
}, 60_000);

it('Ctrl-C ends it and its workers, and removes what it wrote', async () => {
  const directory = await temporaryDirectory();
  try {
    const model = await writeNearestMeanModel(directory.path, await loadMnist('test'));
    // A temporary directory of its own, so that clusters of other tests do not count.
    const running = start('verify/main.js', ['--model', model, '--batch', '1'], { TMPDIR: directory.path });
    const clusters = async () => (await readdir(directory.path)).filter((name) => name.startsWith('trivet-'));
    const started = async () => {
      const [name] = await clusters();
      return name !== undefined && existsSync(join(directory.path, name, 'carol', 'worker.log'));
    };
    await expect.poll(started, { timeout: 20_000 }).toBe(true);
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130, stdout: '' });
    expect(await clusters()).toEqual([]);
  } finally {
    await directory.remove();
  }
}, 60_000);
