/**
 * The keys of a worker's store, with real processes: where a worker takes them from, and `trivet keys rotate` killed
 * (kill -9) at every step of its work, and at every step of the worker's part in it.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  generateKey,
  KeyRing,
  keyId,
  openFile,
  passphraseRing,
  readKeyId,
  readKeyRing,
  writeKeyRing,
} from '@trivet/at-rest';
import { findFreePorts } from '@trivet/node';
import { createCluster, loadWorkerConfig, rotateStoreKeys } from '@trivet/workers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelStore } from '../../workers/src/store/model-store.js';
import { prepareModel, type SharedTestModel } from '../../workers/test/support/cluster.js';
import { KillPoints } from '../../workers/test/support/kill-points.js';
import { start, temporaryDirectory, trivet } from './support.js';

const PASSPHRASE = 'correct horse battery staple';
/** The worker's own program, which starts faster than the command line. */
const WORKER = '../../workers/dist/main.js';
const TIMEOUT_MS = 300_000;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const at = (...parts: string[]) => join(directory.path, ...parts);
let model: SharedTestModel;
/** Of the key that the template's store is encrypted with. */
let key: Buffer;

/** As they are encrypted anew. */
const STORED = ['small@1.model', 'key.check'];

beforeAll(async () => {
  directory = await temporaryDirectory();
  const { ownerKeyFile } = await createCluster(at('template'));
  model = await prepareModel((await readFile(ownerKeyFile, 'utf8')).trim(), 'small');
  [key] = (await readKeyRing(at('template/alice/store.key'))) as [Buffer];
  await fill(at('template'), KeyRing.ofKeys([key]));
}, 60_000);
afterAll(() => directory?.remove());

/** Puts a version into alice's store. */
async function fill(cluster: string, ring: KeyRing): Promise<void> {
  const store = new ModelStore(join(cluster, 'alice/store'), ring);
  await store.prepare();
  await store.writeModel('small', 1, model.signed, model.files[0]!);
}

/** All that was put into the store is read with these keys; gives the ids of the keys that it is encrypted with. */
async function expectWhole(cluster: string, ring: KeyRing): Promise<string[]> {
  const folder = join(cluster, 'alice/store');
  const store = new ModelStore(folder, ring);
  await store.prepare();
  const { manifest, shareFile } = await store.readModel('small', 1);
  expect(manifest).toEqual(model.signed);
  expect(Buffer.from(shareFile).equals(model.files[0]!)).toBe(true);
  return Promise.all(STORED.map((file) => readKeyId(join(folder, file))));
}

interface Copy {
  readonly root: string;
  readonly config: string;
  readonly keyFile: string;
  /** As the configuration has it: a path, or where else the keys are. */
  useKey(source: string | object): Promise<void>;
}

/** A copy of alice's folder, with ports of its own. */
async function copy(name: string): Promise<Copy> {
  const root = at(name);
  await cp(at('template/alice'), join(root, 'alice'), { recursive: true });
  const config = join(root, 'alice/alice.json');
  const settings = JSON.parse(await readFile(config, 'utf8'));
  [settings.client.port, settings.mesh.port] = await findFreePorts(2);
  const write = () => writeFile(config, JSON.stringify(settings));
  await write();
  const useKey = (source: string | object) => {
    settings.store.key = source;
    return write();
  };
  return { root, config, keyFile: join(root, 'alice/store.key'), useKey };
}

/** A process starts slowly, and two cores start two. */
async function twoAtATime(items: readonly string[], work: (item: string) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all([lane(), lane()]);
}

const written = (file: string, time = 1) =>
  ['create', 'write', 'rename', 'done'].map((step) => `${file}#${time} ${step}`);

/** Where a kill leaves something new behind: what follows "done" begins with the same files. */
const stages = (steps: readonly string[]) =>
  steps.filter((step, i) => !step.endsWith(' done') || i === steps.length - 1);

