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
 * | room         | `roomSchema`             | `emptySchema`; RESOURCE_EXHAUSTED as predict would answer now |
 * | cancel       | `cancelSchema`           | `emptySchema`; the predict itself answers CANCELLED         |
 * | watch        | `emptySchema`            | `workerStatusSchema`; then `server.status` at every change  |
 * | tokenChallenge | `emptySchema`          | `challengeSchema`; good once, on this connection            |
 * | token        | `tokenProofSchema`       | `emptySchema`; predictions of this connection are the token's |
 * | challenge    | `emptySchema`            | `challengeSchema`; good once, on this connection            |
 * | authenticate | `authenticateSchema`     | `emptySchema`                                               |
 * | shareBegin   | `shareBeginSchema`       | `shareBegunSchema`                                          |
 * | shareChunk   | `shareChunkSchema`       | `emptySchema`; chunks arrive in order of their offset       |
 * | shareCommit  | `shareCommitSchema`      | `shareCommittedSchema`; the share is on disk                |
 * | order        | `orderSchema`            | `emptySchema`, when it is on disk; then `server.served`     |
 * | remove       | `removeSchema`           | `emptySchema`; a version that is not there is no error      |
 * | access       | `emptySchema`            | `accessSchema`                                              |
 * | accessOrder  | `accessOrderedSchema`    | `emptySchema`, when it is on disk and in force              |
 *
 * challenge and authenticate come before shareBegin, shareChunk, shareCommit, order, remove, access and accessOrder,
 * which answer UNAUTHENTICATED without them.
 */
import { z } from 'zod';
import { accessModeSchema, signedAccessOrderSchema, tokenIdSchema } from './access-order.js';
import { hexSchema } from './bytes.js';
import { clusterIdSchema, workerNameSchema } from './cluster.js';
import { ERROR_CODES } from './errors.js';
import { modelNameSchema, signedManifestSchema } from './manifest.js';
import { protocolNameSchema } from './protocols.js';
import {
  ORDER_LIMITS,
  signedServingOrderSchema,
  versionLabelSchema,
  versionSchema,
} from './serving-order.js';

export const WIRE_VERSION = 3;

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
  /** The two that socket.io sees: how a sealed connection begins, and everything afterwards. */
  seal: 'trivet:seal',
  sealed: 'trivet:sealed',
  describe: 'trivet:describe',
  predict: 'trivet:predict',
  room: 'trivet:room',
  cancel: 'trivet:cancel',
  watch: 'trivet:watch',
  tokenChallenge: 'trivet:token:challenge',
  token: 'trivet:token:present',
  challenge: 'trivet:owner:challenge',
  authenticate: 'trivet:owner:authenticate',
  shareBegin: 'trivet:owner:share-begin',
  shareChunk: 'trivet:owner:share-chunk',
  shareCommit: 'trivet:owner:share-commit',
  order: 'trivet:owner:order',
  remove: 'trivet:owner:remove',
  access: 'trivet:owner:access',
  accessOrder: 'trivet:owner:access-order',
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

/**
 * States of a version, those of TensorFlow Serving's ModelVersionStatus, as one worker sees them:
 *
 * - START: on disk, not served yet.
 * - LOADING: to be served, but not all three workers have it in memory and know of the order.
 * - AVAILABLE: answers predictions.
 * - UNLOADING: not served any more; what is under way is answered.
 * - END: was served, and is not now. It is on disk and can be served again.
 * - UNKNOWN: what a client says of a version about which the workers do not agree; no worker says it of itself.
 */
export const VERSION_STATES = ['UNKNOWN', 'START', 'LOADING', 'AVAILABLE', 'UNLOADING', 'END'] as const;
export type VersionState = (typeof VERSION_STATES)[number];

/** One version of a model that a worker holds. */
export const modelStatusSchema = z.strictObject({
  manifest: signedManifestSchema,
  /** SHA-256 of the manifest's text, lowercase hex. */
  digest: hexSchema(32),
  state: z.enum(VERSION_STATES).exclude(['UNKNOWN']),
  /** Whether it answers who names no version. */
  current: z.boolean(),
  labels: z.array(versionLabelSchema).max(ORDER_LIMITS.maxLabels),
  /**
   * Predictions that all versions of the model together have served, and may serve (null: no limit). Both are null for who
   * is not told how much others ask.
   */
  served: z.int().min(0).nullable(),
  requestLimit: z.int().min(1).nullable(),
  /** What runs requests that name no protocol, one of the manifest's. */
  protocol: protocolNameSchema,
  /** Who may ask. */
  access: accessModeSchema,
});
export type ModelStatus = z.infer<typeof modelStatusSchema>;

