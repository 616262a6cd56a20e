/**
 * Messages between a client (data owner, model owner or status page) and one worker, over socket.io.
 *
 * Every event is acknowledged with an `Outcome`. Control messages are small JSON objects with strict schemas;
 * predictions and shares are binary (see predict-codec.ts). `docs/wire.md` says what each receiver learns.
 */
import { z } from 'zod';
import { modelNameSchema, signedManifestSchema } from './manifest.js';

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

export const peerStateSchema = z.strictObject({
  name: z.string(),
  connected: z.boolean(),
  /** Round-trip time of the last heartbeat, or null while unknown. */
  roundTripMs: z.number().nullable(),
});

export const modelStatusSchema = z.strictObject({
  manifest: signedManifestSchema,
  /** SHA-256 of the manifest's text, lowercase hex. */
  digest: z.hex().length(64),
  /** AVAILABLE: all three workers hold it. SERVING: it also answers predictions. LOADING: peers are missing it. */
  state: z.enum(['LOADING', 'AVAILABLE', 'SERVING']),
  /** Predictions served since `serve`, and the limit given to it (null: none). */
  served: z.int().min(0),
  requestLimit: z.int().min(1).nullable(),
});
export type ModelStatus = z.infer<typeof modelStatusSchema>;

/** A worker's public state: answer to `describe`, and pushed as `server.status` to watchers. */
export const workerStatusSchema = z.strictObject({
  wireVersion: z.literal(WIRE_VERSION),
  worker: z.strictObject({ index: z.int().min(0).max(2), name: z.string() }),
  clusterId: z.string(),
  version: z.string(),
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

export const cancelSchema = z.strictObject({ requestId: z.hex().length(32) });

/** Owner authentication: Ed25519 over the worker's challenge (see owner-auth.ts). */
export const authenticateSchema = z.strictObject({ signature: z.hex().length(128) });

export const shareBeginSchema = z.strictObject({
  manifest: signedManifestSchema,
  /** Size of this worker's share file in bytes. */
  bytes: z
    .int()
    .min(1)
    .max(1024 * 1024 * 1024),
});
/** Answer to share-begin; `uploadId` names the chunks that follow. */
export const shareBegunSchema = z.strictObject({ uploadId: z.hex().length(32) });
export const shareChunkSchema = z.strictObject({
  uploadId: z.hex().length(32),
  offset: z.int().min(0),
  data: z.instanceof(Uint8Array),
});
export const shareCommitSchema = z.strictObject({ uploadId: z.hex().length(32) });

export const serveSchema = z.strictObject({
  model: modelNameSchema,
  /** Stop after this many predictions (images); null serves until stopped. */
  requestLimit: z.int().min(1).nullable(),
});
export const stopSchema = z.strictObject({ model: modelNameSchema });

/** Pushed to the owner's connection after each prediction, by every worker. */
export const servedEventSchema = z.strictObject({
  model: modelNameSchema,
  served: z.int().min(1),
  requestLimit: z.int().min(1).nullable(),
});
export type ServedEvent = z.infer<typeof servedEventSchema>;
