/** Reads a worker's configuration and its secret files; every refusal is one sentence that names the culprit. */
import { open, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseJson, TrivetError } from '@trivet/shared-types';
import { type WorkerConfig, workerConfigSchema } from './schema.js';

/** Permission bits of everybody but the file's owner. */
const OTHERS = 0o077;
const MAX_SECRET_BYTES = 65_536;

/**
 * Reads and checks a configuration file, and makes its paths absolute.
 * @throws TrivetError INVALID_ARGUMENT that names the file and the first bad, missing or unknown key
 */
export async function loadWorkerConfig(file: string): Promise<WorkerConfig> {
  const config = parseJson(workerConfigSchema, await readText(file), `The configuration ${file}`);
  const at = (path: string) => resolve(dirname(file), path);
  const { client, mesh, store } = config;
  return {
    ...config,
    client: {
      ...client,
      tls: client.tls && { certificate: at(client.tls.certificate), key: at(client.tls.key) },
    },
    mesh: { ...mesh, certificate: at(mesh.certificate), key: at(mesh.key), ca: at(mesh.ca) },
    store: { directory: at(store.directory), key: at(store.key) },
  };
}

/** @throws TrivetError INVALID_ARGUMENT when the file cannot be read */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}

/**
 * Reads a file that holds a key.
 * @throws TrivetError FAILED_PRECONDITION when others than its owner may touch it (not checked on Windows)
 */
export async function readSecret(file: string): Promise<Buffer> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw unreadable(file, error);
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

/** A 32-byte key in hexadecimal. */
export async function readStoreKey(file: string): Promise<Buffer> {
  const text = (await readSecret(file)).toString('utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new TrivetError('INVALID_ARGUMENT', `The store key ${file} must be 32 bytes in hexadecimal.`);
  }
  return Buffer.from(text, 'hex');
}

function unreadable(file: string, error: unknown): TrivetError {
  const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return new TrivetError('INVALID_ARGUMENT', `The file ${file} cannot be read (${reason}).`);
}
