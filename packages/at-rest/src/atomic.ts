/** Files that are whole or not there at all, whenever the process or the machine stops. */
import { randomBytes } from 'node:crypto';
import { access, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const TEMPORARY = '.tmp';
/** What follows a file's name in the name of its temporary file. */
const RANDOM_END = /^[0-9a-f]{12}\.tmp$/;

export type Write = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes a file anew: a temporary file beside it, synced, then renamed over it.
 * @param produce writes the content, from its start to its end
 * @param mode 600 unless told
 */
export async function writeAtomically(
  path: string,
  produce: (write: Write) => Promise<void>,
  mode = 0o600,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}${TEMPORARY}`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await produce((bytes) => handle.writeFile(bytes));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Whether there is a file or folder. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Removes a file for good; one that is not there is no error. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

/** Removes what a stopped process has left half written. Only for the directory's one writer. */
export async function removeTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith('.') && name.endsWith(TEMPORARY)) await rm(join(directory, name), { force: true });
  }
}

/** Removes what a stopped process has left of one file, half written. Only for its one writer. */
export async function removeTemporariesOf(path: string): Promise<void> {
  const start = `.${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    const isOurs = name.startsWith(start) && RANDOM_END.test(name.slice(start.length));
    if (isOurs) await rm(join(dirname(path), name), { force: true });
  }
}

/** Makes a rename durable. Windows cannot open a directory, and does not need it. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