/** Runs a command line to its end; gives its steps. */
async function count(name: string, args: readonly string[]): Promise<string[]> {
  const points = new KillPoints(at(`${name}.steps`));
  await points.target(null);
  const ran = await start('main.js', args, points.env, points.execArgv).ended;
  expect(ran, ran.stderr).toMatchObject({ code: 0 });
  return points.steps();
}

/** Runs a command line that is killed at this step. */
async function killAt(
  step: string,
  name: string,
  args: readonly string[],
  program = 'main.js',
): Promise<void> {
  const points = new KillPoints(at(`${name}.steps`));
  await points.target(step);
  const ran = await start(program, args, points.env, points.execArgv).ended;
  expect(ran, step).toMatchObject({ signal: 'SIGKILL' });
  expect((await points.steps()).at(-1)).toBe(step);
}

describe('a rotation that is killed', () => {
  it(
    'of a store, at every step: every file opens with the key file, and the next rotation ends it',
    async () => {
      const rotate = ({ config }: Copy) => ['keys', 'rotate', '--config', config];
      const counted = await copy('counted');
      const steps = await count('counted', rotate(counted));
      expect(steps).toEqual([
        ...['store.key.lock#1 create', 'store.key.lock#1 write'],
        ...written('store.key'),
        ...STORED.flatMap((file) => written(file)),
        ...written('store.key', 2),
        'store.key.lock#2 remove',
      ]);
      await expectWhole(counted.root, KeyRing.ofKeys(await readKeyRing(counted.keyFile)));

      await twoAtATime(stages(steps), async (step) => {
        const killed = await copy(step);
        await killAt(step, step, rotate(killed));
        const keys = await readKeyRing(killed.keyFile);
        const ids = await expectWhole(killed.root, KeyRing.ofKeys(keys));
        for (const id of ids) expect(keys.map(keyId), step).toContain(id);
        const { keyId: newest } = await rotateStoreKeys(await loadWorkerConfig(killed.config));
        const left = await readKeyRing(killed.keyFile);
        expect(left.map(keyId), step).toEqual([newest]);
        expect(left.map(keyId), step).not.toContain(keyId(key));
        expect(await expectWhole(killed.root, KeyRing.ofKeys(left)), step).toEqual(STORED.map(() => newest));
        // No key is left in a file that was half written, and no lock.
        const files = await readdir(join(killed.root, 'alice'));
        expect(
          files.filter((name) => /tmp|lock/.test(name)),
          step,
        ).toEqual([]);
      });
    },
    TIMEOUT_MS,
  );

  it(
    'by the worker that does its part, at every step: what it left opens, and is carried on',
    async () => {
      const next = generateKey();
      const both = KeyRing.ofKeys([next, key]);
      const begun = async (name: string) => {
        const cluster = await copy(name);
        await writeKeyRing(cluster.keyFile, [next, key]);
        return cluster;
      };
      const worker = ({ config }: Copy) => ['--config', config];
      const counted = await begun('worker');
      const points = new KillPoints(at('worker.steps'));
      await points.target(null);
      const running = start(WORKER, worker(counted), points.env, points.execArgv);
      await running.sees('the store is encrypted with a new key');
      running.child.kill('SIGKILL');
      await running.ended;
      const steps = await points.steps();
      expect(steps).toEqual(STORED.flatMap((file) => written(file)));

      await twoAtATime(stages(steps), async (step) => {
        const killed = await begun(`worker ${step}`);
        await killAt(step, `worker ${step}`, worker(killed), WORKER);
        await expectWhole(killed.root, both);
        const store = new ModelStore(join(killed.root, 'alice/store'), both);
        await store.changeKeys(both);
        const ids = await expectWhole(killed.root, KeyRing.ofKeys([next]));
        expect(ids, step).toEqual(STORED.map(() => keyId(next)));
      });
    },
    TIMEOUT_MS,
  );

  it(
    'of a model, at every step: it opens with the key file',
    async () => {
      // More than one piece.
      const content = Buffer.alloc(300_000, 'weights');
      const original = at('original');
      await mkdir(original);
      await writeFile(join(original, 'plain'), content);
      await writeKeyRing(join(original, 'model.key'), [generateKey()]);
      const from = ['--key-file', join(original, 'model.key')];
      const [plain, sealed] = [join(original, 'plain'), join(original, 'weights.bin')];
      expect(await trivet('encrypt', plain, '--out', sealed, ...from)).toMatchObject({ code: 0 });
      const begun = async (name: string) => {
        await cp(original, at(name), { recursive: true });
        return ['keys', 'rotate', '--key-file', at(name, 'model.key'), at(name, 'weights.bin')];
      };
      const expectOpens = async (name: string) => {
        const ring = KeyRing.ofKeys(await readKeyRing(at(name, 'model.key')));
        expect((await openFile(ring, at(name, 'weights.bin'))).equals(content), name).toBe(true);
      };
      const steps = await count('model', await begun('model'));
      expect(steps).toEqual([
        ...['model.key.lock#1 create', 'model.key.lock#1 write'],
        ...written('model.key'),
        ...written('weights.bin'),
        'model.key.lock#2 remove',
      ]);
      await expectOpens('model');
      await twoAtATime(stages(steps), async (step) => {
        const name = `model ${step}`;
        await killAt(step, name, await begun(name));
        await expectOpens(name);
      });
    },
    TIMEOUT_MS,
  );
});

