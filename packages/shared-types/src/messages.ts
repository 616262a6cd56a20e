/**
 * Messages between a client (data owner, model owner or status page) and one worker, over socket.io.
 *
 * Every event has exactly one payload and is acknowledged with exactly one `Outcome`. Control messages are small JSON
 * objects with strict schemas; predictions and shares are binary (see predict-codec.ts). `docs/wire.md` says what each
 * receiver learns.
 *
 * | event        | payload                  | value of the acknowledgement                                |
 * | ------------ | ------------------------ | ----------------------------------------------------------- |
 * | describe     | `emptySchema`            | `workerStatusSchema`                                        |
 * | predict      | request bytes            | reply bytes                                                 |
 * | cancel       | `cancelSchema`           | `emptySchema`; the predict itself answers CANCELLED         |
 * | watch        | `emptySchema`            | `workerStatusSchema`; then `server.status` at every change  |
 * | challenge    | `emptySchema`            | `challengeSchema`; good once, on this connection            |
 * | authenticate | `authenticateSchema`     | `emptySchema`                                               |
 * | shareBegin   | `shareBeginSchema`       | `shareBegunSchema`                                          |
 * | shareChunk   | `shareChunkSchema`       | `emptySchema`; chunks arrive in order of their offset       |
 * | shareCommit  | `shareCommitSchema`      | `shareCommittedSchema`; the share is on disk                |
 * | serve        | `serveSchema`            | `emptySchema`; then `server.served` after each prediction   |
 * | stop         | `stopSchema`             | `emptySchema`; a model that is not serving stays as it is   |
 *
 * challenge and authenticate come before shareBegin, shareChunk, shareCommit, serve and stop, which answer
 * UNAUTHENTICATED without them.
 */
import { z } from 'zod';
import { hexSchema } from './bytes.js';
import { clusterIdSchema, workerNameSchema } from './cluster.js';
import { ERROR_CODES } from './errors.js';
import { modelNameSchema, signedManifestSchema } from './manifest.js';
import { protocolNameSchema } from './protocols.js';

export const WIRE_VERSION = 1;

/** Limits of the client endpoint. */
export const CLIENT_LIMITS = {
  /** Largest socket.io message, in bytes. */
  maxMessageBytes: 64 * 1024 * 1024,
  maxImagesPerRequest: 1000,
  /** Model shares travel in chunks of at most this size. */
  shareChunkBytes: 512 * 1024,
  minDeadlineMs: 1,
  maxDeadlineMs: 600_000,
} as const;

/** Names of the socket.io events; `server` events are pushed by the worker without an acknowledgement. */
export const EVENTS = {
  describe: 'trivet:describe',
  predict: 'trivet:predict',
  cancel: 'trivet:cancel',
  watch: 'trivet:watch',
  challenge: 'trivet:owner:challenge',
  authenticate: 'trivet:owner:authenticate',
  shareBegin: 'trivet:owner:share-begin',
  shareChunk: 'trivet:owner:share-chunk',
  shareCommit: 'trivet:owner:share-commit',
  serve: 'trivet:owner:serve',
  stop: 'trivet:owner:stop',
  server: { status: 'trivet:status', served: 'trivet:served' },
} as const;

/** Payload or value that carries nothing. */
export const emptySchema = z.strictObject({});

export const errorBodySchema = z.strictObject({
  code: z.enum(ERROR_CODES),
  message: z.string().max(65_536),
  worker: workerNameSchema.nullable(),
});

/** An acknowledgement whose value fits `value`. */
export function outcomeSchema<T>(value: z.ZodType<T>) {
  return z.discriminatedUnion('ok', [
    z.strictObject({ ok: z.literal(true), value }),
    z.strictObject({ ok: z.literal(false), error: errorBodySchema }),
  ]);
}

export const peerStateSchema = z.strictObject({
  name: workerNameSchema,
  connected: z.boolean(),
  /** Round-trip time of the last heartbeat, or null while unknown. */
  roundTripMs: z.number().nullable(),
});

export const modelStatusSchema = z.strictObject({
  manifest: signedManifestSchema,
  /** SHA-256 of the manifest's text, lowercase hex. */
  digest: hexSchema(32),
  /** AVAILABLE: all three workers hold it. SERVING: it also answers predictions. LOADING: peers are missing it. */
  state: z.enum(['LOADING', 'AVAILABLE', 'SERVING']),
  /** Predictions served since `serve`, and the limit given to it (null: none). */
  served: z.int().min(0),
  requestLimit: z.int().min(1).nullable(),
  /** What runs requests that name no protocol, one of the manifest's. */
  protocol: protocolNameSchema,
});
export type ModelStatus = z.infer<typeof modelStatusSchema>;

/** A worker's public state: answer to `describe`, and pushed as `server.status` to watchers. */
export const workerStatusSchema = z.strictObject({
  wireVersion: z.literal(WIRE_VERSION),
  worker: z.strictObject({ index: z.int().min(0).max(2), name: workerNameSchema }),
  clusterId: clusterIdSchema,
  /** Version of the worker's software. */
  version: z.string().max(64),
  ready: z.boolean(),
  uptimeSeconds: z.number(),
  peers: z.array(peerStateSchema).length(2),
  models: z.array(modelStatusSchema),
  queueLength: z.int().min(0),
  servedTotal: z.int().min(0),
  bytesSentTotal: z.int().min(0),
  memoryBytes: z.int().min(0),
});
export type WorkerStatus = z.infer<typeof workerStatusSchema>;

export const cancelSchema = z.strictObject({ requestId: hexSchema(16) });

/** 32 random bytes, to be signed by the owner (see signing.ts). */
export const challengeSchema = z.strictObject({ challenge: hexSchema(32) });

/** Owner authentication: Ed25519 over the worker's challenge. */
export const authenticateSchema = z.strictObject({ signature: hexSchema(64) });

export const shareBeginSchema = z.strictObject({
  manifest: signedManifestSchema,
  /** Size of this worker's share file in bytes. */
  bytes: z
    .int()
    .min(1)
    .max(1024 * 1024 * 1024),
});
/** Answer to share-begin; `uploadId` names the chunks that follow. */
export const shareBegunSchema = z.strictObject({ uploadId: hexSchema(16) });
export const shareChunkSchema = z.strictObject({
  uploadId: hexSchema(16),
  offset: z.int().min(0),
  data: z.instanceof(Uint8Array),
});
export const shareCommitSchema = z.strictObject({ uploadId: hexSchema(16) });

/** `digest`: SHA-256 of the manifest's text. */
export const shareCommittedSchema = z.strictObject({ digest: hexSchema(32) });

export const serveSchema = z.strictObject({
  model: modelNameSchema,
  /** Stop after this many predictions (images); null serves until stopped. */
  requestLimit: z.int().min(1).nullable(),
  /** For requests that name none; null: the manifest's first. Requests under way end as they began. */
  protocol: protocolNameSchema.nullable(),
});
export const stopSchema = z.strictObject({ model: modelNameSchema });

/**
 * Pushed by every worker to the connection that sent `serve`, after each request it has answered: `served` counts
 * images since `serve`, so it may grow by more than one. When it reaches `requestLimit` the model stops serving.
 */
export const servedEventSchema = z.strictObject({
  model: modelNameSchema,
  served: z.int().min(1),
  requestLimit: z.int().min(1).nullable(),
});
export type ServedEvent = z.infer<typeof servedEventSchema>;
