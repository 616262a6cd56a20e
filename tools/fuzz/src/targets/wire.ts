/** Between clients and workers: predictions, control messages, what owners sign. */

import { readFileSync } from 'node:fs';
import { InvalidModelError, PLAN_LIMITS, validatePlan } from '@trivet/mpc-core';
import {
  type AccessOrder,
  accessOrderedSchema,
  accessSchema,
  authenticateSchema,
  bytesToHex,
  ClientToken,
  cancelSchema,
  canonicalJson,
  challengeSchema,
  decodePredictReply,
  decodePredictRequest,
  EVENTS,
  emptySchema,
  encodePredictReply,
  encodePredictRequest,
  hexToBytes,
  type Manifest,
  orderSchema,
  outcomeSchema,
  type PredictReply,
  parseStrict,
  readClusterText,
  removeSchema,
  roomSchema,
  type ServingOrder,
  servedEventSchema,
  sha256Hex,
  shareBeginSchema,
  shareBegunSchema,
  shareChunkSchema,
  shareCommitSchema,
  shareCommittedSchema,
  signAccessOrder,
  signManifest,
  signServingOrder,
  tokenProofSchema,
  verifyAccessOrder,
  verifyManifest,
  verifyOwnerSignature,
  verifyServingOrder,
  WIRE_VERSION,
  workerStatusSchema,
} from '@trivet/shared-types';
import { ModelCatalogue } from '../../../../packages/client/src/models.js';
import {
  CHALLENGE,
  CLUSTER,
  CLUSTER_ID,
  counting,
  JOINING_MANIFEST,
  MANIFEST,
  OWNER_PUBLIC_KEY,
  OWNER_SECRET_KEY,
} from '../../../../packages/shared-types/test/fixtures.js';
import { promise, sameBytes, type Target } from '../target.js';
import { canonicalOr, coded, json, ownerSignature, requirePlain, textOf, utf8 } from './support.js';

const VECTORS = new URL('../../../../packages/shared-types/vectors/v1/', import.meta.url);
const vectors = (name: string) => JSON.parse(readFileSync(new URL(name, VECTORS), 'utf8'));
const seedsOf = (name: string): Uint8Array[] =>
  (vectors(name).good as { bytes: string }[]).map(({ bytes }) => hexToBytes(bytes));

const predictRequest: Target = {
  name: 'predict-request',
  form: 'bytes',
  dictionary: ['TVQ2', 'TVR2'],
  prepare() {
    const { context } = vectors('predict-request.json');
    const limits = {
      maxCount: context.maxCount,
      inputSizeOf: (digest: string) => (digest === context.manifestDigest ? context.inputSize : undefined),
    };
    return {
      seeds: seedsOf('predict-request.json'),
      run(input) {
        const request = decodePredictRequest(input, limits);
        promise(sameBytes(encodePredictRequest(request).toBytes(), input), 'a request has two spellings');
      },
      expects: coded('INVALID_ARGUMENT', 'NOT_FOUND'),
    };
  },
};

const predictReply: Target = {
  name: 'predict-reply',
  form: 'bytes',
  dictionary: ['TVR2', 'TVQ2'],
  prepare() {
    const expected = vectors('predict-reply.json').context as PredictReply;
    return {
      seeds: seedsOf('predict-reply.json'),
      run(input) {
        const reply = decodePredictReply(input, expected);
        promise(sameBytes(encodePredictReply(reply), input), 'a reply has two spellings');
      },
      expects: coded('INVALID_ARGUMENT'),
    };
  },
};

const SIGNED = signManifest(MANIFEST, OWNER_SECRET_KEY);
const ORDER: ServingOrder = {
  format: 1,
  clusterId: CLUSTER_ID,
  model: 'tiny',
  sequence: 3,
  since: 2,
  requestLimit: 100,
  versions: [
    { version: 1, digest: '0a'.repeat(32), protocol: 'replicated' },
    { version: 2, digest: '0b'.repeat(32), protocol: 'fss' },
  ],
  current: 2,
  labels: { stable: 1, canary: 2 },
};
const SIGNED_ORDER = signServingOrder(ORDER, OWNER_SECRET_KEY);

