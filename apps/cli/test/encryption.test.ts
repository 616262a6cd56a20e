/** Encrypted models, as a person handles them: made, shared as they are, refused with a code of their own. */
import { spawnSync } from 'node:child_process';
import { chmod, cp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PredictionClient } from '@trivet/client';
import { loadMnist } from '@trivet/mnist';
import { type LocalCluster, startLocalCluster } from '@trivet/node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { askPassphrase } from '../src/terminal/passphrase.js';
import { temporaryDirectory, trivetHere as trivet, writeNearestMeanModel } from './support.js';

const HALF_PLUS_TWO = fileURLToPath(new URL('../../../../shared/models/half_plus_two', import.meta.url));

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const at = (...parts: string[]) => join(directory.path, ...parts);

async function allFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const stats = await Promise.all(names.map((name) => stat(join(folder, name))));
  return names.filter((_, index) => stats[index]!.isFile()).sort();
}

beforeAll(async () => {
  directory = await temporaryDirectory();
  expect(await trivet('keys', 'generate', at('model.key'))).toMatchObject({ code: 0 });
  await writeFile(at('pass'), 'correct horse battery staple\n', { mode: 0o600 });
});
afterAll(() => directory?.remove());

describe('an encrypted model', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await startLocalCluster();
  }, 120_000);
  afterAll(() => cluster?.stop());

  it('is a folder of which every file is encrypted, is shared as it is, and answers', async () => {
    const sealed = at('half');
    const done = await trivet('encrypt', HALF_PLUS_TWO, '--out', sealed, '--key-file', at('model.key'));
    expect(done).toMatchObject({ code: 0 });
    expect(await allFiles(sealed)).toEqual(await allFiles(HALF_PLUS_TWO));
    for (const file of await allFiles(sealed)) {
      expect((await readFile(join(sealed, file))).subarray(0, 8).toString('latin1')).toBe('TRIVET\0\x02');
      expect((await stat(join(sealed, file))).mode & 0o077).toBe(0);
    }
    const before = await allFiles(directory.path);
    const shared = await trivet(
      ...['share', sealed, '--name', 'half', '--key-file', at('model.key')],
      ...['--input-range', '-100:100', '--cluster', cluster.directory],
    );
    expect(shared, shared.err).toMatchObject({ code: 0 });
    expect(await allFiles(directory.path)).toEqual(before);
    expect(await trivet('serve', 'half', '--detach', '--cluster', cluster.directory)).toMatchObject({
      code: 0,
    });
    const { workers, clusterId, ownerKey } = cluster.cluster;
    const client = await PredictionClient.connect({ workers, clusterId, ownerKey });
    const { logits } = await client.predict('half', Float32Array.of(1, 2, 5));
    client.close();
    expect([...logits].map((value) => Number(value.toFixed(3)))).toEqual([2.5, 3, 4.5]);
  }, 120_000);

  it('has versions, which are switched, labelled and rolled back from the command line', async () => {
    const share = async (...more: string[]) => {
      const { code, out } = await trivet(
        ...['share', at('half'), '--name', 'half', '--key-file', at('model.key')],
        ...['--input-range', '-100:100', '--cluster', cluster.directory, ...more],
      );
      expect(code).toBe(0);
      return /[^.]+\.$/.exec(out.trim())?.[0].trim();
    };
    expect(await share('--fractional-bits', '12')).toBe(
      'Version 1 answers until you switch: `trivet switch half 2`.',
    );
    const on = ['--cluster', cluster.directory];
    const versions = async () => JSON.parse((await trivet('versions', 'half', '--json', ...on)).out);
    const states = async () => (await versions()).map((row: { state: string }) => row.state);
    expect(await states()).toEqual(['AVAILABLE', 'START']);
    expect(await trivet('switch', 'half', ...on)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Version 2'),
    });
    await vi.waitFor(async () => expect(await states()).toEqual(['END', 'AVAILABLE']), { timeout: 30_000 });
    expect(await trivet('label', 'half', 'stable', '1', ...on)).toMatchObject({ code: 0 });
    expect(await versions()).toMatchObject([
      { version: 1, state: 'AVAILABLE', current: false, labels: ['stable'] },
      { version: 2, state: 'AVAILABLE', current: true, labels: [] },
    ]);
    expect((await trivet('status', ...on)).out).toMatch(/half +1 .* AVAILABLE +stable/);
    const { workers, clusterId, ownerKey } = cluster.cluster;
    const client = await PredictionClient.connect({ workers, clusterId, ownerKey });
    const one = Float32Array.of(1);
    const second = await client.predict('half', one);
    expect([second.version, ...second.logits!]).toEqual([2, expect.closeTo(2.5, 3)]);
    expect((await client.model('half')).manifest.plan.fractionalBits).toBe(12);
    expect((await client.predict('half', one, { label: 'stable' })).version).toBe(1);
    expect((await client.predict('half', one, { version: 1 })).version).toBe(1);
    await expect(client.predict('half', one, { version: 9 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(client.predict('half', one, { label: 'none' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await trivet('rollback', 'half', ...on)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Version 1'),
    });
    // The workers' news reaches a connected client a moment later; until then the old version answers it.
    await vi.waitFor(async () => expect((await client.predict('half', one)).version).toBe(1), {
      timeout: 30_000,
    });
    client.close();
    expect(await trivet('rollback', 'half', ...on)).toMatchObject({ code: 3 });
    expect(await trivet('switch', 'half', '7', ...on)).toMatchObject({ code: 3 });
    expect(await trivet('label', 'half', 'none', ...on)).toMatchObject({ code: 3 });
    expect(await trivet('versions', 'half', '--remove', '1', ...on)).toMatchObject({ code: 4 });
    expect(await trivet('stop', 'half', ...on)).toMatchObject({ code: 0 });
    expect(await trivet('switch', 'half', '2', ...on)).toMatchObject({ code: 4 });
    await vi.waitFor(async () => expect(await states()).toEqual(['END', 'END']), { timeout: 30_000 });
    expect(await trivet('versions', 'half', '--remove', '1', ...on)).toMatchObject({ code: 0 });
    expect(await states()).toEqual(['END']);
    expect(await share('--model-version', '1')).toBe('Serve it with `trivet serve half --model-version 1`.');
    expect(await share()).toBe('Serve it with `trivet serve half`.');
    expect(await trivet('versions', 'nothing', ...on)).toMatchObject({ code: 3 });
  }, 180_000);
});

describe('encrypt and decrypt', () => {
  it('give back what was there, and overwrite nothing', async () => {
    const sealed = at('again');
    await trivet('encrypt', HALF_PLUS_TWO, '--out', sealed, '--passphrase-file', at('pass'));
    const opened = await trivet('decrypt', sealed, '--out', at('plain'), '--passphrase-file', at('pass'));
    expect(opened).toMatchObject({ code: 0 });
    for (const file of await allFiles(HALF_PLUS_TWO)) {
      expect(await readFile(at('plain', file)), file).toEqual(await readFile(join(HALF_PLUS_TWO, file)));
    }
    const taken = await trivet('decrypt', sealed, '--out', at('plain'), '--passphrase-file', at('pass'));
    expect(taken).toMatchObject({ code: 8 });
    const twice = await trivet('encrypt', sealed, '--out', at('twice'), '--key-file', at('model.key'));
    expect(twice).toMatchObject({ code: 4, err: expect.stringContaining('encrypted already') });
    expect(
      await trivet('encrypt', at('nowhere'), '--out', at('x'), '--key-file', at('model.key')),
    ).toMatchObject({
      code: 2,
    });
  }, 180_000);

  it('take the weights of a TensorFlow.js model with its model.json', async () => {
    const model = await writeNearestMeanModel(at('tfjs'), await loadMnist('test'));
    const done = await trivet(
      'encrypt',
      model,
      '--out',
      at('tfjs.sealed'),
      '--key-file',
      at('model.key'),
      '--json',
    );
    expect(JSON.parse(done.out).files).toEqual(['model.json', 'weights.bin']);
    expect(await readdir(at('tfjs.sealed'))).toEqual(['model.json', 'weights.bin']);
    const back = await trivet(
      ...[
        'decrypt',
        at('tfjs.sealed', 'model.json'),
        '--out',
        at('tfjs.plain'),
        '--key-file',
        at('model.key'),
      ],
    );
    expect(back).toMatchObject({ code: 0 });
    expect(await readFile(at('tfjs.plain', 'weights.bin'))).toEqual(
      await readFile(at('tfjs', 'weights.bin')),
    );
  }, 180_000);

  it('end with a code of its own for each thing that can be wrong', async () => {
    await trivet('encrypt', HALF_PLUS_TWO, '--out', at('codes'), '--key-file', at('model.key'));
    await trivet('keys', 'generate', at('other.key'));
    const [file] = (await allFiles(at('codes'))) as [string];
    const good = await readFile(at('codes', file));
    const decrypt = (key = 'model.key') =>
      trivet('decrypt', at('codes'), '--out', at('out'), '--key-file', at(key));
    const share = (...key: string[]) =>
      trivet('share', at('codes'), '--name', 'x', ...key, '--cluster', at('none'));
    const damaged = async (change: (content: Buffer) => Buffer) => {
      await writeFile(at('codes', file), change(Buffer.from(good)));
      const done = await decrypt();
      expect(done.err).toContain(file);
      await expect(stat(at('out'))).rejects.toThrow();
      return done.code;
    };
    const flipped = (content: Buffer) => {
      content[content.length - 5]! ^= 1;
      return content;
    };
    const format = (content: Buffer) => {
      content[7] = 9;
      return content;
    };
    expect((await decrypt('other.key')).code).toBe(20);
    expect(await damaged((content) => content.subarray(0, -3))).toBe(21);
    expect(await damaged(flipped)).toBe(22);
    const plain = await readFile(join(HALF_PLUS_TWO, file));
    expect(await damaged(() => plain)).toBe(23);
    expect((await share('--key-file', at('model.key'))).code).toBe(23);
    expect(await damaged(format)).toBe(24);
    await writeFile(at('codes', file), good);
    expect((await share('--key-file', at('other.key'))).code).toBe(20);
    const none = await share();
    expect(none).toMatchObject({ code: 25, err: expect.stringContaining('--key-file') });
    // None of this has written anything.
    expect((await readdir(directory.path)).filter((name) => name.startsWith('.'))).toEqual([]);
  }, 180_000);

  it('take keys from the environment, a file that is private, and nothing from the command line', async () => {
    const model = join(HALF_PLUS_TWO, (await allFiles(HALF_PLUS_TWO))[0]!);
    const encrypt = (out: string, ...key: string[]) => trivet('encrypt', model, '--out', at(out), ...key);
    expect((await encrypt('none')).code).toBe(2);
    expect((await encrypt('two', '--key-file', at('model.key'), '--key-env', 'TRIVET_TEST_KEY')).code).toBe(
      2,
    );
    expect((await encrypt('unset', '--key-env', 'TRIVET_TEST_KEY')).code).toBe(2);
    vi.stubEnv('TRIVET_TEST_KEY', (await readFile(at('model.key'), 'utf8')).slice(0, 64));
    expect((await encrypt('env', '--key-env', 'TRIVET_TEST_KEY')).code).toBe(0);
    vi.unstubAllEnvs();
    expect(
      (await trivet('decrypt', at('env'), '--out', at('env.plain'), '--key-file', at('model.key'))).code,
    ).toBe(0);
    await cp(at('model.key'), at('open.key'));
    await chmod(at('open.key'), 0o644);
    expect(await encrypt('open', '--key-file', at('open.key'))).toMatchObject({
      code: 4,
      err: expect.stringContaining('chmod 600'),
    });
    // No terminal: vitest has none on standard input.
    expect(await encrypt('asked', '--passphrase')).toMatchObject({
      code: 2,
      err: expect.stringContaining('terminal'),
    });
  }, 180_000);

  it('take a passphrase from a file descriptor', async () => {
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    const model = join(HALF_PLUS_TWO, (await allFiles(HALF_PLUS_TWO))[0]!);
    const { status, stderr } = spawnSync(
      process.execPath,
      [main, 'encrypt', model, '--out', at('piped'), '--passphrase-fd', '0'],
      { input: 'correct horse battery staple\n', encoding: 'utf8' },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const back = await trivet(
      'decrypt',
      at('piped'),
      '--out',
      at('piped.plain'),
      '--passphrase-file',
      at('pass'),
    );
    expect(back).toMatchObject({ code: 0 });
  }, 180_000);
});

describe('keys', () => {
  it('are listed by id, and rotate with the models they encrypt', async () => {
    await trivet('keys', 'generate', at('r.key'));
    await trivet('encrypt', HALF_PLUS_TWO, '--out', at('rotating'), '--key-file', at('r.key'));
    const count = (await allFiles(HALF_PLUS_TWO)).length;
    const list = async () =>
      JSON.parse((await trivet('keys', 'list', at('r.key'), at('rotating'), '--json')).out);
    expect(await list()).toMatchObject([{ role: 'current', files: count }]);
    expect((await trivet('keys', 'rotate', '--key-file', at('r.key'), at('rotating'))).code).toBe(0);
    expect(await list()).toMatchObject([
      { role: 'current', files: count },
      { role: 'older', files: 0 },
    ]);
    expect(
      (await trivet('decrypt', at('rotating'), '--out', at('r.plain'), '--key-file', at('r.key'))).code,
    ).toBe(0);
    expect((await trivet('keys', 'rotate', '--key-file', at('model.key'), at('rotating'))).code).toBe(20);
    expect((await trivet('keys', 'rotate')).code).toBe(2);
    expect((await trivet('keys', 'generate', at('r.key'))).code).toBe(8);
    expect((await trivet('keys', 'list', at('r.key'))).out).not.toContain(
      (await readFile(at('r.key'), 'utf8')).slice(0, 64),
    );
  }, 180_000);
});

describe('a passphrase that is typed', () => {
  it('is not shown, may be corrected, and given up', async () => {
    const terminal = () => {
      let listen: (text: string) => void = () => undefined;
      let shown = '';
      const modes: boolean[] = [];
      const input = {
        isTTY: true,
        setRawMode: (raw: boolean) => void modes.push(raw),
        setEncoding: () => undefined,
        resume: () => undefined,
        pause: () => undefined,
        on: (_: string, listener: (text: string) => void) => {
          listen = listener;
        },
        off: () => undefined,
      };
      const write = (text: string) => {
        shown += text;
      };
      const asked = askPassphrase('Passphrase', { input, write } as unknown as Parameters<
        typeof askPassphrase
      >[1]);
      return { asked, type: (text: string) => listen(text), shown: () => shown, modes };
    };
    const one = terminal();
    one.type('horsf\u007fe bat');
    one.type('tery\r');
    expect(await one.asked).toBe('horse battery');
    expect(one.shown()).toBe('Passphrase: \n');
    expect(one.modes).toEqual([true, false]);
    const two = terminal();
    two.type('abc\u0003');
    await expect(two.asked).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(two.modes).toEqual([true, false]);
  });
});
