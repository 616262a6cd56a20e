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

/** Where to look for a form: two bytes of it that stand together less often than others, zeros above all. */
interface Anchor {
  readonly name: string;
  readonly form: Buffer;
  readonly at: number;
}

/** Anchors by the two bytes that they are recognised by, and which pairs there are. */
class Anchors {
  readonly #marks = new Uint8Array(65_536);
  readonly #byPair = new Map<number, Anchor[]>();

  constructor(secrets: readonly Secret[]) {
    for (const secret of secrets) {
      // In memory bytes lie as they are, or as the hex or base64 that they came in.
      for (const form of formsOf(secret).slice(0, 4)) {
        const ranks = Array.from({ length: form.length - 1 }, (_, at) => Math.min(form[at]!, form[at + 1]!));
        const at = ranks.indexOf(Math.max(...ranks));
        const pair = form[at]! | (form[at + 1]! << 8);
        this.#marks[pair] = 1;
        this.#byPair.set(pair, [...(this.#byPair.get(pair) ?? []), { name: secret.name, form, at }]);
      }
    }
  }

  /** All forms in one pass. */
  search(piece: Buffer, found: Set<string>): void {
    const marks = this.#marks;
    for (let i = 0; i + 1 < piece.length; i++) {
      const pair = piece[i]! | (piece[i + 1]! << 8);
      if (marks[pair] === 0) continue;
      for (const { name, form, at } of this.#byPair.get(pair)!) {
        if (!found.has(name) && isAt(piece, i - at, form)) found.add(name);
      }
    }
  }
}

function isAt(piece: Buffer, start: number, form: Buffer): boolean {
  if (start < 0 || start + form.length > piece.length) return false;
  for (let index = 0; index < form.length; index++) if (piece[start + index] !== form[index]) return false;
  return true;
}

const PAGE_BYTES = 4096;
/** Of a page's entry: it is in memory, or on the swap device. */
const PRESENT_OR_SWAPPED = 0xc0;

/** The pages of a mapping that were ever written to, as runs of addresses: most of what V8 reserves never is. */
function residentRuns(pagemap: number, from: number, to: number): (readonly [from: number, to: number])[] {
  const entries = Buffer.alloc((8 * (to - from)) / PAGE_BYTES);
  readSync(pagemap, entries, 0, entries.length, (8 * from) / PAGE_BYTES);
  const runs: (readonly [number, number])[] = [];
  let start: number | null = null;
  for (let page = from; page <= to; page += PAGE_BYTES) {
    const isThere = page < to && (entries[(8 * (page - from)) / PAGE_BYTES + 7]! & PRESENT_OR_SWAPPED) !== 0;
    if (isThere) start ??= page;
    else if (start !== null) {
      runs.push([start, page]);
      start = null;
    }
  }
  return runs;
}

/**
 * Names of the secrets that are in the writable memory of a process: its heap, its buffers, what it has freed and not written
 * over. Linux only. What else this process does goes on meanwhile.
 */
export async function secretsInMemory(pid: number, secrets: readonly Secret[]): Promise<string[]> {
  const anchors = new Anchors(secrets);
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const pages = openSync(`/proc/${pid}/pagemap`, 'r');
  const buffer = Buffer.alloc(PIECE_BYTES);
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined || to === undefined) continue;
      for (const [start, end] of residentRuns(pages, Number.parseInt(from, 16), Number.parseInt(to, 16))) {
        for (let at = start; at < end; at += PIECE_BYTES - OVERLAP_BYTES) {
          let read = 0;
          try {
            read = readSync(memory, buffer, 0, Math.min(PIECE_BYTES, end - at), at);
          } catch {
            // Unmapped meanwhile.
            break;
          }
          anchors.search(buffer.subarray(0, read), found);
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    }
  } finally {
    closeSync(memory);
    closeSync(pages);
  }
  return [...found].sort();
}
