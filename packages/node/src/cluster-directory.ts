/** The cluster directory that `trivet init` writes: where the workers are, and the owner's key. */
import { access, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readSecretText } from '@trivet/at-rest';
import { type Cluster, hexSchema, parseStrict, readClusterText, TrivetError } from '@trivet/shared-types';

export const DEFAULT_CLUSTER_DIRECTORY = '.trivet';

/**
 * The public cluster file.
 * @param path a cluster directory, or the file itself: all that a client needs to have
 * @throws TrivetError FAILED_PRECONDITION when there is none or it is of an earlier version, INVALID_ARGUMENT when it is
 *   malformed, PERMISSION_DENIED when its owner has not signed it
 */
export async function readCluster(path: string): Promise<Cluster> {
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  const file = isFile ? path : join(path, 'cluster.json');
  return readClusterText(await readOr(file, advice(path)), `The cluster file ${file}`);
}

/**
 * The owner's secret key, hex.
 * @throws TrivetError as {@link readCluster}, and FAILED_PRECONDITION when others than its owner may read it
 */
export async function readOwnerKey(directory: string): Promise<string> {
  const file = join(directory, 'owner.key');
  const whatToDo = 'only the model owner has it, and can do this.';
  await access(file).catch((error) => missing(file, whatToDo, error));
  return parseStrict(hexSchema(32), (await readSecretText(file)).trim(), `The owner key ${file}`);
}

/**
 * The same, if the owner is here.
 * @param path a cluster directory, or a cluster file, which has no key beside it that counts
 * @throws TrivetError when there is one that cannot be used, as {@link readOwnerKey}
 */
export async function findOwnerKey(path: string): Promise<string | undefined> {
  const isThere = await access(join(path, 'owner.key')).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  );
  return isThere ? readOwnerKey(path) : undefined;
}

function advice(directory: string): string {
  const option = directory === DEFAULT_CLUSTER_DIRECTORY ? '' : ` --cluster ${directory}`;
  return `create a cluster with \`trivet init${option}\`, or name its directory with --cluster.`;
}

async function readOr(file: string, whatToDo: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    return missing(file, whatToDo, error);
  }
}

function missing(file: string, whatToDo: string, cause: unknown): never {
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const why = isMissing ? 'does not exist' : 'cannot be read';
  throw new TrivetError('FAILED_PRECONDITION', `${resolve(file)} ${why}: ${whatToDo}`, null, { cause });
}
