/**
 * The public cluster file, `cluster.json`: what a client needs to know to find three workers, to seal what it sends to
 * each of them, and to trust a model. It holds no secret and may be published. Its owner signs all of it but the
 * addresses, which an operator may change without the owner (see signing.ts).
 */
import { z } from 'zod';
import { hexSchema } from './bytes.js';
import { sealingKeySchema } from './sealing/keys.js';

export const clusterIdSchema = hexSchema(16);

export const workerNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a worker name is 1 to 32 lowercase letters, digits or "-"');

const urlSchema = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }).max(2048);

function workerSchema<Index extends 0 | 1 | 2>(index: Index) {
  return z.strictObject({
    index: z.literal(index),
    name: workerNameSchema,
    url: urlSchema,
    sealingKey: sealingKeySchema,
  });
}

export const clusterSchema = z
  .strictObject({
    format: z.literal(1),
    /** 16 random bytes that name the cluster. */
    clusterId: clusterIdSchema,
    /** Ed25519 public key of the model owner. */
    ownerKey: hexSchema(32),
    /** In order of their index. */
    workers: z.tuple([workerSchema(0), workerSchema(1), workerSchema(2)]),
    /** The owner's Ed25519 signature over everything but the addresses. */
    signature: hexSchema(64),
  })
  .superRefine((cluster, context) => {
    for (const key of ['name', 'url', 'sealingKey'] as const) {
      if (new Set(cluster.workers.map((worker) => worker[key])).size !== 3) {
        context.addIssue({ code: 'custom', path: ['workers'], message: `every worker needs its own ${key}` });
      }
    }
  });

export type Cluster = z.infer<typeof clusterSchema>;
