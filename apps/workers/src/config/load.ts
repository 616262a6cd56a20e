/** Reads a worker's configuration and its secret files; every refusal is one sentence that names the culprit. */
import { access, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { KeyRing, parseKeyRing, readKeyRing, readPassphraseFile, readSecretText } from '@trivet/at-rest';
import {
  hexSchema,
  parseJson,
  parseStrict,
  type SealingWorker,
  sealingWorker,
  TrivetError,
} from '@trivet/shared-types';
import { type WorkerConfig, workerConfigSchema } from './schema.js';

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
      sealingKey: at(client.sealingKey),
      tls: client.tls && { certificate: at(client.tls.certificate), key: at(client.tls.key) },
    },
    mesh: { ...mesh, certificate: at(mesh.certificate), key: at(mesh.key), ca: at(mesh.ca) },
    store: { directory: at(store.directory), key: keyAt(store.key, at) },
  };
}

function keyAt(
  key: WorkerConfig['store']['key'],
  at: (path: string) => string,
): WorkerConfig['store']['key'] {
  if (typeof key === 'string') return at(key);
  return 'passphraseFile' in key ? { passphraseFile: at(key.passphraseFile) } : key;
}

/** @throws TrivetError INVALID_ARGUMENT when the file cannot be read */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** The keys of a store. @throws TrivetError INVALID_ARGUMENT, FAILED_PRECONDITION */
export async function readStoreKeys(source: WorkerConfig['store']['key']): Promise<KeyRing> {
  if (typeof source === 'string') return KeyRing.ofKeys(await readKeyRing(source));
  if ('passphraseFile' in source) return readPassphraseFile(source.passphraseFile);
  const text = process.env[source.environment];
  if (text === undefined) {
    throw new TrivetError('INVALID_ARGUMENT', `The environment variable ${source.environment} is not set.`);
  }
  return KeyRing.ofKeys(parseKeyRing(text, `The environment variable ${source.environment}`));
}

/**
 * The key for sealed messages, as WebCrypto keeps it, and what clients must know to use it.
 * @throws TrivetError INVALID_ARGUMENT, FAILED_PRECONDITION
 */
export async function readSealingKeys({
  index,
  name,
  client: { sealingKey: file },
}: WorkerConfig): Promise<SealingWorker> {
  await access(file).catch(() => {
    const sentence = `${name} has no key for sealed messages (${file}): its cluster was made by an earlier version. Whoever made it runs \`trivet init --upgrade\`; or, where each worker is on a machine of its own, its operator begins with \`trivet keys sealing --config FILE\`.`;
    throw new TrivetError('FAILED_PRECONDITION', sentence);
  });
  const secret = parseStrict(hexSchema(32), (await readSecretText(file)).trim(), `The key file ${file}`);
  return sealingWorker(index, name, secret);
}

function unreadable(file: string, error: unknown): TrivetError {
  const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return new TrivetError('INVALID_ARGUMENT', `The file ${file} cannot be read (${reason}).`);
}