/** How far a worker is with the owner's orders for a model. */
export const orderStatusSchema = z.strictObject({
  model: modelNameSchema,
  /** The newest order on its disk. */
  order: signedServingOrderSchema,
  /** Whether that one is in force; until then the one before it is. */
  inForce: z.boolean(),
});
export type OrderStatus = z.infer<typeof orderStatusSchema>;

/** How a worker is, for those who look after it. */
export const operationSchema = z.strictObject({
  /** Version of the worker's software. */
  version: z.string().max(64),
  uptimeSeconds: z.number(),
  peers: z.array(peerStateSchema).length(2),
  queueLength: z.int().min(0),
  servedTotal: z.int().min(0),
  bytesSentTotal: z.int().min(0),
  memoryBytes: z.int().min(0),
});
export type Operation = z.infer<typeof operationSchema>;

/**
 * As whom a connection is shown models: `owner`, all of them; `token`, those that its token is for, and those that are open
 * to it; `nobody`, the open ones.
 */
export const VIEWERS = ['owner', 'token', 'nobody'] as const;
export type Viewer = (typeof VIEWERS)[number];

/** A worker's state, as far as it is this connection's to know: answer to `describe`, and pushed as `server.status` to watchers. */
export const workerStatusSchema = z.strictObject({
  wireVersion: z.literal(WIRE_VERSION),
  worker: z.strictObject({ index: z.int().min(0).max(2), name: workerNameSchema }),
  clusterId: clusterIdSchema,
  ready: z.boolean(),
  viewer: z.enum(VIEWERS),
  /** Those that the viewer may ask for. */
  models: z.array(modelStatusSchema),
  /** The owner's to know; empty for others. */
  orders: z.array(orderStatusSchema),
  /** Null for those whose business it is not. */
  operation: operationSchema.nullable(),
});
export type WorkerStatus = z.infer<typeof workerStatusSchema>;

/** What a request would be, for which there may be room or not. */
export const roomSchema = z.strictObject({
  digest: hexSchema(32),
  count: z.number().int().min(1).max(CLIENT_LIMITS.maxImagesPerRequest),
  deadlineMs: z.number().int().min(CLIENT_LIMITS.minDeadlineMs).max(CLIENT_LIMITS.maxDeadlineMs),
});
export type RoomQuery = z.infer<typeof roomSchema>;

export const cancelSchema = z.strictObject({ requestId: hexSchema(16) });

/** 32 random bytes, to be signed by the owner (see signing.ts), or answered by a token's holder (client-token.ts). */
export const challengeSchema = z.strictObject({ challenge: hexSchema(32) });

/** Owner authentication: Ed25519 over the worker's challenge. */
export const authenticateSchema = z.strictObject({ signature: hexSchema(64) });

/** Shows a token: its id, and the answer to the worker's challenge. */
export const tokenProofSchema = z.strictObject({ id: tokenIdSchema, proof: hexSchema(32) });

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

export const orderSchema = z.strictObject({ order: signedServingOrderSchema });

/** Takes a version that is not served from the worker's disk. */
export const removeSchema = z.strictObject({ model: modelNameSchema, version: versionSchema });

/** The newest access order on the worker's disk, if any, and what of each token's quota is used up, as far as it knows. */
export const accessSchema = z.strictObject({
  order: signedAccessOrderSchema.nullable(),
  used: z.record(tokenIdSchema, z.int().min(0)),
});

export const accessOrderedSchema = z.strictObject({ order: signedAccessOrderSchema });

/**
 * Pushed by every worker to the connection that sent the order, after each request it has answered: `served` counts
 * images of all versions since the order's `since`, so it may grow by more than one. When it reaches `requestLimit` the
 * model stops serving.
 */
export const servedEventSchema = z.strictObject({
  model: modelNameSchema,
  served: z.int().min(1),
  requestLimit: z.int().min(1).nullable(),
});
export type ServedEvent = z.infer<typeof servedEventSchema>;
