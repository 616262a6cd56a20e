/** The listings of docs/from-syft-keras.md as they stand, and the verbs' mistakes, with real worker processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, Cluster, findFreePorts, Model, Worker } from '../src/index.js';
import { type OwnNetwork, ownNetwork } from './support/own-network.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = join(ROOT, 'docs/from-syft-keras.md');
const MODEL = join(ROOT, '../shared/models/short-conv-mnist.h5');
const WORKER = join(dirname(createRequire(import.meta.url).resolve('@trivet/workers')), '../dist/main.js');

/** Of the first 200 test images. */
const LOSS = 0.15017934296913057;

let work: string;
let ports: number[];

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'trivet-tutorial-'));
  ports = await findFreePorts(3);
});

afterAll(() => rm(work, { recursive: true, force: true }));

/** Three workers on this machine, at ports of the tests. */
function workers(autoManaged = true): [Worker, Worker, Worker] {
  const worker = (index: number) => new Worker({ host: `localhost:${ports[index]}`, autoManaged });
  return [worker(0), worker(1), worker(2)];
}

describe('the listings', () => {
  const running: ChildProcess[] = [];
  let network: OwnNetwork | null;

  /** Starts a listing. */
  async function run(name: string) {
    const [program, ...args] = [...(network?.prefix ?? []), process.execPath, `${name}.mjs`] as [
      string,
      ...string[],
    ];
    const child = spawn(program, args, { cwd: work, stdio: ['ignore', 'pipe', 'pipe'] });
    running.push(child);
    let output = '';
    let errors = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const ended = once(child, 'close').then(([code]) => ({ code, output, errors }));
    return { ended, errors: () => errors };
  }

  beforeAll(async () => {
    network = await ownNetwork([4000, 4001, 4002]);
    const page = await readFile(PAGE, 'utf8');
    const listings = [...page.matchAll(/^```ts (\w+)\.ts\n(.*?)^```$/gms)];
    expect(listings.map((listing) => listing[1])).toEqual(['13a', '13b', '13c']);
    // The packages as a program finds them that has installed them.
    await mkdir(join(work, 'node_modules/@trivet'), { recursive: true });
    for (const name of ['node', 'mnist']) {
      await symlink(join(ROOT, 'packages', name), join(work, 'node_modules/@trivet', name));
    }
    await symlink(MODEL, join(work, 'short-conv-mnist.h5'));
    for (const [, name, text] of listings) {
      await writeFile(join(work, `${name}.mts`), text!);
      const { outputText } = ts.transpileModule(text!, {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
      });
      await writeFile(join(work, `${name}.mjs`), outputText);
    }
  });

  afterAll(() => {
    for (const child of running) child.kill('SIGKILL');
    network?.close();
  });

  it('are TypeScript without an error', () => {
    const files = ['13a', '13b', '13c'].map((name) => join(work, `${name}.mts`));
    const program = ts.createProgram(files, {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts'],
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    });
    const problems = ts.getPreEmitDiagnostics(program);
    expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
  }, 60_000);

  it('13a prints the loss and the accuracy', async () => {
    const { code, output, errors } = await (await run('13a')).ended;
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    // 193 of the first 200 images; 0.9382 of all.
    const [, loss] = /^Test loss: (0\.\d+)\nTest accuracy: 0\.965\n$/.exec(output) ?? [];
    expect(Number(loss), output).toBeCloseTo(LOSS, 9);
    expect(await readFile(PAGE, 'utf8')).toContain(`Test loss: ${LOSS}`);
  }, 60_000);

  it('13b serves, and 13c is answered', async (context) => {
    if (network === null)
      context.skip('No network namespace, and somebody listens on port 4000, 4001 or 4002.');
    const server = await run('13b');
    await expect.poll(server.errors, { timeout: 60_000 }).toContain('for 3 predictions');
    const client = await (await run('13c')).ended;
    expect(client).toEqual({
      code: 0,
      output: [7, 2, 1]
        .map((label) => `The image had label ${label} and was correctly classified as ${label}\n`)
        .join(''),
      errors: '',
    });
    const { code, output } = await server.ended;
    expect(code).toBe(0);
    expect(output).toBe(
      [1, 2, 3].map((number) => `Served encrypted prediction ${number} to client.\n`).join(''),
    );
  }, 120_000);

  it('workers that are started by hand: the command is printed, and who is missing', async () => {
    const lines: string[] = [];
    const [alice, bob, carol] = workers();
    const manual = new Worker({ host: bob.host, autoManaged: false });
    const cluster = new Cluster(alice, manual, carol);
    const directory = join(work, 'by-hand');
    const starting = cluster.start({ directory, log: (line) => lines.push(line) });
    await expect.poll(() => lines.at(-1), { timeout: 20_000 }).toBe(`Waiting for bob (${bob.host}).`);
    const config = join(directory, 'bob/bob.json');
    expect(lines[0]).toBe(`On ${bob.host}, unless it runs already: trivet worker --config ${config}`);
    const byHand = spawn(process.execPath, [WORKER, '--config', config], { stdio: 'ignore' });
    running.push(byHand);
    await starting;
    const client = new Client();
    await expect(client.connectToModel([1, 28, 28, 1], [1, 10], cluster)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('No model is served'),
    });
    // Until interrupted.
    const model = await Model.load(MODEL);
    await model.share(cluster, { name: 'again' });
    const interrupt = new AbortController();
    const served: string[] = [];
    const serving = model.serve({ signal: interrupt.signal, log: (line) => served.push(line) });
    await expect
      .poll(
        () =>
          client.connectToModel([1, 28, 28, 1], [1, 10], cluster).then(
            () => true,
            () => false,
          ),
        {
          timeout: 20_000,
        },
      )
      .toBe(true);
    await expect(client.connectToModel([1, 784], [1, 10], cluster)).rejects.toThrow('[batch, 28, 28, 1]');
    await client.connectToModel([2, 28, 28, 1], [2, 10], cluster, { name: 'again' });
    expect(await client.queryModel(new Float32Array(2 * 784))).toHaveLength(20);
    client.close();
    await expect(client.queryModel([0])).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await expect
      .poll(() => served, { timeout: 10_000 })
      .toEqual([1, 2].map((number) => `Served encrypted prediction ${number} to client.`));
    interrupt.abort();
    expect(await serving).toBe(2);
    await model.stop();
    lines.length = 0;
    await cluster.stop();
    expect(lines).toEqual([`The worker on ${bob.host} runs on: stop it there with Ctrl-C.`]);
    byHand.kill('SIGTERM');
    await once(byHand, 'exit');
  }, 120_000);
});