const ACCESS = vectors('access-order.json').good.order as AccessOrder;
const SIGNED_ACCESS = signAccessOrder(ACCESS, OWNER_SECRET_KEY);

const STATUS = {
  wireVersion: WIRE_VERSION,
  worker: { index: 0, name: 'alice' },
  clusterId: CLUSTER_ID,
  ready: true,
  viewer: 'owner',
  models: [
    {
      manifest: SIGNED,
      digest: bytesToHex(counting(32)),
      state: 'AVAILABLE',
      current: true,
      labels: ['stable'],
      served: 3,
      requestLimit: null,
      protocol: 'replicated',
      access: 'tokens',
    },
  ],
  orders: [{ model: 'tiny', order: SIGNED_ORDER, inForce: true }],
  operation: {
    version: '0.1.0',
    uptimeSeconds: 1.5,
    peers: [
      { name: 'bob', connected: true, roundTripMs: 0.1 },
      { name: 'carol', connected: false, roundTripMs: null },
    ],
    queueLength: 0,
    servedTotal: 3,
    bytesSentTotal: 12_345,
    memoryBytes: 1_000_000,
  },
};
/** What is left of it for who may see less. */
const SHOWN_STATUS = {
  ...STATUS,
  viewer: 'token',
  models: [{ ...STATUS.models[0]!, served: null }],
  orders: [],
  operation: null,
};

/** JSON has no bytes: a chunk's data is given as hex here. */
const withBytes = (payload: unknown) =>
  typeof payload === 'object' && payload !== null && 'data' in payload && typeof payload.data === 'string'
    ? { ...payload, data: Buffer.from(payload.data, 'hex') }
    : payload;

const EVENT_SCHEMAS = {
  [EVENTS.describe]: emptySchema,
  [EVENTS.room]: roomSchema,
  [EVENTS.cancel]: cancelSchema,
  [EVENTS.authenticate]: authenticateSchema,
  [EVENTS.shareBegin]: shareBeginSchema,
  [EVENTS.shareChunk]: shareChunkSchema,
  [EVENTS.shareCommit]: shareCommitSchema,
  [EVENTS.order]: orderSchema,
  [EVENTS.remove]: removeSchema,
  [EVENTS.token]: tokenProofSchema,
  [EVENTS.access]: outcomeSchema(accessSchema),
  [EVENTS.accessOrder]: accessOrderedSchema,
  [EVENTS.server.status]: workerStatusSchema,
  [EVENTS.server.served]: servedEventSchema,
  begun: outcomeSchema(shareBegunSchema),
  committed: outcomeSchema(shareCommittedSchema),
  challenge: outcomeSchema(challengeSchema),
} as const;

const EVENT_SEEDS: readonly [keyof typeof EVENT_SCHEMAS, unknown][] = [
  [EVENTS.describe, {}],
  [EVENTS.room, { digest: '0f'.repeat(32), count: 1, deadlineMs: 1000 }],
  [EVENTS.cancel, { requestId: '0f'.repeat(16) }],
  [EVENTS.authenticate, { signature: '0f'.repeat(64) }],
  [EVENTS.shareBegin, { manifest: SIGNED, bytes: 300 }],
  [EVENTS.shareChunk, { uploadId: '0f'.repeat(16), offset: 0, data: '00ff' }],
  [EVENTS.shareCommit, { uploadId: '0f'.repeat(16) }],
  [EVENTS.order, { order: SIGNED_ORDER }],
  [EVENTS.remove, { model: 'tiny', version: 1 }],
  [EVENTS.token, { id: '0f'.repeat(8), proof: '0f'.repeat(32) }],
  [EVENTS.access, { ok: true, value: { order: SIGNED_ACCESS, used: { ['0f'.repeat(8)]: 3 } } }],
  [EVENTS.accessOrder, { order: SIGNED_ACCESS }],
  [EVENTS.server.status, STATUS],
  [EVENTS.server.status, SHOWN_STATUS],
  [EVENTS.server.served, { model: 'tiny', served: 1, requestLimit: 5 }],
  ['begun', { ok: true, value: { uploadId: '0f'.repeat(16) } }],
  ['committed', { ok: false, error: { code: 'ABORTED', message: 'm', worker: 'bob' } }],
  ['challenge', { ok: true, value: { challenge: CHALLENGE } }],
];

