/**
 * Ends a process with SIGKILL at one exact step of its work on files: `node --import kill-points.mjs program.js`. The
 * program itself has no hook: what is wrapped are the functions of `node:fs/promises` that it calls.
 *
 * A file's steps are numbered by how often it was written since the target was set, and named by what comes next:
 *
 *     NAME#1 create  nothing of it is on the disk
 *     NAME#1 write   half of its first piece is in a temporary file
 *     NAME#1 rename  the temporary file is whole
 *     NAME#1 done    it has its name, and the program does not know it yet
 *     NAME#1 remove  it is about to be removed
 *
 * A file that is written in place, as a lock is, has its own name from "write" on. Before and after an fsync, of a file
 * or its folder, are one step: a kill, unlike a power failure, leaves what the kernel has.
 *
 * In the folder $TRIVET_TEST_STEPS the file `target` names the step at which to end, and `trace` gets a line for each step.
 */
import { appendFileSync, mkdirSync, readFileSync, writeSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';

const folder = process.env.TRIVET_TEST_STEPS;
if (folder === undefined) throw new Error('TRIVET_TEST_STEPS names no folder.');
mkdirSync(folder, { recursive: true });
const { open, rename, rm } = promises;
const TEMPORARY = /^\.(.+)\.[0-9a-f]{12}\.tmp$/;

let target = '';
/** How often each file was written, or removed, since the target was set. */
const counts = new Map();
/** Files of a folder that were renamed or removed, before it is synced. */
const unsynced = new Map();

function readTarget() {
  try {
    return readFileSync(join(folder, 'target'), 'utf8');
  } catch {
    return '';
  }
}

/** @param before done when the process is to end here */
function step(name, what, before = () => undefined) {
  const line = `${name}#${counts.get(name)} ${what}`;
  appendFileSync(join(folder, 'trace'), `${line}\n`);
  if (line !== target) return;
  before();
  process.kill(process.pid, 'SIGKILL');
}

function begin(name) {
  const now = readTarget();
  if (now !== target) counts.clear();
  target = now;
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

const folderOf = (path) => join(path, '..');

promises.open = async (path, flags, ...rest) => {
  const renamed = unsynced.get(String(path));
  if (flags === 'r' && renamed !== undefined) {
    unsynced.delete(String(path));
    const handle = await open(path, flags, ...rest);
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      await sync();
      for (const name of renamed) step(name, 'done');
    };
    return handle;
  }
  if (flags !== 'wx') return open(path, flags, ...rest);
  const name = TEMPORARY.exec(basename(path))?.[1] ?? basename(path);
  begin(name);
  step(name, 'create');
  const handle = await open(path, flags, ...rest);
  const writeFile = handle.writeFile.bind(handle);
  handle.writeFile = async (data, ...options) => {
    handle.writeFile = writeFile;
    const bytes = Buffer.from(data);
    step(name, 'write', () => writeSync(handle.fd, bytes, 0, bytes.length >> 1));
    await writeFile(data, ...options);
  };
  return handle;
};

promises.rename = async (from, to) => {
  const name = TEMPORARY.exec(basename(from))?.[1];
  if (name !== undefined) {
    step(name, 'rename');
    unsynced.set(folderOf(to), [...(unsynced.get(folderOf(to)) ?? []), name]);
  }
  await rename(from, to);
};

promises.rm = async (path, ...options) => {
  const name = basename(path);
  if (!TEMPORARY.test(name)) {
    begin(name);
    step(name, 'remove');
  }
  await rm(path, ...options);
};

syncBuiltinESMExports();
