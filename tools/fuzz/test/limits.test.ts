/** The limits of docs/limits.md: what is at a limit is taken, one more is refused. */
import { PassThrough } from 'node:stream';
import { InvalidModelError, PLAN_LIMITS, type Plan, validatePlan } from '@trivet/mpc-core';
import {
  ACCESS_LIMITS,
  accessOrderSchema,
  CLIENT_LIMITS,
  decodePredictRequest,
  encodePredictRequest,
  errorBodySchema,
  MODEL_LIMITS,
  manifestSchema,
  ORDER_LIMITS,
  servingOrderSchema,
  shareBeginSchema,
  signedManifestSchema,
  TrivetError,
} from '@trivet/shared-types';
import { describe, expect, it } from 'vitest';
import { readBody } from '../../../apps/cli/src/gateway/body.js';
import { Upload } from '../../../apps/workers/src/clients/upload.js';
import { BufferPool } from '../../../apps/workers/src/mesh/buffers.js';
import { EarlyFrames } from '../../../apps/workers/src/mesh/early-frames.js';
import { encodeFrame, FRAME_KINDS, FrameReader, NO_SESSION } from '../../../apps/workers/src/mesh/frames.js';
import { decodeError, decodeProposal, encodeProposal } from '../../../apps/workers/src/mesh/messages.js';
import { SessionLedger } from '../../../apps/workers/src/mesh/session-ledger.js';
import { decompressSnappy } from '../../../packages/model-import/src/tensorflow/snappy.js';
import { CLUSTER_ID, JOINING_MANIFEST, MANIFEST } from '../../../packages/shared-types/test/fixtures.js';

const DIGEST = '0a'.repeat(32);
const ID = '0f'.repeat(16);
const many = <T>(count: number, one: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => one(i));

/** Takes the size at the limit, refuses the next one. */
function atAndPast(limit: number, takes: (size: number) => boolean): void {
  expect([takes(limit), takes(limit + 1)]).toEqual([true, false]);
}

function works(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof TrivetError || error instanceof InvalidModelError) return false;
    throw error;
  }
}

describe('from clients', () => {
  const request = (count: number, deadlineMs: number) => () => {
    const seed = { kind: 'seed' as const, seed: new Uint8Array(32) };
    const ids = { requestId: ID, manifestDigest: DIGEST, nextRequestId: null };
    const message = { ...ids, protocol: null, first: seed, second: seed };
    const bytes = Buffer.from(encodePredictRequest({ ...message, count: 1, deadlineMs: 1 }).toBytes());
    bytes.writeUInt32LE(deadlineMs, 52);
    bytes.writeUInt32LE(count, 56);
    return decodePredictRequest(bytes, { maxCount: CLIENT_LIMITS.maxImagesPerRequest, inputSizeOf: () => 1 });
  };

  it('samples and deadlines', () => {
    atAndPast(1_000, (count) => works(request(count, 1)));
    atAndPast(600_000, (deadline) => works(request(1, deadline)));
    expect([works(request(0, 1)), works(request(1, 0))]).toEqual([false, false]);
  });

  it('shares and their chunks', () => {
    const manifest = { text: '{}', ownerKey: DIGEST, signature: DIGEST + DIGEST };
    const begins = (bytes: number) => shareBeginSchema.safeParse({ manifest, bytes }).success;
    atAndPast(2 ** 30, begins);
    expect(begins(0)).toBe(false);
    atAndPast(CLIENT_LIMITS.shareChunkBytes, (bytes) =>
      works(() => new Upload(manifest, 2 ** 20, 'alice').append(0, new Uint8Array(bytes))),
    );
    atAndPast(100, (bytes) =>
      works(() => new Upload(manifest, 100, 'alice').append(0, new Uint8Array(bytes))),
    );
  });

  it('sentences', () => {
    const body = (length: number) => ({ code: 'ABORTED', message: 'x'.repeat(length), worker: null });
    atAndPast(65_536, (length) => errorBodySchema.safeParse(body(length)).success);
    atAndPast(1_024, (length) => works(() => decodeError(Buffer.alloc(1 + length, 1), 'bob')));
  });
});