const clientMessages: Target = {
  name: 'client-messages',
  form: 'json',
  dictionary: Object.values(EVENTS).filter((event) => typeof event === 'string'),
  prepare: () => ({
    seeds: EVENT_SEEDS.map((seed) => json(seed)),
    run(input) {
      const parts: unknown = JSON.parse(textOf(input));
      if (!Array.isArray(parts) || typeof parts[0] !== 'string' || !Object.hasOwn(EVENT_SCHEMAS, parts[0]))
        return;
      const schema = EVENT_SCHEMAS[parts[0] as keyof typeof EVENT_SCHEMAS];
      requirePlain(parseStrict<unknown>(schema, withBytes(parts[1]), 'The message'));
    },
    // socket.io itself closes a connection whose text is no JSON.
    expects: (error) => error instanceof SyntaxError || coded('INVALID_ARGUMENT')(error),
  }),
};

const clientCatalogue: Target = {
  name: 'worker-status',
  form: 'json',
  prepare() {
    const known = { ...STATUS, models: [{ ...STATUS.models[0]!, digest: sha256Hex(SIGNED.text) }] };
    return {
      seeds: [
        json([known, known, known]),
        json([known, { ...known, models: [], viewer: 'nobody', operation: null }, known]),
      ],
      run(input) {
        const parts: unknown = JSON.parse(textOf(input));
        if (!Array.isArray(parts) || parts.length !== 3) return;
        const statuses = parts.map((one) => parseStrict(workerStatusSchema, one, 'The status'));
        const catalogue = new ModelCatalogue(OWNER_PUBLIC_KEY);
        const triple = statuses as never;
        for (const shared of catalogue.list(triple)) {
          promise(shared.ownerKey === OWNER_PUBLIC_KEY, "a model that is not the owner's");
          requirePlain(shared.labels);
        }
        catalogue.available('tiny', { label: 'stable' }, triple);
      },
      expects: (error) => error instanceof SyntaxError || coded('INVALID_ARGUMENT')(error),
    };
  },
};

const manifest: Target = {
  name: 'manifest',
  form: 'json',
  maxMs: 2_000,
  prepare: () => ({
    seeds: [MANIFEST, JOINING_MANIFEST].map((one: Manifest) => utf8(canonicalJson(one))),
    run(input) {
      const text = canonicalOr(textOf(input));
      const signed = {
        text,
        ownerKey: OWNER_PUBLIC_KEY,
        signature: ownerSignature('trivet manifest v1\n', text),
      };
      const decoded = verifyManifest(signed, OWNER_PUBLIC_KEY);
      requirePlain(decoded);
      validatePlan(decoded.plan);
      promise(decoded.plan.steps.length <= PLAN_LIMITS.maxSteps, 'a plan beyond its limits');
    },
    expects: (error) =>
      error instanceof InvalidModelError || coded('INVALID_ARGUMENT', 'PERMISSION_DENIED')(error),
  }),
};

const servingOrder: Target = {
  name: 'serving-order',
  form: 'json',
  prepare: () => ({
    seeds: [ORDER, { ...ORDER, versions: [], current: null, labels: {} }].map((one) =>
      utf8(canonicalJson(one)),
    ),
    run(input) {
      const text = canonicalOr(textOf(input));
      const signed = { text, signature: ownerSignature('trivet serving order v1\n', text) };
      requirePlain(verifyServingOrder(signed, OWNER_PUBLIC_KEY, CLUSTER_ID));
    },
    expects: coded('INVALID_ARGUMENT', 'PERMISSION_DENIED'),
  }),
};

