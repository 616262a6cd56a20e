import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, KeyRing, keyId, readKeyId } from '@trivet/at-rest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KEY_CHECK, ModelStore } from '../src/store/model-store.js';

const KEY = Buffer.alloc(32, 7);
const RING = KeyRing.ofKeys([KEY]);
const MANIFEST = { text: '{}', ownerKey: 'ab'.repeat(32), signature: 'cd'.repeat(64) };
const SHARE = Buffer.from('a share of the weights');
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'trivet-store-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the model store', () => {
  const order = { text: '{}', signature: 'ef'.repeat(64) };

  it('keeps versions and serve records, readable by its owner only', async () => {
    const store = new ModelStore(directory, RING);
    await store.prepare();
    await store.writeModel('mnist', 3, MANIFEST, SHARE);
    expect(await store.readServing('mnist')).toBeNull();
    const record = { inForce: order, next: null, served: 2, past: ['ef'.repeat(32)] };
    await store.writeServing('mnist', record);
    const again = new ModelStore(directory, RING);
    expect(await again.list()).toEqual({
      models: [{ name: 'mnist', version: 3 }],
      records: ['mnist'],
      foreign: [],
    });
    const model = await again.readModel('mnist', 3);
    expect(model.manifest).toEqual(MANIFEST);
    expect(Buffer.from(model.shareFile).equals(SHARE)).toBe(true);
    expect(await again.readServing('mnist')).toEqual(record);
    for (const name of await readdir(directory)) {
      expect((await stat(join(directory, name))).mode & 0o077).toBe(0);
      expect((await readFile(join(directory, name))).includes(SHARE)).toBe(false);
    }
    await again.removeModel('mnist', 3);
    await again.removeModel('mnist', 3);
    expect((await again.list()).models).toEqual([]);
  });

  it('refuses a file that was given another name', async () => {
    const store = new ModelStore(directory, RING);
    await store.writeModel('mnist', 1, MANIFEST, SHARE);
    await rename(join(directory, 'mnist@1.model'), join(directory, 'mnist@2.model'));
    await expect(store.readModel('mnist', 2)).rejects.toThrow(join(directory, 'mnist@2.model'));
  });

  it('clears half-written files, names those of another release, and ignores foreign ones', async () => {
    const store = new ModelStore(directory, RING);
    await writeFile(join(directory, '.mnist@1.model.0123.tmp'), 'half');
    await writeFile(join(directory, 'mnist.model'), 'of before there were versions');
    await writeFile(join(directory, 'notes.txt'), 'mine');
    await store.prepare();
    await store.clean();
    expect((await readdir(directory)).sort()).toEqual([KEY_CHECK, 'mnist.model', 'notes.txt']);
    expect(await store.list()).toEqual({
      models: [],
      records: [],
      foreign: [join(directory, 'mnist.model')],
    });
  });
});

describe('the keys of a store', () => {
  const newer = generateKey();
  const both = KeyRing.ofKeys([newer, KEY]);
  const record = { inForce: null, next: null, served: 1, past: [] };
  const keysOf = async () => {
    const names = (await readdir(directory)).sort();
    return Promise.all(names.map(async (name) => [name, await readKeyId(join(directory, name))]));
  };
  const filled = async () => {
    const store = new ModelStore(directory, RING);
    await store.prepare();
    await store.writeModel('mnist', 1, MANIFEST, SHARE);
    await store.writeServing('mnist', record);
    return store;
  };

  it('are changed for every file, and what is written meanwhile is not lost', async () => {
    const store = await filled();
    const writing = store.writeModel('mnist', 2, MANIFEST, SHARE);
    const counts = Array.from({ length: 20 }, (_, served) =>
      store.writeServing('mnist', { ...record, served }),
    );
    const changed = store.changeKeys(both);
    const later = store.writeServing('mnist', { ...record, served: 99 });
    await Promise.all([writing, ...counts, changed, later]);
    const files = await keysOf();
    expect(files.map(([name]) => name)).toEqual([
      KEY_CHECK,
      'mnist.serving',
      'mnist@1.model',
      'mnist@2.model',
    ]);
    expect(new Set(files.map(([, id]) => id))).toEqual(new Set([keyId(newer)]));
    expect(await store.outdated(keyId(newer))).toEqual([]);
    const again = new ModelStore(directory, KeyRing.ofKeys([newer]));
    await again.prepare();
    expect((await again.readServing('mnist'))?.served).toBe(99);
    expect(Buffer.from((await again.readModel('mnist', 2)).shareFile).equals(SHARE)).toBe(true);
  });

  it('may be changed in two goes: what was cut short is read, and carried on', async () => {
    const store = await filled();
    await store.writeModel('mnist', 2, MANIFEST, SHARE);
    // One file of the new key, the others still of the old one: as a kill leaves it.
    const killed = new ModelStore(directory, both);
    await killed.writeServing('mnist', { ...record, served: 5 });
    expect((await killed.outdated(keyId(newer))).length).toBe(3);
    const again = new ModelStore(directory, both);
    await again.prepare();
    expect((await again.readServing('mnist'))?.served).toBe(5);
    expect((await again.readModel('mnist', 1)).manifest).toEqual(MANIFEST);
    expect(await again.changeKeys(both)).toBe(3);
    expect(await again.changeKeys(both)).toBe(0);
  });

  it('must be those of the store', async () => {
    const store = await filled();
    const other = KeyRing.ofKeys([generateKey()]);
    await expect(new ModelStore(directory, other).prepare()).rejects.toMatchObject({ reason: 'WRONG_KEY' });
    await expect(store.changeKeys(other)).rejects.toMatchObject({ reason: 'WRONG_KEY' });
    expect((await store.readServing('mnist'))?.served).toBe(1);
  });

  it('are not called changed while a file cannot be sealed anew', async () => {
    const store = await filled();
    const file = join(directory, 'mnist@1.model');
    const sealed = await readFile(file);
    sealed[sealed.length - 1]! ^= 1;
    await writeFile(file, sealed);
    await expect(store.changeKeys(both)).rejects.toMatchObject({ reason: 'CHANGED' });
    expect(await store.outdated(keyId(newer))).toEqual([file, join(directory, KEY_CHECK)]);
    expect((await store.readServing('mnist'))?.served).toBe(1);
  });
});
