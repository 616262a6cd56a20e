/** Who may ask, as the owner and a client's holder of a token see it: the commands, the gateway, three real processes. */
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelOwner, PredictionClient } from '@trivet/client';
import { loadMnist } from '@trivet/mnist';
import { type LocalCluster, readOwnerKey, startLocalCluster } from '@trivet/node';
import { ClientToken } from '@trivet/shared-types';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startGateway } from '../src/gateway/gateway.js';
import { createProgram, runProgram } from '../src/program.js';
import { temporaryDirectory, writeNearestMeanModel } from './support.js';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let cluster: LocalCluster;
let owner: ModelOwner;

/** Runs a command in this process. */
async function trivet(...args: readonly string[]): Promise<{ code: number; out: string; error: string }> {
  const printed = { log: '', error: '' };
  const spies = (['log', 'error'] as const).map((kind) =>
    vi.spyOn(console, kind).mockImplementation((text: string) => {
      printed[kind] += `${text}\n`;
    }),
  );
  const code = await runProgram(createProgram('0'), [...args, '--cluster', cluster.directory]);
  for (const spy of spies) spy.mockRestore();
  return { code, out: printed.log, error: printed.error };
}

const path = (name: string) => join(directory.path, name);
const predict = (...args: readonly string[]) => trivet('predict', 'digits', '--mnist', '7', ...args);

beforeAll(async () => {
  directory = await temporaryDirectory();
  const model = await writeNearestMeanModel(path('model'), await loadMnist('test'));
  cluster = await startLocalCluster({ directory: path('cluster') });
  expect((await trivet('share', model, '--name', 'digits')).code).toBe(0);
  const { workers, clusterId } = cluster.cluster;
  const { ownerSecretKey } = cluster;
  owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey });
}, 60_000);

afterAll(async () => {
  owner?.close();
  await cluster?.stop();
  await directory?.remove();
});

describe('trivet serve on one machine', () => {
  it('opens the model to that machine, and says so; its owner may close it', async () => {
    const served = await trivet('serve', 'digits', '--detach');
    expect(served).toMatchObject({ code: 0, error: expect.stringContaining("workers' own machine") });
    expect((await predict()).code).toBe(0);
    expect((await trivet('status')).out).toMatch(/ACCESS +SERVED\ndigits .* local +1/);

    expect((await trivet('access', 'digits', 'tokens')).out).toContain('only who shows a token');
    expect(await predict()).toMatchObject({
      code: 7,
      error: expect.stringContaining('trivet tokens create'),
    });
    // Serving again does not open it again.
    expect((await trivet('serve', 'digits', '--detach')).error).toContain('only who shows a token');
    expect((await trivet('access', '--json')).out).toBe('{"digits":"tokens"}\n');
    expect((await trivet('access', 'other')).out).toMatch(/other +tokens/);
  });
});

