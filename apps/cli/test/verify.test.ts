/** `pnpm verify` on a small model and a few images: the whole way of the real run. */
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
