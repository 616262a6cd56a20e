/**
 * Signatures of the model owner: over the cluster, manifests, serving and access orders, and a worker's challenge. Ed25519
 * (RFC 8032), verified strictly (cofactorless edge cases of ZIP 215 are refused). Each use begins with its own context line,
 * so a signature given for one purpose is worth nothing for another.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { z } from 'zod';
import {
  type AccessOrder,
  accessOrderSchema,
  type SignedAccessOrder,
  signedAccessOrderSchema,
} from './access-order.js';
import { bytesToHex, hexSchema, hexToBytes, sha256Hex, utf8ToBytes } from './bytes.js';
import { canonicalJson } from './canonical-json.js';
import { type Cluster, clusterSchema } from './cluster.js';
import { TrivetError } from './errors.js';
import { type Manifest, manifestSchema, type SignedManifest, signedManifestSchema } from './manifest.js';
import { parseJson, parseStrict } from './parse.js';
import { withHidden } from './redacted.js';
import {
  type ServingOrder,
  type SignedServingOrder,
  servingOrderSchema,
  signedServingOrderSchema,
} from './serving-order.js';
import type { SignedText } from './signed-text.js';

const CLUSTER_CONTEXT = 'trivet cluster v1\n';
const MANIFEST_CONTEXT = 'trivet manifest v1\n';
const SERVING_ORDER_CONTEXT = 'trivet serving order v1\n';
const ACCESS_ORDER_CONTEXT = 'trivet access order v1\n';
const OWNER_AUTH_CONTEXT = 'trivet owner authentication v1\n';

const keySchema = hexSchema(32);
const signatureSchema = hexSchema(64);

/** A model owner's Ed25519 keys, 32 bytes each in lowercase hex. The secret one never leaves the owner, and is not shown. */
export interface OwnerKeys {
  readonly secretKey: string;
  readonly publicKey: string;
}

/** Fresh owner keys, from the platform's secure random source. */
export function generateOwnerKeys(): OwnerKeys {
  const { secretKey, publicKey } = ed25519.keygen();
  const keys = withHidden({ publicKey: bytesToHex(publicKey) }, { secretKey: bytesToHex(secretKey) });
  secretKey.fill(0);
  return keys;
}

/** The public key that belongs to an owner's secret key. */
export function ownerPublicKey(ownerSecretKeyHex: string): string {
  return withSecretKey(ownerSecretKeyHex, (secretKey) => bytesToHex(ed25519.getPublicKey(secretKey)));
}

/**
 * Signs who the workers are: names, order and keys, and whose models they serve. Not signed is where they are.
 * @throws TrivetError INVALID_ARGUMENT when the cluster or the key is malformed
 */
export function signCluster(cluster: Omit<Cluster, 'signature'>, ownerSecretKeyHex: string): Cluster {
  const signature = sign(CLUSTER_CONTEXT + signedPart(cluster), ownerSecretKeyHex);
  return parseStrict(clusterSchema, { ...cluster, signature }, 'The cluster');
}

/**
 * Reads a cluster file: its form and its owner's signature are checked.
 * @param what what it is, to begin the error's sentence
 * @throws TrivetError INVALID_ARGUMENT (malformed), FAILED_PRECONDITION (of before workers had keys for sealed messages)
 *   or PERMISSION_DENIED (wrong signature)
 */
export function readClusterText(text: string, what: string): Cluster {
  const value = parseJson(z.unknown(), text, what);
  if (typeof value === 'object' && value !== null && 'workers' in value && !('signature' in value)) {
    const sentence = `${what} is of an earlier version, without the workers' keys for sealed messages. Whoever made the cluster runs \`trivet init --upgrade\`, and hands the new file out.`;
    throw new TrivetError('FAILED_PRECONDITION', sentence);
  }
  const cluster = parseStrict(clusterSchema, value, what);
  if (!verify(cluster.signature, utf8ToBytes(CLUSTER_CONTEXT + signedPart(cluster)), cluster.ownerKey)) {
    throw new TrivetError('PERMISSION_DENIED', `${what} was changed since its owner signed it.`);
  }
  return cluster;
}

