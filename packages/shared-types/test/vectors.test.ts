/** Walks the golden vectors of the wire contract, good and bad. */
import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  accessOrderSchema,
  bytesToHex,
  ClientToken,
  decodePredictReply,
  decodePredictRequest,
  encodePredictReply,
  encodePredictRequest,
  hexToBytes,
  manifestDigest,
  manifestSchema,
  readClusterText,
  sealingPublicKey,
  signCluster,
  signManifest,
  TrivetError,
  verifyAccessOrder,
  verifyManifest,
  verifyOwnerSignature,
  verifyServingOrder,
} from '../src/index.js';
import type { buildVectors } from './build-vectors.js';

type Vectors = ReturnType<typeof buildVectors>;

function load<Name extends keyof Vectors>(name: Name): Vectors[Name] {
  return JSON.parse(readFileSync(new URL(`../vectors/v1/${name}`, import.meta.url), 'utf8'));
}

/** The code of the TrivetError that `run` throws. */
function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof TrivetError) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

describe('predict request', () => {
  const { context, good, bad } = load('predict-request.json');
  const limits = {
    maxCount: context.maxCount,
    inputSizeOf: (digest: string) => (digest === context.manifestDigest ? context.inputSize : undefined),
  };

  it.each(good)('good: $name', ({ bytes, decoded }) => {
    const request = decodePredictRequest(hexToBytes(bytes), limits);
    expect(bytesToHex(encodePredictRequest(request).toBytes())).toBe(bytes);
    const hexPart = (part: typeof request.first) =>
      part.kind === 'seed'
        ? { kind: 'seed', seed: bytesToHex(part.seed) }
        : { kind: 'explicit', words: bytesToHex(part.words) };
    expect({ ...request, first: hexPart(request.first), second: hexPart(request.second) }).toEqual(decoded);
  });

  it.each(bad)('bad: $name', ({ bytes, code }) => {
    expect(codeOf(() => decodePredictRequest(hexToBytes(bytes), limits))).toBe(code);
  });
});

describe('predict reply', () => {
  const { context, good, bad } = load('predict-reply.json');

  it.each(good)('good: $name', ({ bytes, decoded }) => {
    const reply = decodePredictReply(hexToBytes(bytes), context);
    expect(bytesToHex(encodePredictReply(reply))).toBe(bytes);
    expect({ ...reply, words: bytesToHex(reply.words) }).toEqual(decoded);
  });

  it.each(bad)('bad: $name', ({ bytes, code }) => {
    expect(codeOf(() => decodePredictReply(hexToBytes(bytes), context))).toBe(code);
  });
});

describe('manifest', () => {
  const { ownerSecretKey, ownerKey, good, bad, malformed } = load('manifest.json');

  it.each(good)('good: $name', ({ manifest, signed, digest }) => {
    expect(signManifest(manifest, ownerSecretKey)).toEqual(signed);
    expect(verifyManifest(signed, ownerKey)).toEqual(manifest);
    expect(manifestDigest(signed)).toBe(digest);
  });

  it.each(bad)('bad: $name', ({ signed, code }) => {
    expect(codeOf(() => verifyManifest(signed as never))).toBe(code);
  });

  it.each(malformed)('malformed: $name', ({ manifest }) => {
    expect(manifestSchema.safeParse(manifest).success).toBe(false);
  });

  it('is refused when another owner is expected', () => {
    expect(codeOf(() => verifyManifest(good[0]!.signed, 'ab'.repeat(32)))).toBe('PERMISSION_DENIED');
  });
});

describe('owner authentication', () => {
  const { ownerKey, clusterId, workerIndex, challenge, signature } = load('owner-authentication.json');

  it('verifies for its worker only', () => {
    expect(verifyOwnerSignature(ownerKey, clusterId, workerIndex, challenge, signature)).toBe(true);
    expect(verifyOwnerSignature(ownerKey, clusterId, 2, challenge, signature)).toBe(false);
    expect(verifyOwnerSignature(ownerKey, 'ff'.repeat(16), workerIndex, challenge, signature)).toBe(false);
    expect(verifyOwnerSignature(ownerKey, clusterId, workerIndex, '00'.repeat(32), signature)).toBe(false);
    expect(verifyOwnerSignature(ownerKey, clusterId, workerIndex, challenge, 'zz')).toBe(false);
    expect(verifyOwnerSignature('ff'.repeat(32), clusterId, workerIndex, challenge, signature)).toBe(false);
  });
});

describe('client tokens', () => {
  const { token: text, id, clusterId, challenge, workers, bad } = load('client-token.json');

  it('give each worker its own verifier and proof', () => {
    const token = ClientToken.parse(` ${text}\n`);
    expect(token.id).toBe(id);
    for (const { workerIndex, verifier, proof } of workers) {
      expect(token.verifier(clusterId, workerIndex)).toBe(verifier);
      expect(token.proof(clusterId, workerIndex, challenge)).toBe(proof);
      // RFC 5802's exchange, the other way round.
      const mask = createHmac('sha256', Buffer.from(verifier, 'hex'))
        .update(`trivet token proof v1\n${clusterId}\n${workerIndex}\n${id}\n${challenge}`)
        .digest();
      const key = Buffer.from(proof, 'hex').map((byte, index) => byte ^ mask[index]!);
      expect(createHash('sha256').update(key).digest('hex')).toBe(verifier);
    }
  });

  it('are not shown by what prints them', () => {
    const token = ClientToken.parse(text);
    const shown = [String(token), JSON.stringify({ token }), inspect(token, { depth: 9, showHidden: true })];
    for (const one of shown) expect(one).not.toContain(text.slice(7, 20));
    expect(token.reveal()).toBe(text);
    expect(ClientToken.generate().reveal()).not.toBe(ClientToken.generate().reveal());
  });

  it.each(bad as string[])('bad: "%s"', (one) => {
    expect(() => ClientToken.parse(one)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    if (one.length > 20) expect(() => ClientToken.parse(one)).not.toThrow(one);
  });
});

describe('access orders', () => {
  const { ownerKey, clusterId, good, bad, malformed } = load('access-order.json');

  it('are read as they were signed, for their cluster only', () => {
    expect(verifyAccessOrder(good.signed, ownerKey, clusterId)).toEqual(good.order);
    expect(() => verifyAccessOrder(good.signed, ownerKey, 'ff'.repeat(16))).toThrow('another cluster');
  });

  it('are no serving orders', () => {
    expect(() => verifyServingOrder(good.signed, ownerKey, clusterId)).toThrow('signature');
  });

  it.each(bad)('bad: $name', ({ signed, code }) => {
    expect(() => verifyAccessOrder(signed, ownerKey, clusterId)).toThrow(expect.objectContaining({ code }));
  });
  it.each(malformed)('malformed: $name', ({ order }) => {
    expect(accessOrderSchema.safeParse(order).success).toBe(false);
  });
});

describe('cluster file', () => {
  const { ownerSecretKey, sealingSecretKeys, good, bad } = load('cluster.json');
  const read = (value: unknown) => readClusterText(JSON.stringify(value), 'The cluster file');

  it.each(good)('good: $name', ({ value }) => {
    expect(read(value)).toEqual(value);
    const { signature, ...unsigned } = value;
    expect(signCluster(unsigned, ownerSecretKey).signature).toBe(signature);
    expect(value.workers.map(({ sealingKey }) => sealingKey)).toEqual(
      sealingSecretKeys.map(sealingPublicKey),
    );
  });
  it.each(bad)('bad: $name', ({ value, code }) => expect(codeOf(() => read(value))).toBe(code));
});
