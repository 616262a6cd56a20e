/**
 * A worker's configuration, as it stands in its JSON file. Every key is required and none other is allowed, so that
 * a file says everything that the worker does; `trivet init` writes them.
 * Paths are relative to the file's own folder.
 */
import {
  CLIENT_LIMITS,
  clusterIdSchema,
  hexSchema,
  PROTOCOL_NAMES,
  protocolNameSchema,
  workerNameSchema,
} from '@trivet/shared-types';
import { z } from 'zod';

const port = z.int().min(1).max(65_535);
const host = z.string().min(1).max(253);
const path = z.string().min(1).max(4096);

/** "http://localhost:*" allows every port of that scheme and host; anything else is matched whole. */
const origin = z
  .string()
  .regex(
    /^https?:\/\/[A-Za-z0-9.\-[\]:]+?(:(\d{1,5}|\*))?$/,
    'must be an origin such as "https://example.org"',
  );

const peer = z.strictObject({ index: z.int().min(0).max(2), name: workerNameSchema, host, port });

/** Material that is dealt ahead of requests, for protocols that have such a phase. */
const pool = z.strictObject({
  /** Of a worker's memory; 0: nothing is dealt ahead. */
  maxBytes: z.int().min(0).max(1_073_741_824),
  /** What becomes of a request for which nothing is ready: it waits, or is answered RESOURCE_EXHAUSTED. */
  whenEmpty: z.enum(['wait', 'refuse']),
  /** Which protocols deal ahead, of those that can. */
  protocols: z.array(protocolNameSchema).max(PROTOCOL_NAMES.length),
  /** Whether the workers take turns as the helper, from batch to batch. */
  rotateHelper: z.boolean(),
});

const DEFAULT_POOL: z.infer<typeof pool> = {
  maxBytes: 134_217_728,
  whenEmpty: 'wait',
  protocols: ['fss'],
  rotateHelper: false,
};

/** As long as a wait between processes on one machine mostly takes, twice over: docs/decisions/0029-busy-polling.md. */
const DEFAULT_BUSY_POLL_MICROS = 200;

/** A call is cut into four pieces a thread, and 255 at most. */
const MOST_KERNEL_THREADS = 32;