describe('mistakes', () => {
  it('a cluster of two, of four, or of one host twice', () => {
    const [alice, bob, carol] = workers();
    expect(() => new Cluster(alice, bob)).toThrow('A cluster is three workers, and 2 were given.');
    expect(() => new Cluster(alice, bob, carol, carol)).toThrow('4 were given');
    expect(() => new Cluster(alice, bob, bob)).toThrow('a host and port of its own');
  });

  it.each([
    'localhost',
    '',
    'localhost:0',
    'localhost:70000',
    'http://localhost:4000',
    'a b:4000',
    'me@host:4000',
  ])('a host that is none: %s', (host) => {
    expect(() => new Worker({ host })).toThrow('localhost:4000');
  });

  it('a worker of another machine cannot be managed here', async () => {
    const [alice, bob] = workers();
    const carol = new Worker({ host: 'carol.example:4000' });
    const directory = join(work, 'abroad');
    await expect(new Cluster(alice, bob, carol).start({ directory })).rejects.toThrow('autoManaged: false');
  });

  it('verbs out of order', async () => {
    const cluster = new Cluster(...workers());
    const model = await Model.load(MODEL);
    await expect(model.serve()).rejects.toThrow('Share the model first');
    await expect(model.stop()).rejects.toThrow('Share the model first');
    await expect(model.share(cluster)).rejects.toThrow('Start the cluster first');
    await expect(Model.load(join(work, 'nothing.h5'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await cluster.stop();
  });

  it('a directory of another cluster, and a start that is cancelled', async () => {
    const directory = join(work, 'other');
    const hosts = (await findFreePorts(3)).map((port) => `localhost:${port}`);
    const manual = new Cluster(
      ...(hosts.map((host) => new Worker({ host, autoManaged: false })) as [Worker, Worker, Worker]),
    );
    const abort = new AbortController();
    const lines: string[] = [];
    const starting = manual.start({ directory, signal: abort.signal, log: (line) => lines.push(line) });
    await expect
      .poll(() => lines.at(-1), { timeout: 20_000 })
      .toMatch(/^Waiting for alice .* bob .* and carol/);
    expect(lines.filter((line) => line.includes('trivet worker --config'))).toHaveLength(3);
    abort.abort();
    await expect(starting).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(new Cluster(...workers()).start({ directory })).rejects.toThrow(
      'a cluster of other workers',
    );
  }, 60_000);
});
