/**
 * Gives a cluster of an earlier version what it lacks: a key for sealed messages for each worker, and the owner's signature
 * under the public ones. A worker's key that is there stays; one that was removed is made anew, so that this changes keys
 * as well. Where each worker is on a machine of its own, its operator makes the key there (`keepOrMakeSealingKey`), and
 * only the public keys come together here.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { exists, readSecretText, writeAtomically } from '@trivet/at-rest';
import {
  type Cluster,
  clusterIdSchema,
  hexSchema,
  ownerPublicKey,
  parseJson,
  parseStrict,
  readClusterText,
  signCluster,
  TrivetError,
  workerNameSchema,
} from '@trivet/shared-types';
import { z } from 'zod';
import { keepOrMakeSealingKey } from './sealing-key.js';

/** What every cluster file has had. */
const earlierSchema = z.looseObject({
  format: z.literal(1),
  clusterId: clusterIdSchema,
  ownerKey: hexSchema(32),
  workers: z.array(z.looseObject({ index: z.int(), name: workerNameSchema, url: z.string() })).length(3),
});

export interface UpgradedCluster {
  readonly cluster: Cluster;
  /** Whether cluster.json is another one now. */
  readonly isChanged: boolean;
  /** Workers whose key was made here: it is to be handed to them. */
  readonly made: readonly string[];
}

/**
 * Upgrades the cluster in `directory`, where the owner's key is. Afterwards workers with a new key are to be started again,
 * and the new cluster.json is to be handed out.
 * @param publicKeys of workers whose folders are elsewhere, by their names
 * @throws TrivetError FAILED_PRECONDITION when the owner's key is not here, or a worker has neither its folder here, nor its
 *   public key named, nor one that is signed already; INVALID_ARGUMENT when a file is malformed, or a worker unknown
 */
export async function upgradeCluster(
  directory: string,
  publicKeys: ReadonlyMap<string, string> = new Map(),
): Promise<UpgradedCluster> {
  const root = resolve(directory);
  const clusterFile = join(root, 'cluster.json');
  const ownerKeyFile = join(root, 'owner.key');
  for (const file of [clusterFile, ownerKeyFile]) await requireThere(file);
  const what = `The cluster file ${clusterFile}`;
  const text = await readFile(clusterFile, 'utf8');
  const earlier = parseJson(earlierSchema, text, what);
  const signed = 'signature' in earlier ? readClusterText(text, what) : null;
  const ownerSecretKey = await readHexKey(ownerKeyFile);
  if (ownerPublicKey(ownerSecretKey) !== earlier.ownerKey) {
    throw new TrivetError('FAILED_PRECONDITION', `${ownerKeyFile} is not the key of this cluster's owner.`);
  }
  const known = new Map<string, string>();
  for (const { name, sealingKey } of signed?.workers ?? []) known.set(name, sealingKey);
  for (const [name, key] of publicKeys) known.set(name, key);
  const names = earlier.workers.map(({ name }) => name);
  requireNames(names, publicKeys);
  const here = await foldersHere(root, names, publicKeys);
  const missing = names.filter((name) => !here.includes(name) && !known.has(name));
  if (missing.length > 0) throw keysMissing(root, missing);

  const made: string[] = [];
  const workers = [];
  for (const { index, name, url } of earlier.workers) {
    if (here.includes(name)) {
      const { publicKey, isNew } = await keepOrMakeSealingKey(join(root, name, 'seal.key'));
      known.set(name, publicKey);
      if (isNew) made.push(name);
    }
    workers.push({ index, name, url, sealingKey: known.get(name)! });
  }
  const { clusterId, ownerKey } = earlier;
  const described = { format: 1, clusterId, ownerKey, workers } as unknown as Omit<Cluster, 'signature'>;
  const cluster = signCluster(described, ownerSecretKey);
  const isChanged = cluster.signature !== signed?.signature;
  if (isChanged) {
    const upgraded = `${JSON.stringify(cluster, null, 2)}\n`;
    await writeAtomically(clusterFile, (write) => write(Buffer.from(upgraded)), 0o644);
  }
  return { cluster, isChanged, made };
}

function requireNames(names: readonly string[], publicKeys: ReadonlyMap<string, string>): void {
  const stranger = [...publicKeys.keys()].find((name) => !names.includes(name));
  if (stranger === undefined) return;
  throw new TrivetError(
    'INVALID_ARGUMENT',
    `The cluster has no worker "${stranger}": its workers are ${names.join(', ')}.`,
  );
}

/** Workers whose keys are looked for, or made, in their folders. */
async function foldersHere(
  root: string,
  names: readonly string[],
  publicKeys: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const asked = names.filter((name) => !publicKeys.has(name));
  const found = await Promise.all(asked.map((name) => exists(join(root, name))));
  return asked.filter((_, index) => found[index]);
}

function keysMissing(root: string, missing: readonly string[]): TrivetError {
  const steps = missing.map((name) => `--sealing-key ${name}=KEY`).join(' ');
  return new TrivetError(
    'FAILED_PRECONDITION',
    `${root} has no folder of ${new Intl.ListFormat('en').format(missing)}. Where workers are on machines of their own, each ` +
      `operator runs \`trivet keys sealing --config FILE\` there and tells you what it prints: name that with ${steps}.`,
  );
}

async function readHexKey(file: string): Promise<string> {
  const text = (await readSecretText(file)).trim();
  return parseStrict(hexSchema(32), text, `The key file ${file}`);
}

async function requireThere(path: string): Promise<void> {
  if (await exists(path)) return;
  throw new TrivetError(
    'FAILED_PRECONDITION',
    `${path} is not here: a cluster is upgraded where its owner's key and its cluster.json are.`,
  );
}
