/** Every command as a person or a script runs it: child processes against three real worker processes. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { loadMnist } from '@trivet/mnist';
import { type LocalCluster, startLocalCluster } from '@trivet/node';
import { createCluster } from '@trivet/workers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createProgram, runProgram } from '../src/program.js';
import { start, temporaryDirectory, trivet, trivetHere, writeNearestMeanModel } from './support.js';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let cluster: LocalCluster;
let model: string;
let at: readonly string[];

beforeAll(async () => {
  directory = await temporaryDirectory();
  model = await writeNearestMeanModel(join(directory.path, 'model'), await loadMnist('test'));
  cluster = await startLocalCluster({ directory: join(directory.path, 'cluster') });
  at = ['--cluster', cluster.directory];
}, 60_000);

afterAll(async () => {
  await cluster?.stop();
  await directory?.remove();
});

describe('help and usage', () => {
  it.each([
    'init',
    'worker',
    'share',
    'serve',
    'stop',
    'predict',
    'status',
    'switch',
    'rollback',
    'label',
    'versions',
    'gateway',
    'access',
    'tokens',
    'check',
    'encrypt',
    'decrypt',
    'keys',
  ])('%s has examples', (name) => {
    const command = createProgram('0').commands.find((one) => one.name() === name)!;
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(help).toContain(`Usage: trivet ${name}`);
    expect(help).toContain(`$ trivet ${name}`);
    expect(help).toContain('Exit codes:');
  });

  it('commands of commands have examples and exit codes too', () => {
    const children = createProgram('0').commands.flatMap((command) => command.commands);
    expect(children.map((child) => child.name())).toContain('rotate');
    for (const child of children) {
      let help = '';
      child.configureOutput({ writeOut: (text) => (help += text) });
      child.outputHelp();
      expect(help, child.name()).toContain(`$ trivet ${child.parent?.name()} ${child.name()}`);
      expect(help, child.name()).toContain('Exit codes:');
    }
  });

  it('--help and --version are no failures', async () => {
    expect(await trivet('--help')).toMatchObject({ code: 0, stderr: '' });
    expect(await trivet('--version')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  it.each([
    [['no-such-command']],
    [['predict']],
    [['predict', 'digits']],
    [['predict', 'digits', '--mnist', '9..0']],
    [['predict', 'digits', '--index', '10000']],
    [['predict', 'digits', '--mnist', '1', '--index', '1']],
    [['serve', 'digits', '--num-requests', '0']],
    [['share', 'model.h5']],
    [['share', '/nowhere/model.h5', '--name', 'digits']],
  ])('%j is wrong usage', async (args) => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const program = createProgram('0');
    for (const command of [program, ...program.commands])
      command.configureOutput({ writeErr: (text) => console.error(text) });
    expect(await runProgram(program, args)).toBe(2);
    expect(printed).toHaveBeenCalled();
    printed.mockRestore();
  });

  it('a process that is used wrongly says so, and ends with 2', async () => {
    expect(await trivet('predict')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('name'),
    });
  });

  it('says who does not answer, and not that there is nothing', async () => {
    const silent = Array.from({ length: 3 }, () => createServer().listen(0, '127.0.0.1'));
    await Promise.all(silent.map((server) => once(server, 'listening')));
    const path = join(directory.path, 'silent');
    const worker = (index: number) => {
      const { port } = silent[index]!.address() as AddressInfo;
      return { name: ['alice', 'bob', 'carol'][index]!, host: 'localhost', clientPort: port, meshPort: port };
    };
    await createCluster(path, { workers: [worker(0), worker(1), worker(2)] });
    const { code, out } = await trivetHere('status', '--timeout', '0.5', '--cluster', path);
    for (const server of silent) server.close();
    expect(code).toBe(5);
    expect(out).toMatch(/Worker "bob" \(http:\/\/localhost:\d+\) has not answered within 0.5 s\./);
    expect(out).not.toContain('No model');
  });

  it('says what to do where there is no cluster', async () => {
    const { code, stderr } = await trivet('status', '--cluster', join(directory.path, 'none'));
    expect(code).toBe(4);
    expect(stderr).toContain('trivet init --cluster');
  });
});

describe('init', () => {
  it('makes a cluster once', async () => {
    const path = join(directory.path, 'fresh');
    const first = await trivet('init', '--cluster', path, '--json');
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout).configFiles).toHaveLength(3);
    expect(first.stdout).not.toContain('secret');
    expect((await trivet('init', '--cluster', path)).code).toBe(8);
  });
});

describe('from sharing to stopping', () => {
  it('an unknown model is not found', async () => {
    // Whoever may not ask is not told whether there is one.
    expect((await trivet('predict', 'digits', '--mnist', '7', ...at)).code).toBe(7);
    expect((await trivet('serve', 'digits', ...at)).code).toBe(3);
    expect((await trivet('stop', 'digits', ...at)).code).toBe(3);
  });

  it('share prints the layers', async () => {
    const { code, stdout, stderr } = await trivet('share', model, '--name', 'digits', ...at);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/LAYER.*PRODUCTS/);
    expect(stdout).toContain('7850 weights');
    expect(stdout).toContain('Shared model "digits", version 1');
  });

  it('a model that is not served does not answer', async () => {
    const { code, stderr } = await trivet('predict', 'digits', '--mnist', '7', ...at);
    expect(code).toBe(7);
    expect(stderr).toContain('trivet serve digits');
  });

  it('serve --num-requests counts, prints and ends; the model stays shared', async () => {
    const serving = start('main.js', ['serve', 'digits', '--num-requests', '3', ...at]);
    await serving.sees('Serving model "digits"');
    const one = await trivet('predict', 'digits', '--index', '0', ...at);
    expect(one).toMatchObject({
      code: 0,
      stdout: 'The image had label 7 and was correctly classified as 7\n',
      stderr: '',
    });
    const two = await trivet('predict', 'digits', '--index', '1', '--count', '2', '--json', ...at);
    const { images, workers } = JSON.parse(two.stdout);
    expect(images.map((image: { index: number }) => image.index)).toEqual([1, 2]);
    expect(workers.map((worker: { name: string }) => worker.name)).toEqual(['alice', 'bob', 'carol']);
    expect(await serving.ended).toMatchObject({
      code: 0,
      stdout: [1, 2, 3].map((number) => `Served encrypted prediction ${number} to client.\n`).join(''),
    });
    const status = JSON.parse((await trivet('status', '--json', ...at)).stdout);
    expect(status.models).toMatchObject([
      { name: 'digits', version: 1, state: 'END', states: ['END', 'END', 'END'] },
    ]);
    expect((await trivet('predict', 'digits', '--index', '0', ...at)).code).toBe(4);
  });

  it('serve without a limit ends with Ctrl-C, cleanly', async () => {
    const serving = start('main.js', ['serve', 'digits', ...at]);
    await serving.sees('press Ctrl-C');
    serving.child.kill('SIGINT');
    expect(await serving.ended).toMatchObject({ code: 0, signal: null });
    expect((await trivet('predict', 'digits', '--mnist', '1', ...at)).code).toBe(4);
  });

  it('serve --detach leaves it serving until stop', async () => {
    expect((await trivet('serve', 'digits', '--detach', ...at)).code).toBe(0);
    const { code, stdout } = await trivet('predict', 'digits', '--mnist', '0..9', ...at);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(10);
    lines.forEach((line, digit) => {
      const found = /as (\d)$/.exec(line)?.[1];
      const how = found === String(digit) ? 'correctly' : 'incorrectly';
      expect(line).toBe(`The image had label ${digit} and was ${how} classified as ${found}`);
    });
    expect(lines.filter((line) => line.includes('incorrectly')).length).toBeLessThan(5);
    expect((await trivet('stop', 'digits', ...at)).code).toBe(0);
    expect((await trivet('predict', 'digits', '--mnist', '1', ...at)).code).toBe(4);
  });

  it('status names a worker that is away, and the others go on without a restart once it is back', async () => {
    expect((await trivet('serve', 'digits', '--detach', ...at)).code).toBe(0);
    const [, bob] = cluster.workers;
    await bob.stop('SIGKILL');
    const status = await trivet('status', ...at);
    expect(status.code).toBe(5);
    expect(status.stdout).toMatch(/bob .*unreachable/);
    const lost = await trivet('predict', 'digits', '--mnist', '7', ...at);
    expect(lost.code).toBe(5);
    expect(lost.stderr).toContain('"bob"');
    bob.start();
    await cluster.ready();
    // Shared models, and that they are served, survive on disk.
    expect((await trivet('predict', 'digits', '--index', '0', '--retries', '20', ...at)).code).toBe(0);
    expect((await trivet('stop', 'digits', ...at)).code).toBe(0);
  });
}, 120_000);
