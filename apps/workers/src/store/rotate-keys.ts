/**
 * A new key for a worker's store, without a pause. The key file gets the new key beside the old one, in one step; all files
 * are sealed anew, by the worker if it runs and by this program if not; then the old key leaves the key file. Killed at
 * any point, the key file still opens every file, and the next rotation carries on.
 */
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateKey, KeyRing, keyId, lockKeyFile, readKeyRing, writeKeyRing } from '@trivet/at-rest';
import { TrivetError } from '@trivet/shared-types';
import type { WorkerConfig } from '../config/schema.js';
import { ModelStore } from './model-store.js';

const POLL_MS = 200;

export interface RotateOptions {
  /** How long a running worker may take; 60,000 ms unless told. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface RotatedKeys {
  /** Id of the new key. */
  readonly keyId: string;
  /** Whether a running worker did it. */
  readonly byWorker: boolean;
}

/**
 * @param config with absolute paths, as `loadWorkerConfig` gives it
 * @throws TrivetError INVALID_ARGUMENT when the keys are not in a file, ABORTED when another rotation is under way,
 *   DEADLINE_EXCEEDED when the worker does not finish: the old key stays in the file then
 */
export async function rotateStoreKeys(
  config: WorkerConfig,
  options: RotateOptions = {},
): Promise<RotatedKeys> {
  const { directory, key: file } = config.store;
  if (typeof file !== 'string') {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      'The keys of this store are not in a file: put the new key before the old one yourself, and restart the worker.',
    );
  }
  const unlock = await lockKeyFile(file);
  try {
    const older = await readKeyRing(file);
    const key = generateKey();
    const id = keyId(key);
    const keys = [key, ...older];
    // What is at hand must open the store before a new key is added.
    const store = new ModelStore(directory, KeyRing.ofKeys(older));
    await store.prepare();
    await writeKeyRing(file, keys);
    const release = await claim(config);
    if (release !== null) {
      try {
        await store.changeKeys(KeyRing.ofKeys(keys));
      } finally {
        await release();
      }
    } else {
      await followed(store, id, options);
    }
    await writeKeyRing(file, [key]);
    return { keyId: id, byWorker: release === null };
  } finally {
    await unlock();
  }
}

/** Waits until the running worker has sealed everything with this key. */
async function followed(
  store: ModelStore,
  id: string,
  { timeoutMs = 60_000, signal }: RotateOptions,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const outdated = await store.outdated(id);
    if (outdated.length === 0) return;
    if (signal?.aborted) throw new TrivetError('CANCELLED', 'Interrupted; both keys stay in the key file.');
    if (performance.now() > until) {
      throw new TrivetError(
        'DEADLINE_EXCEEDED',
        `The worker has not sealed ${outdated[0]} with the new key; its log says why. Both keys stay in the key file: mend that and rotate again.`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** Takes the mesh port, as a running worker would: then none can start. Null when one runs. */
async function claim({ mesh }: WorkerConfig): Promise<(() => Promise<void>) | null> {
  const server = createServer((socket) => socket.destroy());
  const bound = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(mesh.port, mesh.host, () => resolve(true));
  });
  if (!bound) return null;
  return () => new Promise((resolve) => server.close(() => resolve()));
}