describe('what an owner signs', () => {
  const fits = (change: object) => manifestSchema.safeParse({ ...MANIFEST, ...change }).success;
  const withPlan = (change: object) => fits({ plan: { ...MANIFEST.plan, ...change } });
  const [step] = MANIFEST.plan.steps;
  const [weight] = MANIFEST.plan.weights;

  it('texts', () => {
    const signed = (length: number) => ({
      text: 'x'.repeat(length),
      ownerKey: DIGEST,
      signature: DIGEST + DIGEST,
    });
    atAndPast(
      MODEL_LIMITS.maxManifestBytes,
      (length) => signedManifestSchema.safeParse(signed(length)).success,
    );
  });

  it('steps, weights, pieces, joins, names', () => {
    atAndPast(MODEL_LIMITS.maxSteps, (count) => withPlan({ steps: many(count, () => step) }));
    atAndPast(MODEL_LIMITS.maxWeights, (count) => withPlan({ weights: many(count, () => weight) }));
    atAndPast(1_024, (length) => withPlan({ weights: [{ ...weight, name: 'x'.repeat(length) }] }));
    const joining = (index: number, change: object) => {
      const { plan } = JOINING_MANIFEST;
      const steps = plan.steps.map((one, at) => (at === index ? { ...one, ...change } : one));
      return manifestSchema.safeParse({ ...JOINING_MANIFEST, plan: { ...plan, steps } }).success;
    };
    const piece = { sign: 1, slope: 1, offset: 0 };
    atAndPast(PLAN_LIMITS.maxPieces, (count) => joining(2, { pieces: many(count, () => piece) }));
    atAndPast(PLAN_LIMITS.maxJoined, (count) => joining(3, { inputs: many(count, () => 0) }));
  });

  it('elements of a value', () => {
    // A layer without weights that passes its input on.
    const passes = (width: number, channels: number) => () => {
      const extents = { inHeight: 1, inWidth: width, outHeight: 1, outWidth: width, channels };
      const plan = {
        ...MANIFEST.plan,
        inputShape: [1, width, channels],
        outputShape: [width, channels],
        outputActivation: 'linear',
        outputFractionalBits: 16,
        weights: [],
        steps: [
          { op: 'pad2d', name: 'p', input: 0, output: 1, geometry: { ...extents, padTop: 0, padLeft: 0 } },
        ],
      };
      validatePlan(plan as unknown as Plan);
    };
    const most = PLAN_LIMITS.maxTensorElements;
    expect(10 * 1_000_000).toBe(most);
    expect(11 * 909_091).toBe(most + 1);
    expect([works(passes(10, 1_000_000)), works(passes(11, 909_091))]).toEqual([true, false]);
  });

  it('orders', () => {
    const versions = (count: number) =>
      many(count, (index) => ({ version: index + 1, digest: DIGEST, protocol: 'fss' }));
    const order = {
      format: 1,
      clusterId: CLUSTER_ID,
      model: 'm',
      sequence: 1,
      since: 1,
      requestLimit: null,
      current: 1,
    };
    const serving = (change: object) =>
      servingOrderSchema.safeParse({ ...order, labels: {}, ...change }).success;
    atAndPast(ORDER_LIMITS.maxVersions, (count) => serving({ versions: versions(count) }));
    const labels = (count: number) => Object.fromEntries(many(count, (index) => [`l${index}`, 1]));
    atAndPast(ORDER_LIMITS.maxLabels, (count) => serving({ versions: versions(1), labels: labels(count) }));

    const access = (models: object, tokens: readonly unknown[]) =>
      accessOrderSchema.safeParse({ format: 1, clusterId: CLUSTER_ID, sequence: 1, models, tokens }).success;
    const token = (index: number, models: readonly string[] | null = null) => ({
      id: index.toString(16).padStart(16, '0'),
      name: 'n',
      models,
      quota: null,
      rate: null,
      createdAt: '2026-01-01T00:00:00.000Z',
      expiresAt: null,
      revokedAt: null,
      verifiers: [DIGEST, DIGEST, DIGEST],
    });
    atAndPast(ACCESS_LIMITS.maxTokens, (count) =>
      access(
        {},
        many(count, (index) => token(index)),
      ),
    );
    const names = (count: number) => many(count, (index) => `m${index}`);
    atAndPast(ACCESS_LIMITS.maxModels, (count) =>
      access(Object.fromEntries(names(count).map((name) => [name, 'open'])), []),
    );
    atAndPast(ACCESS_LIMITS.maxModelsPerToken, (count) => access({}, [token(0, names(count))]));
  });
});

