import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TrivetError } from '@trivet/shared-types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { open, seal } from '../src/store/envelope.js';
import { ModelStore } from '../src/store/model-store.js';

const KEY = Buffer.alloc(32, 7);
const MANIFEST = { text: '{}', ownerKey: 'ab'.repeat(32), signature: 'cd'.repeat(64) };
const SHARE = Buffer.from('a share of the weights');
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'trivet-store-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('encryption at rest', () => {
  it('gives back what was sealed, and never seals twice alike', () => {
    const first = seal(KEY, 'a', [Buffer.from('one'), Buffer.from('two')]);
    const second = seal(KEY, 'a', [Buffer.from('one'), Buffer.from('two')]);
    expect(open(KEY, 'a', first, 'file').toString()).toBe('onetwo');
    expect(first.equals(second)).toBe(false);
    expect(first.includes('onetwo')).toBe(false);
  });

  it('notices every single flipped bit, every cut, and names the file', () => {
    const sealed = seal(KEY, 'name', [SHARE]);
    for (let at = 0; at < sealed.length; at++) {
      for (const bit of [1, 128]) {
        const changed = Buffer.from(sealed);
        changed[at]! ^= bit;
        expect(() => open(KEY, 'name', changed, '/store/x.model'), `byte ${at}`).toThrow('/store/x.model');
      }
      expect(() => open(KEY, 'name', sealed.subarray(0, at), '/store/x.model')).toThrow(TrivetError);
    }
    expect(() => open(KEY, 'name', Buffer.concat([sealed, Buffer.alloc(1)]), 'f')).toThrow(/was changed/);
  });

  it('tells a wrong key from a damaged file, and a file under another name', () => {
    const sealed = seal(KEY, 'name', [SHARE]);
    expect(() => open(Buffer.alloc(32, 8), 'name', sealed, 'f')).toThrow(/another key/);
    expect(() => open(KEY, 'other', sealed, 'f')).toThrow(/was changed/);
    const later = Buffer.from(sealed);
    later[7] = 2;
    expect(() => open(KEY, 'name', later, 'f')).toThrow(/unknown format 2/);
  });
});

describe('the model store', () => {
  const order = { text: '{}', signature: 'ef'.repeat(64) };

  it('keeps versions and serve records, readable by its owner only', async () => {
    const store = new ModelStore(directory, KEY);
    await store.prepare();
    await store.writeModel('mnist', 3, MANIFEST, SHARE);
    expect(await store.readServing('mnist')).toBeNull();
    const record = { inForce: order, next: null, served: 2, past: ['ef'.repeat(32)] };
    await store.writeServing('mnist', record);
    const again = new ModelStore(directory, KEY);
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
    const store = new ModelStore(directory, KEY);
    await store.writeModel('mnist', 1, MANIFEST, SHARE);
    await rename(join(directory, 'mnist@1.model'), join(directory, 'mnist@2.model'));
    await expect(store.readModel('mnist', 2)).rejects.toThrow(join(directory, 'mnist@2.model'));
  });

  it('clears half-written files, names those of another release, and ignores foreign ones', async () => {
    const store = new ModelStore(directory, KEY);
    await writeFile(join(directory, '.mnist@1.model.0123.tmp'), 'half');
    await writeFile(join(directory, 'mnist.model'), 'of before there were versions');
    await writeFile(join(directory, 'notes.txt'), 'mine');
    await store.prepare();
    await store.clean();
    expect((await readdir(directory)).sort()).toEqual(['mnist.model', 'notes.txt']);
    expect(await store.list()).toEqual({
      models: [],
      records: [],
      foreign: [join(directory, 'mnist.model')],
    });
  });
});