function signedPart({ clusterId, ownerKey, workers }: Omit<Cluster, 'signature'>): string {
  const signed = workers.map(({ index, name, sealingKey }) => ({ index, name, sealingKey }));
  return canonicalJson({ clusterId, ownerKey, workers: signed });
}

/**
 * Prints a manifest canonically and signs the text.
 * @throws TrivetError INVALID_ARGUMENT when the manifest or the key is malformed
 */
export function signManifest(manifest: Manifest, ownerSecretKeyHex: string): SignedManifest {
  const text = canonicalJson(parseStrict(manifestSchema, manifest, 'The manifest'));
  return parseStrict(
    signedManifestSchema,
    {
      text,
      ownerKey: ownerPublicKey(ownerSecretKeyHex),
      signature: sign(MANIFEST_CONTEXT + text, ownerSecretKeyHex),
    },
    'The signed manifest',
  );
}

/**
 * Checks a signed manifest: its form, the owner's signature, and that its text is the canonical one.
 * Whether the plan's steps fit together is for mpc-core's `validatePlan`.
 * @param expectedOwnerKey when given, the only key whose signature counts
 * @throws TrivetError INVALID_ARGUMENT (malformed) or PERMISSION_DENIED (wrong key or signature)
 */
export function verifyManifest(signed: SignedManifest, expectedOwnerKey?: string): Manifest {
  const { text, ownerKey, signature } = parseStrict(signedManifestSchema, signed, 'The signed manifest');
  if (expectedOwnerKey !== undefined && ownerKey !== expectedOwnerKey) {
    throw new TrivetError(
      'PERMISSION_DENIED',
      'The model is signed with another key than the owner key of this cluster.',
    );
  }
  if (!verify(signature, utf8ToBytes(MANIFEST_CONTEXT + text), ownerKey)) {
    throw new TrivetError('PERMISSION_DENIED', "The signature of the model's manifest is not the owner's.");
  }
  const manifest = parseJson(manifestSchema, text, 'The manifest');
  if (canonicalJson(manifest) !== text) {
    throw new TrivetError('INVALID_ARGUMENT', 'The manifest is not written as canonical JSON.');
  }
  return manifest;
}

/** SHA-256 of the manifest's text, lowercase hex: the name of a model in every request. */
export function manifestDigest(signed: SignedManifest): string {
  return sha256Hex(signed.text);
}

/** One kind of order: how it is signed, its forms, and what errors call it. */
interface OrderKind<Order extends { readonly clusterId: string }> {
  readonly context: string;
  readonly schema: z.ZodType<Order>;
  readonly signedSchema: z.ZodType<SignedText>;
  readonly what: string;
}

const SERVING_ORDER: OrderKind<ServingOrder> = {
  context: SERVING_ORDER_CONTEXT,
  schema: servingOrderSchema,
  signedSchema: signedServingOrderSchema,
  what: 'serving order',
};

const ACCESS_ORDER: OrderKind<AccessOrder> = {
  context: ACCESS_ORDER_CONTEXT,
  schema: accessOrderSchema,
  signedSchema: signedAccessOrderSchema,
  what: 'access order',
};

/**
 * Prints a serving order canonically and signs the text.
 * @throws TrivetError INVALID_ARGUMENT when the order or the key is malformed
 */
export function signServingOrder(order: ServingOrder, ownerSecretKeyHex: string): SignedServingOrder {
  return signOrder(SERVING_ORDER, order, ownerSecretKeyHex);
}

/**
 * Checks a signed serving order: its form, its cluster, the owner's signature, and that its text is the canonical one.
 * @throws TrivetError INVALID_ARGUMENT (malformed, of another cluster) or PERMISSION_DENIED (wrong signature)
 */
export function verifyServingOrder(
  signed: SignedServingOrder,
  ownerKey: string,
  clusterId: string,
): ServingOrder {
  return verifyOrder(SERVING_ORDER, signed, ownerKey, clusterId);
}

