/** The envelope: what goes in comes out, and nothing else ever does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateKey, KeyRing, openBytes, SealError, sealBytes } from '../src/index.js';

const CHUNK = 65_536;
const HEADER = 88;
const KEY = Buffer.alloc(32, 7);
const ring = KeyRing.ofKeys([KEY]);
const seal = async (content: Uint8Array, name = 'model.h5', keys = ring) =>
  Buffer.concat(await sealBytes(keys, name, [content]));
const reasonOf = async (sealed: Buffer, name = 'model.h5', keys = ring) => {
  try {
    await openBytes(keys, name, sealed, '/models/model.h5');
    return 'opened';
  } catch (error) {
    expect(error).toBeInstanceOf(SealError);
    expect((error as Error).message).toContain('/models/model.h5');
    return (error as SealError).reason;
  }
};

describe('the envelope', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])(
    'gives back %i bytes, whatever pieces they came in',
    async (length) => {
      const content = Buffer.from(Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff));
      const third = Math.ceil(length / 3);
      const parts = [content.subarray(0, third), content.subarray(third, third), content.subarray(third)];
      const sealed = Buffer.concat(await sealBytes(ring, 'x', parts));
      expect(sealed.length).toBe(HEADER + length + 16 * Math.max(1, Math.ceil(length / CHUNK)));
      expect((await openBytes(ring, 'x', sealed, 'x')).equals(content)).toBe(true);
    },
  );

  it('never seals twice alike, and shows nothing of the content', async () => {
    const content = Buffer.alloc(1000, 'weights');
    const [one, two] = [await seal(content), await seal(content)];
    expect(one.subarray(HEADER).equals(two.subarray(HEADER))).toBe(false);
    expect(one.includes('weights')).toBe(false);
  });

  it('notices a change of every single byte of a small file', async () => {
    const sealed = await seal(Buffer.from('a few weights'));
    const reasons = new Map<string, number>();
    for (let at = 0; at < sealed.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const changed = Buffer.from(sealed);
        changed[at]! ^= flip;
        const reason = await reasonOf(changed);
        expect(reason, `byte ${at}`).not.toBe('opened');
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
        if (at >= HEADER) expect(reason).toBe('CHANGED');
      }
    }
    // The magic, the format, the key id, the length, and all the rest.
    expect([...reasons.keys()].sort()).toEqual([
      'CHANGED',
      'CUT_SHORT',
      'NOT_ENCRYPTED',
      'UNKNOWN_FORMAT',
      'WRONG_KEY',
    ]);
  });

  it('notices every cut, and anything that is added', async () => {
    const sealed = await seal(Buffer.alloc(CHUNK + 100, 3));
    for (const length of [
      0,
      1,
      7,
      8,
      87,
      88,
      104,
      HEADER + CHUNK + 16,
      sealed.length - 16,
      sealed.length - 1,
    ]) {
      expect(await reasonOf(sealed.subarray(0, length)), `${length} bytes`).toBe('CUT_SHORT');
    }
    expect(await reasonOf(Buffer.concat([sealed, Buffer.alloc(1)]))).toBe('CUT_SHORT');
  });

  it('notices chunks that are dropped, repeated or moved, though the length fits', async () => {
    const sealed = await seal(Buffer.alloc(3 * CHUNK, 1));
    const other = await seal(Buffer.alloc(3 * CHUNK, 1));
    const chunk = (from: Buffer, index: number) =>
      from.subarray(HEADER + index * (CHUNK + 16), HEADER + (index + 1) * (CHUNK + 16));
    const of = (...chunks: Buffer[]) => Buffer.concat([sealed.subarray(0, HEADER), ...chunks]);
    expect(await reasonOf(of(chunk(sealed, 0), chunk(sealed, 1), chunk(sealed, 2)))).toBe('opened');
    for (const order of [
      [1, 0, 2],
      [0, 0, 2],
      [0, 1, 1],
      [2, 1, 0],
    ]) {
      expect(await reasonOf(of(...order.map((index) => chunk(sealed, index))))).toBe('CHANGED');
    }
    expect(await reasonOf(of(chunk(sealed, 0), chunk(other, 1), chunk(sealed, 2)))).toBe('CHANGED');
    // A last chunk in the middle, and a middle chunk at the end, of a header whose length fits.
    const shorter = Buffer.from(sealed.subarray(0, HEADER + 2 * (CHUNK + 16)));
    shorter.writeBigUInt64LE(BigInt(2 * CHUNK), 24);
    expect(await reasonOf(shorter)).toBe('CHANGED');
  });

  it('tells a wrong key, a plaintext, another name and another format apart', async () => {
    const sealed = await seal(Buffer.from('weights'));
    expect(await reasonOf(sealed, 'model.h5', KeyRing.ofKeys([generateKey()]))).toBe('WRONG_KEY');
    expect(await reasonOf(sealed, 'other.h5')).toBe('CHANGED');
    expect(await reasonOf(Buffer.from('\x89HDF\r\n and so on'))).toBe('NOT_ENCRYPTED');
    const older = Buffer.from(sealed);
    older[7] = 1;
    expect(await reasonOf(older)).toBe('UNKNOWN_FORMAT');
  });

  it('opens with any key of the ring, and seals with the first', async () => {
    const [older, newer] = [generateKey(), generateKey()];
    const old = await seal(Buffer.from('x'), 'n', KeyRing.ofKeys([older]));
    const both = KeyRing.ofKeys([newer, older]);
    expect((await openBytes(both, 'n', old, 'f')).toString()).toBe('x');
    const fresh = await seal(Buffer.from('y'), 'n', both);
    expect(await reasonOf(fresh, 'n', KeyRing.ofKeys([older]))).toBe('WRONG_KEY');
    expect(await reasonOf(fresh, 'n', KeyRing.ofKeys([newer]))).toBe('opened');
  });

  it('refuses whatever it did not write', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const tail = Buffer.from(bytes);
        expect(await reasonOf(tail)).not.toBe('opened');
        expect(await reasonOf(Buffer.concat([Buffer.from('TRIVET\0\x02', 'latin1'), tail]))).not.toBe(
          'opened',
        );
      }),
      { numRuns: 200 },
    );
  });

  it('still opens what the first release wrote', async () => {
    // A golden file: format 2, key 07…07, name "golden", content "trivet".
    const golden = Buffer.from(
      'VFJJVkVUAAJeZiyCV6tHsgAAAAAQAAAABgAAAAAAAACGvZMViOK1ua4iLkQPoNVHSwlgE3uFyd7tppDr9tK7ygAAAAAAAAAAAAAAAAAAAAAG3UQYZAAZAMwP5UNZ5aPuNxDTWCD/0v8FGrmv1vY=',
      'base64',
    );
    expect((await openBytes(ring, 'golden', golden, 'golden')).toString()).toBe('trivet');
  });
});

describe('a passphrase', { timeout: 180_000 }, () => {
  const passphrase = (text: string) => KeyRing.ofPassphrase(Buffer.from(text));

  it('opens what it sealed, after a restart too; another one does not', async () => {
    const sealed = await seal(Buffer.from('weights'), 'n', passphrase('correct horse battery'));
    const again = passphrase('correct horse battery');
    expect((await openBytes(again, 'n', sealed, 'f')).toString()).toBe('weights');
    // One derivation serves for what is sealed next.
    expect(
      (await seal(Buffer.from('more'), 'm', again)).subarray(64, 80).equals(sealed.subarray(64, 80)),
    ).toBe(true);
    expect(await reasonOf(sealed, 'n', passphrase('wrong horse battery'))).toBe('WRONG_KEY');
    expect(await reasonOf(sealed, 'n')).toBe('WRONG_KEY');
    expect(await reasonOf(await seal(Buffer.from('x')), 'model.h5', again)).toBe('WRONG_KEY');
    const salted = Buffer.from(sealed);
    salted[64]! ^= 1;
    expect(await reasonOf(salted, 'n', again)).toBe('WRONG_KEY');
  });

  it('is not made to work without bounds by a header', async () => {
    const sealed = await seal(Buffer.from('x'), 'n', passphrase('correct horse battery'));
    for (const [at, value] of [
      [17, 30],
      [17, 1],
      [18, 255],
      [19, 255],
    ] as const) {
      const greedy = Buffer.from(sealed);
      greedy[at] = value;
      expect(await reasonOf(greedy, 'n', passphrase('correct horse battery'))).toBe('UNKNOWN_FORMAT');
    }
  });
});