describe("a worker's store key", () => {
  /** Starts the worker, and stops it once it is ready. */
  async function run({ config }: Copy, env: Record<string, string> = {}) {
    const worker = start('main.js', ['worker', '--config', config], env);
    await worker.sees('"msg":"ready"').then(
      () => worker.child.kill('SIGTERM'),
      () => undefined,
    );
    const { code, stdout, stderr } = await worker.ended;
    const lines = stdout.split('\n').filter((line) => line.includes('"msg":"ready"'));
    return { code, models: lines.map((line) => JSON.parse(line).models), stderr };
  }
  const ready = { code: 0, models: [1], stderr: '' };
  const refused = (code: number, why: RegExp) => ({ code, models: [], stderr: expect.stringMatching(why) });

  it(
    'comes from the environment, a passphrase or a file; a wrong one has an exit code of its own',
    async () => {
      const cluster = await copy('sources');
      const other = generateKey().toString('hex');
      const withKey = (ALICE_STORE_KEY: string) => run(cluster, { ALICE_STORE_KEY });
      await cluster.useKey({ environment: 'ALICE_STORE_KEY' });
      expect(await withKey(key.toString('hex'))).toEqual(ready);
      expect(await withKey(other)).toEqual(
        refused(20, /encrypted with the key \w{16}, and the key \w{16} was/),
      );
      const bad = await withKey(other.slice(1));
      expect(bad).toEqual(refused(2, /hexadecimal/));
      expect(bad.stderr).not.toContain(other.slice(1));

      const file = join(cluster.root, 'alice/pass');
      await writeFile(file, `${PASSPHRASE}\n`, { mode: 0o600 });
      await cluster.useKey({ passphraseFile: 'pass' });
      expect(await run(cluster)).toEqual(refused(20, /a passphrase was given/));
      await rm(join(cluster.root, 'alice/store'), { recursive: true });
      await fill(cluster.root, passphraseRing(PASSPHRASE, 'The passphrase'));
      expect(await run(cluster)).toEqual(ready);
      await writeFile(file, 'another passphrase\n');
      expect(await run(cluster)).toEqual(refused(20, /another passphrase/));
      await cluster.useKey('store.key');
      expect(await run(cluster)).toEqual(refused(20, /with a passphrase, not with a key/));
    },
    TIMEOUT_MS,
  );
});
