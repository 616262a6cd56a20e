/** Looks for secrets in what a run has written, and in the memory of its processes. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

export interface Secret {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** How a secret could be written: as it is, and as programs print bytes. */
export function formsOf({ bytes }: Secret): readonly Buffer[] {
  const raw = Buffer.from(bytes);
  const hex = raw.toString('hex');
  const decimal = [...raw].join(',');
  // Base64 of a longer text begins at any of three places: what is common to all of its ends is left out.
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), raw])
      .toString('base64')
      .replace(/=+$/, '');
    return text.slice(shift === 0 ? 0 : 4, -2);
  });
  const indexed = [...raw].map((byte, index) => `"${index}":${byte}`).join(',');
  const number = BigInt(`0x${hex}`).toString(10);
  const texts = [hex, hex.toUpperCase(), ...base64, decimal, decimal.replaceAll(',', ', '), indexed, number];
  return [raw, ...texts.map((text) => Buffer.from(text, 'latin1'))];
}

/** Names of the secrets that are in `content`, in any form. */
export function secretsIn(content: Buffer, secrets: readonly Secret[]): string[] {
  return secrets
    .filter((secret) => formsOf(secret).some((form) => content.includes(form)))
    .map(({ name }) => name);
}

/** All files under a folder: path and content. */
export function* filesUnder(folder: string): Generator<readonly [path: string, content: Buffer]> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (entry.isFile()) yield [path, readFileSync(path)];
  }
}

const PIECE_BYTES = 16 * 1024 * 1024;
const OVERLAP_BYTES = 1024;

/**
 * Names of the secrets that are in the writable memory of a process: its heap, its buffers, what it has freed and not written
 * over. Linux only. In memory bytes lie as they are, or as the hex or base64 that they came in.
 */
export function secretsInMemory(pid: number, secrets: readonly Secret[]): string[] {
  const wanted = secrets.map((secret) => ({ name: secret.name, forms: formsOf(secret).slice(0, 4) }));
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const buffer = Buffer.alloc(PIECE_BYTES);
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined || to === undefined) continue;
      const end = Number.parseInt(to, 16);
      for (let at = Number.parseInt(from, 16); at < end; at += PIECE_BYTES - OVERLAP_BYTES) {
        let read = 0;
        try {
          read = readSync(memory, buffer, 0, Math.min(PIECE_BYTES, end - at), at);
        } catch {
          // Unmapped meanwhile.
          break;
        }
        const piece = buffer.subarray(0, read);
        for (const { name, forms } of wanted) {
          if (!found.has(name) && forms.some((form) => piece.includes(form))) found.add(name);
        }
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...found];
}