describe('a token', () => {
  it('is made once, kept by its holder alone, and good for as long as its owner said', async () => {
    const file = path('reader.token');
    const args = ['--model', 'digits', '--num-requests', '3', '--rate', '50', '--expires', '30d'];
    const made = await trivet('tokens', 'create', 'reader', ...args, '--out', file);
    expect(made).toMatchObject({ code: 0, error: '' });
    const token = (await readFile(file, 'utf8')).trim();
    const { id } = ClientToken.parse(token);
    expect(made.out).toContain(id);
    expect(made.out).not.toContain(token);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await trivet('tokens', 'create', 'reader', ...args, '--out', file)).code).toBe(8);

    expect((await predict('--token-file', file)).code).toBe(0);
    vi.stubEnv('TRIVET_TOKEN', token);
    expect((await predict()).code).toBe(0);
    vi.stubEnv('TRIVET_TOKEN', ClientToken.generate().reveal());
    const stranger = await predict();
    expect(stranger).toMatchObject({ code: 7, error: expect.stringContaining('does not know the token') });
    vi.stubEnv('TRIVET_TOKEN', `${token}0`);
    const mistyped = await predict();
    expect(mistyped.code).toBe(2);
    expect(mistyped.error).not.toContain(token);
    vi.unstubAllEnvs();

    const used = async () => JSON.parse((await trivet('tokens', 'list', '--json')).out);
    expect(await used()).toMatchObject([
      { id, name: 'reader', used: 2, quota: 3, state: 'active', rate: { perSecond: 50, burst: 1000 } },
      // The second file could not be written, so nobody has that one.
      { name: 'reader', used: 0, state: 'revoked' },
    ]);
    expect((await predict('--token-file', file)).code).toBe(0);
    expect(await predict('--token-file', file)).toMatchObject({
      code: 9,
      error: expect.stringContaining('quota of 3'),
    });
    expect((await trivet('tokens', 'list')).out).toMatch(
      /reader +used up +digits +3 of 3 +50\/s, 1000 at once/,
    );

    await chmod(file, 0o640);
    expect(await predict('--token-file', file)).toMatchObject({
      code: 4,
      error: expect.stringContaining('chmod 600'),
    });
    expect((await predict('--token-env', 'NO_SUCH_VARIABLE')).code).toBe(2);
  });

  it.each([
    [['--all-models', '--model', 'digits']],
    [[]],
    [['--all-models', '--burst', '3']],
    [['--all-models', '--expires', 'yesterday']],
    [['--all-models', '--expires', '2001-01-01']],
    [['--model', 'no such name']],
  ])('cannot be made with %j', async (args) => {
    const before = (await owner.access.tokens()).length;
    const silent = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect((await trivet('tokens', 'create', 'bad', ...args)).code).toBe(2);
    silent.mockRestore();
    expect((await owner.access.tokens()).length).toBe(before);
  });

  it('of the gateway is shown for whoever asks there, until it is revoked', async () => {
    const { token, id } = await owner.access.createToken({ name: 'gateway', models: ['digits'] });
    const gateway = await startGateway({ cluster: cluster.cluster, token, host: '127.0.0.1', port: 0 });
    const ask = async () => {
      const body = JSON.stringify({ instances: [new Array(28).fill(new Array(28).fill([0.5]))] });
      const response = await fetch(`${gateway.url}/v1/models/digits:predict`, { method: 'POST', body });
      return { status: response.status, text: await response.text() };
    };
    try {
      expect((await ask()).status).toBe(200);
      await owner.access.revokeToken(id);
      const refused = await ask();
      expect(refused).toMatchObject({ status: 401, text: expect.stringContaining('revoked') });
      expect(refused.text).not.toContain(token.slice(7));
    } finally {
      await gateway.stop();
    }
  });

  it('can be made and revoked while a worker is away, which hears of it when it is back', async () => {
    const carol = cluster.workers.find(({ name }) => name === 'carol')!;
    await carol.stop();
    const made = await trivet('tokens', 'create', 'late', '--all-models');
    expect(made.code).toBe(0);
    const gone = await owner.access.createToken({ name: 'gone', models: null });
    expect((await trivet('tokens', 'revoke', gone.id)).code).toBe(0);
    expect((await trivet('tokens', 'revoke', '0'.repeat(16))).code).toBe(3);
    carol.start();
    const { workers, clusterId } = cluster.cluster;
    const connect = (token: string) =>
      PredictionClient.connect({ workers, clusterId, token, timeoutMs: 20_000 });
    await vi.waitFor(async () => (await connect(made.out.trim())).close(), {
      timeout: 60_000,
      interval: 200,
    });
    await expect(connect(gone.token)).rejects.toThrow(/was revoked/);
    await writeFile(path('late.token'), made.out, { mode: 0o600 });
    await vi.waitFor(
      async () => {
        expect((await predict('--token-file', path('late.token'))).code).toBe(0);
      },
      { timeout: 60_000, interval: 200 },
    );
  }, 150_000);
});

describe('the owner key', () => {
  it('is refused when others may read it', async () => {
    const file = join(cluster.directory, 'owner.key');
    await chmod(file, 0o644);
    await expect(readOwnerKey(cluster.directory)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await chmod(file, 0o600);
    expect(await readOwnerKey(cluster.directory)).toBe(cluster.ownerSecretKey);
  });
});
