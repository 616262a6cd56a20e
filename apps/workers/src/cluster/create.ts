/**
 * Makes a cluster: everything that three workers, their clients and their model owner need to know each other.
 *
 *     cluster.json          public: who the workers are and whose models they serve
 *     owner.key             the model owner's Ed25519 secret key, hex
 *     ca.pem  ca.key        the mesh's certificate authority; its key is needed only to issue more certificates
 *     alice/alice.json      a worker's configuration; the folder is all that its operator needs
 *     alice/seal.key        its secret key for sealed messages, P-256, hex; cluster.json has the public one
 *     alice/tls.pem tls.key ca.pem store.key store/
 *
 * Secrets have mode 600 and folders 700. Whoever holds two workers' folders can break the cluster's privacy: hand
 * each folder to its own operator, and keep none.
 */
import { randomBytes } from 'node:crypto';
import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { generateKey, printKeyRing } from '@trivet/at-rest';
import {
  type Cluster,
  generateOwnerKeys,
  generateSealingKeys,
  parseStrict,
  signCluster,
  TrivetError,
} from '@trivet/shared-types';
import { DEFAULT_SETTINGS, type WorkerConfig, workerConfigSchema } from '../config/schema.js';

export interface ClusterWorkerOptions {
  readonly name: string;
  /** Where clients and peers reach this worker. */
  readonly host: string;
  readonly clientPort: number;
  readonly meshPort: number;
  /** What clients connect to, when it is not `http://host:clientPort`. */
  readonly url?: string;
  /** What peers connect to, when it is not `host:meshPort`: a relay, or an address that is translated. */
  readonly meshAddress?: { readonly host: string; readonly port: number };
}

export interface ClusterOptions {
  /** In order of their index; alice, bob and carol on this machine when left out. */
  readonly workers?: readonly [ClusterWorkerOptions, ClusterWorkerOptions, ClusterWorkerOptions];
  /** Web origins whose pages may connect to the workers; pages of this machine when left out. */
  readonly origins?: readonly string[];
  /** How long the certificates are valid; ten years when left out. */
  readonly validityDays?: number;
  /** Other settings of every worker, in place of the defaults. */
  readonly batching?: Partial<WorkerConfig['batching']>;
  readonly mesh?: Partial<
    Pick<WorkerConfig['mesh'], 'heartbeatMs' | 'peerTimeoutMs' | 'maxFrameBytes' | 'busyPollMicros'>
  >;
  readonly pool?: Partial<WorkerConfig['pool']>;
  readonly limits?: Partial<WorkerConfig['limits']>;
  readonly kernelThreads?: WorkerConfig['kernelThreads'];
  readonly logLevel?: WorkerConfig['log']['level'];
}

export interface CreatedCluster {
  readonly cluster: Cluster;
  /** Path of cluster.json. */
  readonly clusterFile: string;
  /** Path of the owner's secret key. */
  readonly ownerKeyFile: string;
  /** Path of each worker's configuration. */
  readonly configFiles: readonly [string, string, string];
}

export const DEFAULT_WORKERS = [
  { name: 'alice', host: 'localhost', clientPort: 4000, meshPort: 4100 },
  { name: 'bob', host: 'localhost', clientPort: 4001, meshPort: 4101 },
  { name: 'carol', host: 'localhost', clientPort: 4002, meshPort: 4102 },
] as const;

/**
 * Writes a new cluster into `directory`.
 * @throws TrivetError ALREADY_EXISTS when there is one, INVALID_ARGUMENT when an option is not valid
 */