export const workerConfigSchema = z
  .strictObject({
    format: z.literal(1),
    clusterId: clusterIdSchema,
    /** Ed25519 public key of the model owner, the only one who may share, serve and stop models. */
    ownerKey: hexSchema(32),
    /** Worker 0 leads: it forms the batches. */
    index: z.union([z.literal(0), z.literal(1), z.literal(2)]),
    name: workerNameSchema,
    /** Where clients connect. */
    client: z.strictObject({
      host,
      port,
      /** Web origins whose pages may connect; programs that are no browser send no origin and may always. */
      origins: z.array(origin).max(64),
      /** Its secret key for sealed messages. May be missing: files of earlier versions do not name it. */
      sealingKey: path.default('seal.key'),
      /** Certificate and key for https, or null for http: for one machine, or behind a proxy that adds TLS. */
      tls: z.strictObject({ certificate: path, key: path }).nullable(),
    }),
    /** Where the operator's monitoring asks; null, or missing as in files of earlier versions: the clients' port, from this machine only. */
    operator: z.strictObject({ host, port }).nullable().default(null),
    /** Where the previous worker connects, and where the other two are. */
    mesh: z.strictObject({
      host,
      port,
      certificate: path,
      key: path,
      ca: path,
      peers: z.tuple([peer, peer]),
      heartbeatMs: z.int().min(10).max(60_000),
      /** A peer that is silent for this long, counted in heartbeats, is lost. */
      peerTimeoutMs: z.int().min(100).max(600_000),
      maxFrameBytes: z.int().min(65_536).max(2_000_000_000),
      /** How long a lone batch that waits for a frame keeps its core awake; 0: it sleeps at once. Files of earlier versions have none. */
      busyPollMicros: z.int().min(0).max(10_000).default(DEFAULT_BUSY_POLL_MICROS),
    }),
    store: z.strictObject({
      directory: path,
      /** A file with keys, an environment variable with the same, or a file with a passphrase. */
      key: z.union([
        path,
        z.strictObject({ environment: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/) }),
        z.strictObject({ passphraseFile: path }),
      ]),
    }),
    /** As in TensorFlow Serving. */
    batching: z.strictObject({
      /** Most images in a batch; a single larger request is a batch of its own. */
      maxBatchSize: z.int().min(1).max(100_000),
      /** How long a batch that is not full waits for more; 0: a lone request never waits. */
      batchTimeoutMicros: z.int().min(0).max(60_000_000),
      /** A request that would open one more batch than this is answered RESOURCE_EXHAUSTED. */
      maxEnqueuedBatches: z.int().min(1).max(100_000),
      maxBatchesInFlight: z.int().min(1).max(64),
    }),
    /**
     * On how many threads the kernels run; 'auto': the cores of the machine, shared among the workers that are on it, four at most.
     * May be missing: files of earlier versions have none.
     */
    kernelThreads: z.union([z.literal('auto'), z.int().min(1).max(MOST_KERNEL_THREADS)]).default('auto'),
    /** May be missing: files of earlier versions have none. */
    pool: pool.default(DEFAULT_POOL),
    limits: z.strictObject({
      maxImagesPerRequest: z.int().min(1).max(CLIENT_LIMITS.maxImagesPerRequest),
      maxConnections: z.int().min(1).max(100_000),
      maxRequestsPerConnection: z.int().min(1).max(100_000),
      maxRequests: z.int().min(1).max(1_000_000),
      /** Of the shares of all open requests together. */
      maxRequestBytes: z.int().min(1_048_576),
      maxModels: z.int().min(1).max(1024),
      maxModelBytes: z
        .int()
        .min(1)
        .max(1024 * 1024 * 1024),
    }),
    log: z.strictObject({ level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']) }),
  })
  .superRefine((config, context) => {
    const names = new Set([config.name, ...config.mesh.peers.map((entry) => entry.name)]);
    const indices = new Set<number>([config.index, ...config.mesh.peers.map((entry) => entry.index)]);
    const refuse = (message: string) =>
      context.addIssue({ code: 'custom', path: ['mesh', 'peers'], message });
    if (names.size !== 3) refuse('the three workers need three names');
    if (indices.size !== 3) refuse('the peers must be the other two workers');
    if (config.mesh.peerTimeoutMs < 2 * config.mesh.heartbeatMs) {
      context.addIssue({
        code: 'custom',
        path: ['mesh', 'peerTimeoutMs'],
        message: 'must be at least two heartbeats',
      });
    }
  });

/** A worker's configuration. After `loadWorkerConfig` its paths are absolute. */
export type WorkerConfig = z.infer<typeof workerConfigSchema>;

/** What `trivet init` writes where the operator has no wish of their own. */
export const DEFAULT_SETTINGS = {
  origins: ['http://localhost:*', 'http://127.0.0.1:*', 'http://[::1]:*'],
  mesh: {
    heartbeatMs: 250,
    peerTimeoutMs: 5000,
    maxFrameBytes: 268_435_456,
    busyPollMicros: DEFAULT_BUSY_POLL_MICROS,
  },
  batching: { maxBatchSize: 128, batchTimeoutMicros: 0, maxEnqueuedBatches: 100, maxBatchesInFlight: 2 },
  kernelThreads: 'auto',
  pool: DEFAULT_POOL,
  limits: {
    maxImagesPerRequest: CLIENT_LIMITS.maxImagesPerRequest,
    maxConnections: 1000,
    maxRequestsPerConnection: 64,
    maxRequests: 1000,
    maxRequestBytes: 536_870_912,
    maxModels: 64,
    maxModelBytes: 1024 * 1024 * 1024,
  },
  log: { level: 'info' },
} as const;
