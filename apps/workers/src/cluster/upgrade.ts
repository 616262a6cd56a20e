/**
 * Gives a cluster of an earlier version what it lacks: a key for sealed messages for each worker, and the owner's signature
 * under the public ones. A worker's key that is there stays; one that was removed is made anew, so that this changes keys
 * as well.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { exists, readSecretFile, writeAtomically } from '@trivet/at-rest';
import {
  type Cluster,
  clusterIdSchema,
  generateSealingKeys,
  hexSchema,
  ownerPublicKey,
  parseJson,
  parseStrict,
  sealingPublicKey,
  signCluster,
  TrivetError,
  workerNameSchema,
} from '@trivet/shared-types';
import { z } from 'zod';

/** What every cluster file has had. */
const earlierSchema = z.looseObject({
  format: z.literal(1),
  clusterId: clusterIdSchema,
  ownerKey: hexSchema(32),
  workers: z.array(z.looseObject({ index: z.int(), name: workerNameSchema, url: z.string() })).length(3),
});

/**
 * Upgrades the cluster in `directory`, where all three workers' folders and the owner's key are. Workers are to be
 * started again afterwards, and the new cluster.json is to be handed out.
 * @throws TrivetError FAILED_PRECONDITION when a folder or the owner's key is not here, INVALID_ARGUMENT when a file is
 *   malformed
 */
export async function upgradeCluster(directory: string): Promise<Cluster> {
  const root = resolve(directory);
  const clusterFile = join(root, 'cluster.json');
  const ownerKeyFile = join(root, 'owner.key');
  for (const file of [clusterFile, ownerKeyFile]) await requireThere(file);
  const earlier = parseJson(
    earlierSchema,
    await readFile(clusterFile, 'utf8'),
    `The cluster file ${clusterFile}`,
  );
  const ownerSecretKey = await readHexKey(ownerKeyFile);
  if (ownerPublicKey(ownerSecretKey) !== earlier.ownerKey) {
    throw new TrivetError('FAILED_PRECONDITION', `${ownerKeyFile} is not the key of this cluster's owner.`);
  }
  for (const { name } of earlier.workers) await requireThere(join(root, name));
  const workers = [];
  for (const { index, name, url } of earlier.workers) {
    const file = join(root, name, 'seal.key');
    workers.push({ index, name, url, sealingKey: await keepOrMakeKey(file) });
  }
  const { clusterId, ownerKey } = earlier;
  const described = { format: 1, clusterId, ownerKey, workers } as unknown as Omit<Cluster, 'signature'>;
  const cluster = signCluster(described, ownerSecretKey);
  const text = `${JSON.stringify(cluster, null, 2)}\n`;
  await writeAtomically(clusterFile, (write) => write(Buffer.from(text)), 0o644);
  return cluster;
}

/** @returns the public key */
async function keepOrMakeKey(file: string): Promise<string> {
  if (await exists(file)) return sealingPublicKey(await readHexKey(file));
  const { secretKey, publicKey } = generateSealingKeys();
  await writeAtomically(file, (write) => write(Buffer.from(`${secretKey}\n`)));
  return publicKey;
}

async function readHexKey(file: string): Promise<string> {
  const text = (await readSecretFile(file)).toString('utf8').trim();
  return parseStrict(hexSchema(32), text, `The key file ${file}`);
}

async function requireThere(path: string): Promise<void> {
  if (await exists(path)) return;
  throw new TrivetError(
    'FAILED_PRECONDITION',
    `${path} is not here: a cluster is upgraded where it was made, with all three workers' folders and the owner's key.`,
  );
}
