/**
 * An access order: who may ask for predictions. One for the whole cluster, signed by the owner, numbered, and the same for
 * all three workers, like a serving order: of two the one with the higher sequence counts, and workers pass the newest on.
 *
 * It carries no token. For each token and each worker it has a *verifier*, the hash of what that worker will be shown (see
 * client-token.ts): enough to check a token, of no use to present one.
 */
import { z } from 'zod';
import { hexSchema } from './bytes.js';
import { clusterIdSchema } from './cluster.js';
import { modelNameSchema } from './manifest.js';
import { signedTextSchema } from './signed-text.js';

export const ACCESS_LIMITS = {
  /** Those that are revoked or have expired included. */
  maxTokens: 1000,
  maxModels: 1024,
  /** Models that one token may name. */
  maxModelsPerToken: 64,
  /** Of an order's text. */
  maxBytes: 2 * 1024 * 1024,
  maxSequence: 0xffff_ffff,
  /** Samples. */
  maxQuota: 1_000_000_000_000,
  /** Samples a second, and samples at once. */
  maxRate: 1_000_000,
} as const;

/**
 * Who may ask for a model's predictions:
 *
 * - tokens: who has a token for it. This holds for every model of which no order says anything.
 * - local: besides, whoever is on the worker's own machine: for trying out, when all three run there.
 * - open: everybody who can reach the workers.
 */
export const ACCESS_MODES = ['tokens', 'local', 'open'] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];
export const accessModeSchema = z.enum(ACCESS_MODES);

/** Names a token in lists and orders; it says nothing of the token's secret. */
export const tokenIdSchema = hexSchema(8);

const time = z.iso.datetime();

export const rateSchema = z.strictObject({
  /** Samples a second, in the long run. */
  perSecond: z.number().positive().max(ACCESS_LIMITS.maxRate),
  /** Samples that may be asked for at once after a pause; no single request may have more. */
  burst: z.int().min(1).max(ACCESS_LIMITS.maxRate),
});
export type Rate = z.infer<typeof rateSchema>;

export const tokenGrantSchema = z.strictObject({
  id: tokenIdSchema,
  /** For the owner to tell tokens apart. Workers read it too: it should name nobody. */
  name: z.string().regex(/^[^\p{Cc}]{1,64}$/u, "a token's name has 1 to 64 characters"),
  /** The models that it is good for; null: all of them, of now and of later. */
  models: z.array(modelNameSchema).min(1).max(ACCESS_LIMITS.maxModelsPerToken).nullable(),
  /** Predictions (samples) that it may have answered in its life; null: no limit. */
  quota: z.int().min(1).max(ACCESS_LIMITS.maxQuota).nullable(),
  rate: rateSchema.nullable(),
  createdAt: time,
  expiresAt: time.nullable(),
  /** Since when it is good for nothing any more. */
  revokedAt: time.nullable(),
  /** For worker 0, 1 and 2: SHA-256 of what the token's holder can show that worker. */
  verifiers: z.tuple([hexSchema(32), hexSchema(32), hexSchema(32)]),
});
export type TokenGrant = z.infer<typeof tokenGrantSchema>;

export const accessOrderSchema = z
  .strictObject({
    format: z.literal(1),
    clusterId: clusterIdSchema,
    /** One more than the last order's. */
    sequence: z.int().min(1).max(ACCESS_LIMITS.maxSequence),
    models: z.record(modelNameSchema, accessModeSchema),
    tokens: z.array(tokenGrantSchema).max(ACCESS_LIMITS.maxTokens),
  })
  .superRefine((order, context) => {
    const refuse = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (new Set(order.tokens.map(({ id }) => id)).size !== order.tokens.length) {
      refuse('tokens', 'names a token twice');
    }
    if (Object.keys(order.models).length > ACCESS_LIMITS.maxModels) refuse('models', 'too many');
  });
export type AccessOrder = z.infer<typeof accessOrderSchema>;

/** An order as it travels: its exact signed text, and the signature of the cluster's owner, in hex. */
export const signedAccessOrderSchema = signedTextSchema(ACCESS_LIMITS.maxBytes);
export type SignedAccessOrder = z.infer<typeof signedAccessOrderSchema>;