describe('between workers', () => {
  it('frames', () => {
    const most = 65_536;
    const reads = (payload: number) => () => {
      const frame = encodeFrame(new BufferPool(), FRAME_KINDS.data, NO_SESSION, 0, new Uint8Array(payload));
      new FrameReader(most, () => undefined).push(frame);
    };
    atAndPast(most - 21, (payload) => works(reads(payload)));
    const short = Buffer.alloc(25);
    short.writeUInt32LE(20);
    expect(works(() => new FrameReader(most, () => undefined).push(short))).toBe(false);
  });

  it('frames ahead of their session', () => {
    const frame = (bytes: number) => ({
      kind: FRAME_KINDS.data,
      step: 0,
      payload: { length: bytes } as Uint8Array,
    });
    const sessions = (count: number) => {
      const early = new EarlyFrames();
      return many(count, (index) => early.add(`s${index}`, frame(1), 0)).every(Boolean);
    };
    atAndPast(64, sessions);
    // Each frame counts 256 bytes more than its payload.
    atAndPast(64 * 1024 * 1024 - 256, (bytes) => new EarlyFrames().add('s', frame(bytes), 0));
    const early = new EarlyFrames();
    early.add('s', frame(1), 0);
    early.sweep(30_000);
    expect(early.take('s')).toHaveLength(1);
    early.add('s', frame(1), 0);
    early.sweep(30_001);
    expect(early.take('s')).toHaveLength(0);
  });

  it('boots of a leader, requests of a proposal', () => {
    atAndPast(256, (boots) => {
      const ledger = new SessionLedger();
      return many(boots, (boot) => ledger.accept(`${String(boot).padStart(8, '0')}\0\0\0\0\0\0\0\x01`)).every(
        Boolean,
      );
    });
    const proposal = (count: number) =>
      encodeProposal({
        link: '0011223344556677',
        digest: DIGEST,
        protocol: 'fss',
        helper: 0,
        images: count,
        ahead: false,
        material: [],
        requestIds: many(count, (index) => index.toString(16).padStart(32, '0')),
      });
    atAndPast(100_000, (count) => works(() => decodeProposal(proposal(count))));
    expect(works(() => decodeProposal(proposal(0)))).toBe(false);
  });
});

describe('files, and the gateway', () => {
  it('what a Snappy block unpacks to', () => {
    const fail = (problem: string) => new TrivetError('INVALID_ARGUMENT', problem);
    const reason = (length: number) => {
      const data = Uint8Array.of((length & 0x7f) | 0x80, length >> 7, 0, 0x61);
      try {
        decompressSnappy(data, fail);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    // Four bytes may claim 256; what they hold is another matter.
    expect([reason(256), reason(257)]).toEqual([
      'compressed data is cut short',
      'compressed data claims to be larger than it can be',
    ]);
  });

  it('bodies', async () => {
    const read = async (bytes: number) => {
      const request = Object.assign(new PassThrough(), { headers: {} });
      const text = readBody(request as never, 1_000);
      request.end(Buffer.alloc(bytes, 0x20));
      return text.then(({ length }) => length).catch((error: { status: number }) => error.status);
    };
    expect([await read(1_000), await read(1_001)]).toEqual([1_000, 413]);
  });
});