/** As {@link signServingOrder}. */
export function signAccessOrder(order: AccessOrder, ownerSecretKeyHex: string): SignedAccessOrder {
  return signOrder(ACCESS_ORDER, order, ownerSecretKeyHex);
}

/** As {@link verifyServingOrder}. */
export function verifyAccessOrder(
  signed: SignedAccessOrder,
  ownerKey: string,
  clusterId: string,
): AccessOrder {
  return verifyOrder(ACCESS_ORDER, signed, ownerKey, clusterId);
}

function signOrder<Order extends { readonly clusterId: string }>(
  { context, schema, signedSchema, what }: OrderKind<Order>,
  order: Order,
  ownerSecretKeyHex: string,
): SignedText {
  const text = canonicalJson(parseStrict(schema, order, `The ${what}`));
  const signature = sign(context + text, ownerSecretKeyHex);
  return parseStrict(signedSchema, { text, signature }, `The signed ${what}`);
}

function verifyOrder<Order extends { readonly clusterId: string }>(
  { context, schema, signedSchema, what }: OrderKind<Order>,
  signed: SignedText,
  ownerKey: string,
  clusterId: string,
): Order {
  const { text, signature } = parseStrict(signedSchema, signed, `The signed ${what}`);
  if (!verify(signature, utf8ToBytes(context + text), ownerKey)) {
    throw new TrivetError('PERMISSION_DENIED', `The signature of the ${what} is not the owner's.`);
  }
  const order = parseJson(schema, text, `The ${what}`);
  if (canonicalJson(order) !== text) {
    throw new TrivetError('INVALID_ARGUMENT', `The ${what} is not written as canonical JSON.`);
  }
  if (order.clusterId !== clusterId) {
    throw new TrivetError('INVALID_ARGUMENT', `The ${what} is meant for another cluster.`);
  }
  return order;
}

/** What an owner signs to authenticate: bound to the cluster, the worker and that worker's fresh challenge. */
export function ownerAuthMessage(clusterId: string, workerIndex: number, challengeHex: string): string {
  return `${OWNER_AUTH_CONTEXT}${clusterId}\n${workerIndex}\n${challengeHex}`;
}

/** The owner's signature, hex, over {@link ownerAuthMessage}. */
export function signOwnerChallenge(
  ownerSecretKeyHex: string,
  clusterId: string,
  workerIndex: number,
  challengeHex: string,
): string {
  return sign(ownerAuthMessage(clusterId, workerIndex, challengeHex), ownerSecretKeyHex);
}

/** Whether `signatureHex` is the owner's over this worker's challenge; malformed input is just false. */
export function verifyOwnerSignature(
  ownerKeyHex: string,
  clusterId: string,
  workerIndex: number,
  challengeHex: string,
  signatureHex: string,
): boolean {
  return verify(
    signatureHex,
    utf8ToBytes(ownerAuthMessage(clusterId, workerIndex, challengeHex)),
    ownerKeyHex,
  );
}

function verify(signatureHex: string, message: Uint8Array, publicKeyHex: string): boolean {
  if (!keySchema.safeParse(publicKeyHex).success || !signatureSchema.safeParse(signatureHex).success)
    return false;
  try {
    return ed25519.verify(hexToBytes(signatureHex), message, hexToBytes(publicKeyHex), { zip215: false });
  } catch {
    // A key that is no point of the curve.
    return false;
  }
}

/** The signature, hex, of the text's UTF-8. */
function sign(text: string, secretKeyHex: string): string {
  return withSecretKey(secretKeyHex, (secretKey) => bytesToHex(ed25519.sign(utf8ToBytes(text), secretKey)));
}

/** Uses the bytes of a key, which are wiped afterwards; a string cannot be. */
function withSecretKey<T>(hex: string, use: (secretKey: Uint8Array) => T): T {
  if (!keySchema.safeParse(hex).success) {
    throw new TrivetError('INVALID_ARGUMENT', 'An owner key is 32 bytes in lowercase hexadecimal.');
  }
  const secretKey = hexToBytes(hex);
  try {
    return use(secretKey);
  } finally {
    secretKey.fill(0);
  }
}
