import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterSchema, generateOwnerKeys, ownerPublicKey, readClusterText } from '@trivet/shared-types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CreatedCluster, createCluster } from '../src/cluster/create.js';
import { keepOrMakeSealingKey } from '../src/cluster/sealing-key.js';
import { upgradeCluster } from '../src/cluster/upgrade.js';
import { checkCertificate } from '../src/config/certificate.js';
import { loadWorkerConfig, readSealingKeys, readStoreKeys } from '../src/config/load.js';

let root: string;
let directory: string;
let created: CreatedCluster;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'trivet-init-'));
  directory = join(root, 'cluster');
  created = await createCluster(directory);
});
afterAll(() => rm(root, { recursive: true, force: true }));

const read = (...path: string[]) => readFile(join(directory, ...path), 'utf8');

describe('createCluster', () => {
  it('writes a public cluster file that fits the owner key', async () => {
    const cluster = clusterSchema.parse(JSON.parse(await read('cluster.json')));
    expect(cluster).toEqual(created.cluster);
    expect(cluster.workers.map((worker) => worker.url)).toEqual([
      'http://localhost:4000',
      'http://localhost:4001',
      'http://localhost:4002',
    ]);
    expect(ownerPublicKey((await read('owner.key')).trim())).toBe(cluster.ownerKey);
  });

  it('keeps secrets from other users', async () => {
    const secrets = [
      'owner.key',
      'ca.key',
      'alice/tls.key',
      'bob/store.key',
      'carol/tls.key',
      'bob/seal.key',
    ];
    for (const name of secrets) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    for (const name of ['alice', 'alice/store', 'bob']) {
      expect((await stat(join(directory, name))).mode & 0o777).toBe(0o700);
    }
    const keys = await Promise.all(['alice', 'bob', 'carol'].map((name) => read(name, 'store.key')));
    expect(new Set(keys).size).toBe(3);
  });

  it('issues certificates that name worker and cluster, by its own authority', async () => {
    const ca = new X509Certificate(await read('ca.pem'));
    expect(ca.ca).toBe(true);
    for (const name of ['alice', 'bob', 'carol']) {
      const certificate = new X509Certificate(await read(name, 'tls.pem'));
      expect(certificate.checkIssued(ca)).toBe(true);
      expect(certificate.verify(ca.publicKey)).toBe(true);
      expect(certificate.ca).toBe(false);
      expect(certificate.subjectAltName).toBe(`DNS:${name}.${created.cluster.clusterId}.trivet`);
      expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
      expect(await read(name, 'ca.pem')).toBe(await read('ca.pem'));
    }
  });

  it('never overwrites a cluster', async () => {
    const before = await read('cluster.json');
    await expect(createCluster(directory)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect(await read('cluster.json')).toBe(before);
  });

  it('refuses workers that share a name', async () => {
    const worker = { name: 'alice', host: 'localhost', clientPort: 1, meshPort: 2 };
    const workers = [worker, { ...worker, clientPort: 3 }, { ...worker, clientPort: 4 }] as const;
    await expect(createCluster(join(root, 'other'), { workers })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});

describe('upgradeCluster', () => {
  /** The cluster as a version without sealed messages has left it. */
  const earlier = async (name: string) => {
    const old = join(root, name);
    await createCluster(old);
    const { signature: _, ...cluster } = JSON.parse(await readFile(join(old, 'cluster.json'), 'utf8'));
    for (const worker of cluster.workers) {
      delete worker.sealingKey;
      await rm(join(old, worker.name, 'seal.key'));
    }
    await writeFile(join(old, 'cluster.json'), JSON.stringify(cluster));
    return old;
  };
  const file = (old: string) => readFile(join(old, 'cluster.json'), 'utf8');

  it('gives each worker a key, signs them, and changes nothing else', async () => {
    const old = await earlier('earlier');
    const before = JSON.parse(await file(old));
    expect(() => readClusterText(JSON.stringify(before), 'It')).toThrow('trivet init --upgrade');
    const config = await loadWorkerConfig(join(old, 'bob', 'bob.json'));
    await expect(readSealingKeys(config)).rejects.toThrow('trivet init --upgrade');
    const { cluster: upgraded, ...first } = await upgradeCluster(old);
    expect(first).toEqual({ isChanged: true, made: ['alice', 'bob', 'carol'] });
    expect(readClusterText(await file(old), 'It')).toEqual(upgraded);
    expect(upgraded).toMatchObject(before);
    for (const { index, name, sealingKey } of upgraded.workers) {
      const key = join(old, name, 'seal.key');
      expect((await stat(key)).mode & 0o777).toBe(0o600);
      const worker = await readSealingKeys(await loadWorkerConfig(join(old, name, `${name}.json`)));
      expect(worker).toMatchObject({ index, name, publicKey: sealingKey });
    }
    expect((await stat(join(old, 'cluster.json'))).mode & 0o777).toBe(0o644);
    // Once more: what is there stays; what was taken away is made anew.
    expect(await upgradeCluster(old)).toEqual({ cluster: upgraded, isChanged: false, made: [] });
    await rm(join(old, 'carol', 'seal.key'));
    const { cluster: changed, ...second } = await upgradeCluster(old);
    expect(second).toEqual({ isChanged: true, made: ['carol'] });
    expect(changed.workers[0]).toEqual(upgraded.workers[0]);
    expect(changed.workers[2].sealingKey).not.toBe(upgraded.workers[2].sealingKey);
    // As any key: nobody else may read it.
    await chmod(join(old, 'bob', 'seal.key'), 0o640);
    await expect(readSealingKeys(config)).rejects.toThrow('chmod 600');
  });

  it("is done where the owner's own key is, and never without a worker's key", async () => {
    const old = await earlier('apart');
    const { secretKey } = generateOwnerKeys();
    const key = await readFile(join(old, 'owner.key'), 'utf8');
    await writeFile(join(old, 'owner.key'), secretKey);
    await expect(upgradeCluster(old)).rejects.toThrow("not the key of this cluster's owner");
    await writeFile(join(old, 'owner.key'), key);
    await rm(join(old, 'bob'), { recursive: true });
    await expect(upgradeCluster(old)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(/no folder of bob\..*trivet keys sealing.*--sealing-key bob=KEY/),
    });
    // Nothing was begun.
    await expect(stat(join(old, 'alice', 'seal.key'))).rejects.toThrow();
  });

  it('brings public keys together where each worker is on a machine of its own', async () => {
    const owners = await earlier('owners');
    const names = ['alice', 'bob', 'carol'];
    const publicKeys = new Map<string, string>();
    for (const name of names) {
      const machine = join(root, `machine of ${name}`);
      await rename(join(owners, name), machine);
      const { client } = await loadWorkerConfig(join(machine, `${name}.json`));
      const { publicKey, isNew } = await keepOrMakeSealingKey(client.sealingKey);
      expect(isNew).toBe(true);
      expect((await stat(client.sealingKey)).mode & 0o777).toBe(0o600);
      expect(await keepOrMakeSealingKey(client.sealingKey)).toEqual({ publicKey, isNew: false });
      publicKeys.set(name, publicKey);
    }
    const strangers = new Map([...publicKeys, ['dave', publicKeys.get('bob')!]]);
    await expect(upgradeCluster(owners, strangers)).rejects.toThrow('no worker "dave"');
    const { cluster, isChanged, made } = await upgradeCluster(owners, publicKeys);
    expect({ isChanged, made }).toEqual({ isChanged: true, made: [] });
    expect(cluster.workers.map(({ sealingKey }) => sealingKey)).toEqual([...publicKeys.values()]);
    expect(readClusterText(await file(owners), 'It')).toEqual(cluster);
    for (const name of names) {
      const config = await loadWorkerConfig(join(root, `machine of ${name}`, `${name}.json`));
      expect((await readSealingKeys(config)).publicKey).toBe(publicKeys.get(name));
    }
    // One changes its key; the other two need not be asked again.
    const seal = join(root, 'machine of bob', 'seal.key');
    await rm(seal);
    const { publicKey } = await keepOrMakeSealingKey(seal);
    const next = await upgradeCluster(owners, new Map([['bob', publicKey]]));
    expect(next.cluster.workers.map(({ sealingKey }) => sealingKey)).toEqual([
      publicKeys.get('alice'),
      publicKey,
      publicKeys.get('carol'),
    ]);
    expect(await upgradeCluster(owners)).toEqual({ ...next, isChanged: false });
    // A file that somebody has changed is not signed again.
    await writeFile(
      join(owners, 'cluster.json'),
      (await file(owners)).replace(publicKey, publicKeys.get('bob')!),
    );
    await expect(upgradeCluster(owners)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});

describe('loadWorkerConfig', () => {
  const changed = async (change: (config: Record<string, Record<string, unknown>>) => void) => {
    const config = JSON.parse(await read('alice', 'alice.json'));
    change(config);
    const file = join(directory, 'alice', 'changed.json');
    await writeFile(file, JSON.stringify(config));
    return loadWorkerConfig(file);
  };

  it('reads what createCluster wrote, with absolute paths', async () => {
    const config = await loadWorkerConfig(created.configFiles[0]);
    expect(config.name).toBe('alice');
    expect(config.mesh.peers.map((peer) => peer.name)).toEqual(['bob', 'carol']);
    expect(config.store.key).toBe(join(directory, 'alice', 'store.key'));
  });

  it.each([
    ['a missing key', (c) => delete c.batching!.maxBatchSize, 'batching.maxBatchSize'],
    ['an unknown key', (c) => (c.client!.prot = 1), '"prot"'],
    ['a bad value', (c) => (c.mesh!.port = 70_000), 'mesh.port'],
    ['a wrong type', (c) => (c.client!.origins = 'all'), 'client.origins'],
    ['itself as a peer', (c) => ((c.mesh!.peers as { index: number }[])[0]!.index = 0), 'mesh.peers'],
  ] as [string, (c: Record<string, Record<string, unknown>>) => void, string][])(
    'refuses %s in one sentence that names it',
    async (_, change, key) => {
      const error = await changed(change).catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect((error as Error).message).toContain(key);
      expect((error as Error).message).toContain('changed.json');
    },
  );

  it('refuses text that is no JSON, and a file that is not there', async () => {
    const file = join(directory, 'broken.json');
    await writeFile(file, '{');
    await expect(loadWorkerConfig(file)).rejects.toThrow(/not valid JSON/);
    await expect(loadWorkerConfig(join(directory, 'none.json'))).rejects.toThrow(/ENOENT/);
  });

  it.skipIf(process.platform === 'win32')('refuses a key file that others may read', async () => {
    const file = join(directory, 'alice', 'store.key');
    await chmod(file, 0o640);
    await expect(readStoreKeys(file)).rejects.toThrow(/chmod 600/);
    await chmod(file, 0o600);
    expect((await readStoreKeys(file)).ids).toHaveLength(1);
  });
});

describe('checkCertificate', () => {
  it('takes its own certificate, and refuses others and expired ones in a sentence', async () => {
    const config = await loadWorkerConfig(created.configFiles[0]);
    expect(checkCertificate(await read('alice', 'tls.pem'), config)).toBeGreaterThan(3600);
    expect(() => checkCertificate('nonsense', config)).toThrow(/no PEM certificate/);
    const others = await read('bob', 'tls.pem');
    expect(() => checkCertificate(others, config)).toThrow(/is not that of alice/);
    const { clusterFile } = await createCluster(join(root, 'short'), { validityDays: -0.5 });
    const short = await loadWorkerConfig(clusterFile.replace('cluster.json', 'alice/alice.json'));
    const expired = await readFile(short.mesh.certificate, 'utf8');
    expect(() => checkCertificate(expired, short)).toThrow(/expired on/);
  });
});
