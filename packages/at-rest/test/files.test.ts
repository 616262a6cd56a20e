/** Sealed files and their keys, on disk. */
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  generateKey,
  KeyRing,
  keyId,
  openFile,
  parseKeyRing,
  readKeyId,
  readKeyRing,
  readPassphraseFile,
  removeTemporaries,
  resealFile,
  sealFile,
  unsealFile,
  writeAtomically,
  writeKeyRing,
} from '../src/index.js';

let directory: string;
const at = (name: string) => join(directory, name);
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'trivet-at-rest-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('sealed files', () => {
  const key = generateKey();
  const ring = KeyRing.ofKeys([key]);
  const content = Buffer.alloc(200_000, 'a weight and another ');

  it('come back as they were, and are for their owner only', async () => {
    await writeFile(at('plain'), content);
    await sealFile(ring, at('plain'), at('sealed'));
    expect((await readFile(at('sealed'))).includes('weight')).toBe(false);
    expect((await stat(at('sealed'))).mode & 0o077).toBe(0);
    expect((await openFile(ring, at('sealed'))).equals(content)).toBe(true);
    await unsealFile(ring, at('sealed'), at('again'));
    expect((await readFile(at('again'))).equals(content)).toBe(true);
  });

  it('tell how far they are, up to the last byte of what is read', async () => {
    const counted = () => {
      const steps: number[] = [];
      return { steps, onBytes: (bytes: number) => void steps.push(bytes) };
    };
    const sum = (steps: readonly number[]) => steps.reduce((total, step) => total + step, 0);
    await writeFile(at('plain'), content);
    const sealing = counted();
    await sealFile(ring, at('plain'), at('sealed'), sealing.onBytes);
    expect([sum(sealing.steps), sealing.steps.length]).toEqual([content.length, 4]);
    const { size } = await stat(at('sealed'));
    const [unsealing, resealing] = [counted(), counted()];
    await unsealFile(ring, at('sealed'), at('again'), unsealing.onBytes);
    await resealFile(ring, at('sealed'), resealing.onBytes);
    expect([sum(unsealing.steps), sum(resealing.steps)]).toEqual([size, size]);
  });

  it('leave nothing behind when they do not open', async () => {
    await writeFile(at('plain'), content);
    await sealFile(ring, at('plain'), at('sealed'));
    const sealed = await readFile(at('sealed'));
    sealed[sealed.length - 20]! ^= 1;
    await writeFile(at('sealed'), sealed);
    await expect(unsealFile(ring, at('sealed'), at('out'))).rejects.toMatchObject({ reason: 'CHANGED' });
    expect((await readdir(directory)).sort()).toEqual(['plain', 'sealed']);
    await expect(openFile(ring, at('nowhere'))).rejects.toThrow(/does not exist/);
    await expect(sealFile(ring, directory, at('out'))).rejects.toThrow(/not a file/);
  });

  it('are sealed anew in their place', async () => {
    await writeFile(at('plain'), content);
    await sealFile(ring, at('plain'), at('sealed'));
    const newer = generateKey();
    await resealFile(KeyRing.ofKeys([newer, key]), at('sealed'));
    expect(await readKeyId(at('sealed'))).toBe(keyId(newer));
    expect((await openFile(KeyRing.ofKeys([newer]), at('sealed'))).equals(content)).toBe(true);
    await expect(openFile(ring, at('sealed'))).rejects.toMatchObject({ reason: 'WRONG_KEY' });
  });
});

describe('key files', () => {
  it('hold a ring, and never show a key in an error', async () => {
    const keys = [generateKey(), generateKey()];
    await writeKeyRing(at('a.key'), keys);
    expect((await stat(at('a.key'))).mode & 0o777).toBe(0o600);
    expect((await readKeyRing(at('a.key'))).map(keyId)).toEqual(keys.map(keyId));
    expect(parseKeyRing(keys[0]!.toString('hex'), 'It')).toHaveLength(1);
    for (const bad of [
      '',
      'x',
      `${'ab'.repeat(31)}`,
      `${'AB'.repeat(32)}`,
      `${'ab'.repeat(32)}\n${'ab'.repeat(32)}`,
    ]) {
      expect(() => parseKeyRing(bad, 'It')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
      expect(() => parseKeyRing(bad, 'It')).not.toThrow(/abab/);
    }
  });

  it.skipIf(process.platform === 'win32')('are refused when others may read them', async () => {
    await writeKeyRing(at('a.key'), [generateKey()]);
    await chmod(at('a.key'), 0o640);
    await expect(readKeyRing(at('a.key'))).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining('chmod 600'),
    });
  });

  it('may hold a passphrase, not too short a one', async () => {
    await writeFile(at('p'), 'correct horse battery\nand more\n', { mode: 0o600 });
    await writeFile(at('short'), 'horse\n', { mode: 0o600 });
    expect(await readPassphraseFile(at('p'))).toBeInstanceOf(KeyRing);
    await expect(readPassphraseFile(at('short'))).rejects.toThrow(/8 characters/);
  });
});

describe('atomic files', () => {
  it('are whole or the ones of before', async () => {
    await writeAtomically(at('f'), (write) => write(Buffer.from('one')));
    const failing = writeAtomically(at('f'), async (write) => {
      await write(Buffer.from('tw'));
      throw new Error('no more');
    });
    await expect(failing).rejects.toThrow('no more');
    expect(await readFile(at('f'), 'utf8')).toBe('one');
    expect(await readdir(directory)).toEqual(['f']);
    await writeFile(at('.f.0123.tmp'), 'half');
    await removeTemporaries(directory);
    expect(await readdir(directory)).toEqual(['f']);
  });
});