export async function createCluster(
  directory: string,
  options: ClusterOptions = {},
): Promise<CreatedCluster> {
  const root = resolve(directory);
  const workers: readonly ClusterWorkerOptions[] = options.workers ?? DEFAULT_WORKERS;
  const clusterId = randomBytes(16).toString('hex');
  const owner = generateOwnerKeys();
  const sealing = workers.map(() => generateSealingKeys());
  const described = workers.map(({ name, host, clientPort, url }, index) => {
    const sealingKey = sealing[index]!.publicKey;
    return { index, name, url: url ?? `http://${host}:${clientPort}`, sealingKey };
  }) as unknown as Cluster['workers'];
  const cluster = signCluster(
    { format: 1, clusterId, ownerKey: owner.publicKey, workers: described },
    owner.secretKey,
  );
  const configs = workers.map((_, index) => workerConfig(cluster, workers, index, options));
  const paths = {
    clusterFile: join(root, 'cluster.json'),
    ownerKeyFile: join(root, 'owner.key'),
    configFiles: workers.map(({ name }) => join(root, name, `${name}.json`)) as [string, string, string],
  };
  await refuseExisting(root, [
    'cluster.json',
    'owner.key',
    'ca.pem',
    'ca.key',
    ...workers.map((w) => w.name),
  ]);

  // Loaded here, so that a worker that only runs does not load X.509.
  const { createCertificateAuthority } = await import('./certificates.js');
  const authority = await createCertificateAuthority(clusterId, options.validityDays ?? 3650);
  const written: string[] = [];
  const write = async (path: string, text: string, mode: number) => {
    await writeFile(path, text, { flag: 'wx', mode });
    written.push(path);
  };
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    for (const [index, { name }] of workers.entries()) {
      const folder = join(root, name);
      await mkdir(join(folder, 'store'), { recursive: true, mode: 0o700 });
      written.push(folder);
      const pair = await authority.issue(name);
      await write(join(folder, 'tls.pem'), pair.certificate, 0o644);
      await write(join(folder, 'tls.key'), pair.key, 0o600);
      await write(join(folder, 'ca.pem'), authority.certificate, 0o644);
      await write(join(folder, 'seal.key'), `${sealing[index]!.secretKey}\n`, 0o600);
      await write(join(folder, 'store.key'), printKeyRing([generateKey()]), 0o600);
      await write(paths.configFiles[index as 0 | 1 | 2], toJson(configs[index]), 0o644);
    }
    await write(join(root, 'ca.pem'), authority.certificate, 0o644);
    await write(join(root, 'ca.key'), authority.key, 0o600);
    await write(paths.ownerKeyFile, `${owner.secretKey}\n`, 0o600);
    await write(paths.clusterFile, toJson(cluster), 0o644);
  } catch (error) {
    for (const path of written) await rm(path, { recursive: true, force: true });
    throw error;
  }
  return { cluster, ...paths };
}

function workerConfig(
  cluster: Cluster,
  workers: readonly ClusterWorkerOptions[],
  index: number,
  options: ClusterOptions,
): WorkerConfig {
  const self = workers[index]!;
  const listen = listenAddress(self.host);
  const peers = workers
    .map(({ name, host, meshPort, meshAddress }, i) => {
      return { index: i, name, ...(meshAddress ?? { host: dialAddress(host), port: meshPort }) };
    })
    .filter((_, i) => i !== index);
  const config = {
    format: 1,
    clusterId: cluster.clusterId,
    ownerKey: cluster.ownerKey,
    index,
    name: self.name,
    client: {
      host: listen,
      port: self.clientPort,
      origins: options.origins ?? DEFAULT_SETTINGS.origins,
      sealingKey: 'seal.key',
      tls: null,
    },
    operator: null,
    mesh: {
      host: listen,
      port: self.meshPort,
      certificate: 'tls.pem',
      key: 'tls.key',
      ca: 'ca.pem',
      peers,
      ...DEFAULT_SETTINGS.mesh,
      ...options.mesh,
    },
    store: { directory: 'store', key: 'store.key' },
    kernelThreads: options.kernelThreads ?? DEFAULT_SETTINGS.kernelThreads,
    batching: { ...DEFAULT_SETTINGS.batching, ...options.batching },
    pool: { ...DEFAULT_SETTINGS.pool, ...options.pool },
    limits: { ...DEFAULT_SETTINGS.limits, ...options.limits },
    log: { level: options.logLevel ?? DEFAULT_SETTINGS.log.level },
  };
  return parseStrict(workerConfigSchema, config, `The configuration of ${self.name}`);
}

/** A worker of this machine listens to this machine only; any other to the network. */
function listenAddress(host: string): string {
  return host === 'localhost' || host === '127.0.0.1' ? '127.0.0.1' : '0.0.0.0';
}

/** "localhost" may mean ::1 first, where nobody listens. */
function dialAddress(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host;
}

async function refuseExisting(root: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(root, name);
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) {
      throw new TrivetError(
        'ALREADY_EXISTS',
        `${path} exists already; choose another directory, or remove that cluster first.`,
      );
    }
  }
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
