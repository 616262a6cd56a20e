/** Inputs that were found, as files: named by their target, so that a file says by itself how to run it again. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Finding } from './oracle.js';

/** Ends the name of the target in a file's name. */
const MARK = '--';

export async function saveFinding(folder: string, { target, kind, input }: Finding): Promise<string> {
  await mkdir(folder, { recursive: true });
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const file = join(folder, `${target}${MARK}${kind}-${digest}.bin`);
  await writeFile(file, input);
  return file;
}

/** A saved input and the name of its target. */
export async function readFinding(file: string): Promise<{ target: string; input: Uint8Array }> {
  return { target: basename(file).split(MARK, 1)[0]!, input: new Uint8Array(await readFile(file)) };
}
