/** All files of a model, weights included, sealed into another place or opened from there; whole or not at all. */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import {
  exists,
  isSealed,
  type KeyRing,
  type OnBytes,
  openFile,
  readKeyId,
  resealFile,
  SealError,
  sealFile,
  unsealFile,
} from '@trivet/at-rest';
import { tfjsWeightPaths } from '@trivet/model-import';
import { TrivetError } from '@trivet/shared-types';

/** Largest model.json of a TensorFlow.js model. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/** Told how far a model's files are. */
export type OnProgress = (doneBytes: number, totalBytes: number) => void;

export interface SealedModel {
  /** Where they are. */
  readonly path: string;
  /** Of the files, inside a folder; the path itself for a single file. */
  readonly files: readonly string[];
}

/**
 * Encrypts a model's files: one file, a folder with all that is in it, or a TensorFlow.js model.json with its weights.
 * @param to what must not be there yet: a file for a file, else a folder
 * @throws TrivetError INVALID_ARGUMENT, ALREADY_EXISTS; FAILED_PRECONDITION when a file is encrypted already
 */
export async function encryptModel(
  ring: KeyRing,
  from: string,
  to: string,
  onProgress?: OnProgress,
): Promise<SealedModel> {
  const encrypt: Transform = async (source, target, onBytes) => {
    if (await readKeyId(source).then(() => true, isOfUnknownFormat)) {
      throw new TrivetError('FAILED_PRECONDITION', `The file ${source} is encrypted already.`);
    }
    await sealFile(ring, source, target, onBytes);
  };
  return transform(from, to, null, encrypt, onProgress);
}

/**
 * Decrypts what `encryptModel` has written.
 * @throws SealError when a file is not encrypted, of another key, cut short or changed; TrivetError as `encryptModel`
 */
export async function decryptModel(
  ring: KeyRing,
  from: string,
  to: string,
  onProgress?: OnProgress,
): Promise<SealedModel> {
  const decrypt: Transform = (source, target, onBytes) => unsealFile(ring, source, target, onBytes);
  return transform(from, to, ring, decrypt, onProgress);
}

/**
 * Seals the files of an encrypted model anew, in their place, with the ring's first key.
 * @throws as `decryptModel`
 */
export async function resealModel(
  ring: KeyRing,
  path: string,
  onProgress?: OnProgress,
): Promise<SealedModel> {
  const { root, files } = await modelFiles(path, ring);
  const paths = files.map((file) => join(root, file));
  const older: string[] = [];
  for (const file of paths) if (!ring.isCurrent(await readKeyId(file))) older.push(file);
  const onBytes = await counter(older, onProgress);
  for (const file of older) await resealFile(ring, file, onBytes);
  return { path, files };
}

/** The files of a model, sealed or not. */
export async function modelFiles(
  path: string,
  ring: KeyRing | null,
): Promise<{ readonly root: string; readonly files: readonly string[]; readonly isFolder: boolean }> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'does not exist' : 'cannot be read';
    throw new TrivetError('INVALID_ARGUMENT', `${path} ${why}.`);
  });
  if (found.isDirectory()) {
    const files = await walk(path);
    if (files.length === 0) throw new TrivetError('INVALID_ARGUMENT', `The folder ${path} is empty.`);
    return { root: path, files, isFolder: true };
  }
  const root = dirname(path);
  const weights = found.size <= MAX_JSON_BYTES ? await weightsOf(path, ring) : [];
  return { root, files: [basename(path), ...weights], isFolder: weights.length > 0 };
}

/** From the bytes of each file to those of all. */
async function counter(files: readonly string[], onProgress: OnProgress | undefined): Promise<OnBytes> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let done = 0;
  return (bytes) => {
    done += bytes;
    onProgress?.(done, total);
  };
}

type Transform = (source: string, target: string, onBytes: OnBytes) => Promise<void>;

async function transform(
  from: string,
  to: string,
  ring: KeyRing | null,
  one: Transform,
  onProgress: OnProgress | undefined,
): Promise<SealedModel> {
  const { root, files, isFolder } = await modelFiles(from, ring);
  if (await exists(to)) {
    throw new TrivetError('ALREADY_EXISTS', `${to} exists already; choose another place with --out.`);
  }
  const onBytes = await counter(
    files.map((file) => join(root, file)),
    onProgress,
  );
  await mkdir(dirname(resolve(to)), { recursive: true });
  if (!isFolder) {
    await one(join(root, files[0]!), to, onBytes);
    return { path: to, files };
  }
  const temporary = join(dirname(resolve(to)), `.${basename(to)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    for (const file of files) {
      const target = join(temporary, file);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await one(join(root, file), target, onBytes);
    }
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  return { path: to, files };
}

/** Paths of the files in a folder, at any depth. */
async function walk(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of (await readdir(folder, { recursive: true })).sort()) {
    const found = await lstat(join(folder, entry));
    if (found.isFile()) files.push(entry);
    else if (!found.isDirectory()) {
      throw new TrivetError('INVALID_ARGUMENT', `${join(folder, entry)} is neither a file nor a folder.`);
    }
  }
  return files;
}

/** Paths of the weights of a TensorFlow.js model.json, beside it; none when it is anything else. */
async function weightsOf(path: string, ring: KeyRing | null): Promise<string[]> {
  if (!basename(path).endsWith('.json')) return [];
  const content = await readFile(path);
  let paths: readonly string[];
  try {
    const text = isSealed(content) && ring !== null ? await openFile(ring, path) : content;
    paths = tfjsWeightPaths(JSON.parse(text.toString('utf8')));
  } catch (error) {
    if (error instanceof SealError) throw error;
    return [];
  }
  const root = resolve(dirname(path));
  for (const weights of paths) {
    const inside = relative(root, resolve(root, weights));
    if (inside === '..' || inside.startsWith(`..${sep}`)) {
      throw new TrivetError('INVALID_ARGUMENT', `${path} names weights outside its own folder.`);
    }
  }
  return [...new Set(paths)];
}

function isOfUnknownFormat(error: unknown): boolean {
  return error instanceof SealError && error.reason === 'UNKNOWN_FORMAT';
}
