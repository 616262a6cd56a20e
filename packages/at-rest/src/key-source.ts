/**
 * Where keys come from: a file that only its owner may read, an environment variable, or a passphrase. A key file has one
 * key a line in hexadecimal, the sealing one first; what follows "#" is a comment. Never from the command line: that is
 * seen by every user of the machine.
 */
import { open } from 'node:fs/promises';
import { TrivetError } from '@trivet/shared-types';
import { writeAtomically } from './atomic.js';
import { KEY_BYTES, KeyRing, keyId } from './key-ring.js';

/** Permission bits of everybody but the file's owner. */
const OTHERS = 0o077;
const MAX_SECRET_BYTES = 65_536;
const MIN_PASSPHRASE_CHARACTERS = 8;

/**
 * Reads a file that holds a secret.
 * @throws TrivetError INVALID_ARGUMENT when it cannot be read, FAILED_PRECONDITION when others than its owner may touch
 *   it (not checked on Windows)
 */
export async function readSecretFile(file: string): Promise<Buffer> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      `The file ${file} cannot be read (${error.code ?? 'unknown error'}).`,
    );
  });
  try {
    const { mode, size } = await handle.stat();
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
      throw new TrivetError(
        'FAILED_PRECONDITION',
        `The key file ${file} is open to other users; run "chmod 600 ${file}".`,
      );
    }
    if (size > MAX_SECRET_BYTES) throw new TrivetError('INVALID_ARGUMENT', `${file} is no key file.`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** The text of a file that holds a secret; the bytes that were read are wiped. @throws TrivetError as `readSecretFile` */
export async function readSecretText(file: string): Promise<string> {
  const bytes = await readSecretFile(file);
  const text = bytes.toString('utf8');
  bytes.fill(0);
  return text;
}

/**
 * The keys in a text, the sealing one first.
 * @param where what the text is, to begin the error's sentence
 * @throws TrivetError INVALID_ARGUMENT; it never repeats what it read
 */
export function parseKeyRing(text: string, where: string): Buffer[] {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/#.*/, '').trim());
  const keys = lines.filter((line) => line !== '');
  if (keys.length === 0 || !keys.every((line) => /^[0-9a-f]{64}$/.test(line))) {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      `${where} must be keys of ${KEY_BYTES} bytes in lowercase hexadecimal, one a line.`,
    );
  }
  const ring = keys.map((line) => Buffer.from(line, 'hex'));
  if (new Set(ring.map(keyId)).size !== ring.length) {
    throw new TrivetError('INVALID_ARGUMENT', `${where} has a key twice.`);
  }
  return ring;
}

/** The text of a key file. */
export function printKeyRing(keys: readonly Buffer[]): string {
  const role = (index: number) => (index === 0 ? 'current' : 'older: reads only');
  return keys.map((key, index) => `${key.toString('hex')} # ${keyId(key)}, ${role(index)}\n`).join('');
}

/** Writes a key file that only its owner may read: whole, or the one of before. */
export async function writeKeyRing(file: string, keys: readonly Buffer[]): Promise<void> {
  await writeAtomically(file, (write) => write(Buffer.from(printKeyRing(keys))));
}

/** The keys of a key file. @throws TrivetError as `readSecretFile` and `parseKeyRing` */
export async function readKeyRing(file: string): Promise<Buffer[]> {
  return parseKeyRing(await readSecretText(file), `The key file ${file}`);
}

/** The first line of a file, as a passphrase. @throws TrivetError as `readSecretFile`, INVALID_ARGUMENT */
export async function readPassphraseFile(file: string): Promise<KeyRing> {
  const [line = ''] = (await readSecretText(file)).split(/\r?\n/);
  return passphraseRing(line, `The passphrase in ${file}`);
}

/** @throws TrivetError INVALID_ARGUMENT when it is too short */
export function passphraseRing(passphrase: string, where: string): KeyRing {
  if ([...passphrase].length < MIN_PASSPHRASE_CHARACTERS) {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      `${where} needs ${MIN_PASSPHRASE_CHARACTERS} characters or more.`,
    );
  }
  return KeyRing.ofPassphrase(Buffer.from(passphrase.normalize('NFC'), 'utf8'));
}
