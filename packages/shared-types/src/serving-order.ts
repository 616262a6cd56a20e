/**
 * A serving order: what the owner of a model has the three workers do with its versions. It is signed, numbered and the
 * same for all three, so that a worker needs to trust nobody for it: not the worker it hears it from, and not its own
 * disk. Of two orders of one model the one with the higher sequence counts; workers pass the newest on to each other.
 */
import { z } from 'zod';
import { hexSchema } from './bytes.js';
import { clusterIdSchema } from './cluster.js';
import { modelNameSchema } from './manifest.js';
import { protocolNameSchema } from './protocols.js';
import { signedTextSchema } from './signed-text.js';

export const ORDER_LIMITS = {
  /** Versions of one model that are served at once. */
  maxVersions: 16,
  maxLabels: 64,
  /** Of an order's text. */
  maxBytes: 32_768,
  maxSequence: 0xffff_ffff,
} as const;

export const versionSchema = z.int().min(1).max(2_147_483_647);

export const versionLabelSchema = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/,
    'a label is a letter and up to 63 letters, digits, "_", "." or "-"',
  );

const sequenceSchema = z.int().min(1).max(ORDER_LIMITS.maxSequence);

const servedVersionSchema = z.strictObject({
  version: versionSchema,
  /** SHA-256 of its manifest's text. */
  digest: hexSchema(32),
  /** What runs requests that name no protocol. */
  protocol: protocolNameSchema,
});
export type ServedVersion = z.infer<typeof servedVersionSchema>;

export const servingOrderSchema = z
  .strictObject({
    format: z.literal(1),
    clusterId: clusterIdSchema,
    model: modelNameSchema,
    /** One more than the model's last order. */
    sequence: sequenceSchema,
    /** The sequence of the order that began to count: predictions are counted, and limited, from there on. */
    since: sequenceSchema,
    /** Predictions (images) that all versions together may answer; null: no limit. */
    requestLimit: z.int().min(1).nullable(),
    /** The versions that answer; none: the model is not served. */
    versions: z.array(servedVersionSchema).max(ORDER_LIMITS.maxVersions),
    /** The version that answers who names none. */
    current: versionSchema.nullable(),
    /** Names for versions, for example "stable" and "canary". */
    labels: z.record(versionLabelSchema, versionSchema),
  })
  .superRefine((order, context) => {
    const refuse = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    const served = new Set(order.versions.map(({ version }) => version));
    if (order.since > order.sequence) refuse('since', 'cannot be after the order itself');
    if (served.size !== order.versions.length) refuse('versions', 'names a version twice');
    if (served.size === 0 ? order.current !== null : !served.has(order.current ?? 0)) {
      refuse('current', 'must be one of the versions');
    }
    if (!Object.values(order.labels).every((version) => served.has(version))) {
      refuse('labels', 'must name versions that are served');
    }
    if (Object.keys(order.labels).length > ORDER_LIMITS.maxLabels) refuse('labels', 'too many');
  });
export type ServingOrder = z.infer<typeof servingOrderSchema>;

/** An order as it travels: its exact signed text, and the signature of the cluster's owner, in hex. */
export const signedServingOrderSchema = signedTextSchema(ORDER_LIMITS.maxBytes);
export type SignedServingOrder = z.infer<typeof signedServingOrderSchema>;
