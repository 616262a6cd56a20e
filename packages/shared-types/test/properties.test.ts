/** Properties of the codecs and of canonical JSON over random values, and decoders on random bytes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  accessOrderSchema,
  bytesToHex,
  cancelSchema,
  canonicalJson,
  decodePredictReply,
  decodePredictRequest,
  encodePredictRequest,
  manifestSchema,
  outcomeSchema,
  PROTOCOL_NAMES,
  parseStrict,
  shareChunkSchema,
  signManifest,
  TrivetError,
  verifyManifest,
  workerStatusSchema,
} from '../src/index.js';
import { decodeSealedText } from '../src/sealing/sealed-text.js';
import { MANIFEST, OWNER_SECRET_KEY } from './fixtures.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const isNotZero = (value: Uint8Array) => value.some((byte) => byte !== 0);
const limits = { maxCount: 1000, inputSizeOf: () => 4 };

const request = fc
  .record({
    id: bytes(16),
    digest: bytes(32),
    deadlineMs: fc.integer({ min: 1, max: 600_000 }),
    count: fc.integer({ min: 1, max: 5 }),
  })
  .chain(({ id, digest, deadlineMs, count }) => {
    const part = fc.oneof(
      bytes(32).map((seed) => ({ kind: 'seed' as const, seed })),
      bytes(32 * count).map((words) => ({ kind: 'explicit' as const, words })),
    );
    const ids = { requestId: bytesToHex(id), manifestDigest: bytesToHex(digest) };
    const protocol = fc.constantFrom(null, ...PROTOCOL_NAMES);
    const nextRequestId = fc.oneof(fc.constant(null), bytes(16).filter(isNotZero).map(bytesToHex));
    return fc
      .record({ first: part, second: part, protocol, nextRequestId })
      .map((rest) => ({ ...ids, deadlineMs, count, ...rest }));
  });

describe('predict codec', () => {
  it('decodes what it encodes', () => {
    fc.assert(
      fc.property(request, (value) => {
        expect(decodePredictRequest(encodePredictRequest(value).toBytes(), limits)).toEqual(value);
      }),
    );
  });

  it('refuses every other length', () => {
    fc.assert(
      fc.property(request, fc.integer({ min: -200, max: 200 }), (value, change) => {
        const message = encodePredictRequest(value).toBytes();
        fc.pre(change !== 0 && message.length + change >= 0);
        const other = new Uint8Array(message.length + change);
        other.set(message.subarray(0, other.length));
        expect(() => decodePredictRequest(other, limits)).toThrow(TrivetError);
      }),
    );
  });

  it('ends in a TrivetError on random bytes', () => {
    const expected = {
      requestId: '00'.repeat(16),
      manifestDigest: '00'.repeat(32),
      count: 1,
      outputSize: 10,
      protocol: null,
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        expect(() => decodePredictRequest(noise, limits)).toThrow(TrivetError);
        expect(() => decodePredictReply(noise, expected)).toThrow(TrivetError);
      }),
    );
  });
});

describe('a check of what somebody sent', () => {
  const deep = JSON.parse(`${'['.repeat(9_000)}${']'.repeat(9_000)}`) as unknown;
  const lengths = [{ toString: {} }, [{ toString: {} }], deep, { valueOf: 1, toString: 1 }, null, '3', -1];
  const hostile = lengths.flatMap((length) => [{ length }, { length, size: length }]);

  /** The value, with another one in each of its places in turn. */
  function* changed(value: unknown, other: unknown): Generator<unknown> {
    yield other;
    if (typeof value !== 'object' || value === null) return;
    for (const [key, entry] of Object.entries(value)) {
      for (const inside of changed(entry, other)) {
        yield Array.isArray(value)
          ? value.map((one, index) => (String(index) === key ? inside : one))
          : { ...value, [key]: inside };
      }
    }
  }

  it('says with a code what it is not, also of what has a length that cannot be compared', () => {
    for (const other of hostile) {
      for (const value of changed(MANIFEST, other)) {
        let thrown: unknown;
        try {
          parseStrict(manifestSchema, value, 'The manifest');
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toMatchObject({ name: 'TrivetError', code: 'INVALID_ARGUMENT' });
      }
      for (const schema of [workerStatusSchema, shareChunkSchema, accessOrderSchema, cancelSchema]) {
        expect(() => parseStrict(schema, other, 'It')).toThrow(TrivetError);
      }
      if (other.length === deep) continue;
      const head = new TextEncoder().encode(JSON.stringify({ name: other }));
      const text = new Uint8Array([head.length & 255, head.length >> 8, 0, 0, ...head]);
      expect(() => decodeSealedText(text)).toThrow(TrivetError);
    }
  });
});

describe('canonical JSON', () => {
  it('is one text per value, whatever the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(canonicalJson({ b: 1, a: [1e21, 0.1, -0], c: undefined })).toBe('{"a":[1e+21,0.1,0],"b":1}');
  });

  it('refuses what JSON cannot say', () => {
    expect(() => canonicalJson({ a: Number.NaN })).toThrow(TypeError);
    expect(() => canonicalJson([() => 0])).toThrow(TypeError);
  });
});

describe('manifest', () => {
  it('refuses a text that is signed but not canonical', () => {
    const signed = signManifest(MANIFEST, OWNER_SECRET_KEY);
    expect(() => verifyManifest({ ...signed, text: ` ${signed.text}` })).toThrow(/signature/);
  });

  it('says which field is wrong, without its value', () => {
    const wrong = { ...MANIFEST, labels: ['only one'] };
    expect(() => parseStrict(manifestSchema, wrong, 'The manifest')).toThrow(
      'The manifest is not valid at "labels": the model has 3 outputs.',
    );
    const twice = { ...MANIFEST, protocols: ['fss', 'fss'] };
    expect(() => parseStrict(manifestSchema, twice, 'The manifest')).toThrow(/"protocols": each counts once/);
    expect(manifestSchema.safeParse({ ...MANIFEST, protocols: [] }).success).toBe(false);
    expect(() =>
      parseStrict(manifestSchema, { ...MANIFEST, name: 'top secret?' }, 'The manifest'),
    ).not.toThrow(/top secret/);
  });
});

describe('outcome', () => {
  const schema = outcomeSchema(manifestSchema);

  it('is a value or a coded error, nothing else', () => {
    expect(schema.safeParse({ ok: true, value: MANIFEST }).success).toBe(true);
    expect(
      schema.safeParse({ ok: false, error: { code: 'NOT_FOUND', message: 'm', worker: null } }).success,
    ).toBe(true);
    expect(
      schema.safeParse({ ok: false, error: { code: 'ENOENT', message: 'm', worker: null } }).success,
    ).toBe(false);
    expect(schema.safeParse({ ok: true, value: MANIFEST, error: null }).success).toBe(false);
  });
});