const accessOrder: Target = {
  name: 'access-order',
  form: 'json',
  prepare: () => ({
    seeds: [ACCESS, { ...ACCESS, models: {}, tokens: [] }].map((one) => utf8(canonicalJson(one))),
    run(input) {
      const text = canonicalOr(textOf(input));
      const signed = { text, signature: ownerSignature('trivet access order v1\n', text) };
      requirePlain(verifyAccessOrder(signed, OWNER_PUBLIC_KEY, CLUSTER_ID));
    },
    expects: coded('INVALID_ARGUMENT', 'PERMISSION_DENIED'),
  }),
};

const clientToken: Target = {
  name: 'client-token',
  form: 'bytes',
  dictionary: ['trivet_'],
  prepare() {
    const { token } = vectors('client-token.json') as { token: string };
    return {
      seeds: [utf8(token), utf8(` ${token}\n`)],
      run(input) {
        const text = textOf(input);
        const parsed = ClientToken.parse(text);
        promise(parsed.reveal() === text.trim(), 'a token has two spellings');
        promise(
          !`${parsed}${JSON.stringify(parsed)}`.includes(text.trim().slice(7, 23)),
          'a token shows its secret',
        );
      },
      expects: (error) => coded('INVALID_ARGUMENT')(error) && !/[0-9a-f]{16}/.test((error as Error).message),
    };
  },
};

const signatures: Target = {
  name: 'signatures',
  form: 'bytes',
  prepare() {
    const vector = vectors('owner-authentication.json') as Record<'ownerKey' | 'signature', string>;
    return {
      seeds: [hexToBytes(vector.ownerKey + vector.signature)],
      run(input) {
        const hex = bytesToHex(input);
        const [key, given] = [hex.slice(0, 64), hex.slice(64)];
        const valid = verifyOwnerSignature(key, CLUSTER_ID, 1, CHALLENGE, given);
        promise(!valid || hex === vector.ownerKey + vector.signature, 'another signature is taken for valid');
      },
      expects: () => false,
    };
  },
};

const cluster: Target = {
  name: 'cluster-json',
  form: 'json',
  prepare: () => ({
    seeds: [json(CLUSTER)],
    repair: signedAnew,
    run(input) {
      const decoded = readClusterText(textOf(input), 'The cluster file');
      requirePlain(decoded);
      const { workers } = decoded;
      for (const { url, sealingKey } of workers) {
        promise(/^https?:$/.test(new URL(url).protocol), 'a worker that is not on the web');
        promise(/^[0-9a-f]{130}$/.test(sealingKey), 'a worker whose key is none');
      }
      for (const field of ['name', 'url', 'sealingKey'] as const) {
        promise(new Set(workers.map((worker) => worker[field])).size === 3, 'two workers are one');
      }
    },
    expects: coded('INVALID_ARGUMENT', 'FAILED_PRECONDITION', 'PERMISSION_DENIED'),
  }),
};

/** Every other file is signed by a hostile owner; the rest is what somebody else has changed. */
function signedAnew(input: Uint8Array): Uint8Array {
  if (input.length % 2 === 1) return input;
  try {
    const { clusterId, ownerKey: _, workers, ...rest } = JSON.parse(textOf(input));
    const keys = workers.map(({ index, name, sealingKey }: Record<string, unknown>) => ({
      index,
      name,
      sealingKey,
    }));
    const signed = canonicalJson({ clusterId, ownerKey: OWNER_PUBLIC_KEY, workers: keys });
    const signature = ownerSignature('trivet cluster v1\n', signed);
    return json({ ...rest, clusterId, ownerKey: OWNER_PUBLIC_KEY, workers, signature });
  } catch {
    return input;
  }
}

export const WIRE: readonly Target[] = [
  predictRequest,
  predictReply,
  clientMessages,
  clientCatalogue,
  manifest,
  servingOrder,
  accessOrder,
  clientToken,
  signatures,
  cluster,
];
