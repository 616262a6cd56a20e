/**
 * Inputs that were found, as files: named by their target, so that a file says by itself how to run it again. Beside each, in
 * JSON, what it did and the seed of the run.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Finding } from './oracle.js';

/** Ends the name of the target in a file's name. */
const MARK = '--';

/** Of the run in which it was found: with this seed, and without coverage, all inputs come again. */
export interface FoundIn {
  readonly seed: number;
  readonly coverage: boolean;
}

export async function saveFinding(folder: string, finding: Finding, run: FoundIn): Promise<string> {
  const { target, kind, what, input } = finding;
  await mkdir(folder, { recursive: true });
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const file = join(folder, `${target}${MARK}${kind}-${digest}.bin`);
  await writeFile(file, input);
  const described = { target, kind, what, bytes: input.length, ...run };
  await writeFile(file.replace(/bin$/, 'json'), `${JSON.stringify(described, null, 2)}\n`);
  return file;
}

/** A saved input and the name of its target. */
export async function readFinding(file: string): Promise<{ target: string; input: Uint8Array }> {
  return { target: basename(file).split(MARK, 1)[0]!, input: new Uint8Array(await readFile(file)) };
}
