/**
 * Builds the golden vectors of wire version 1. Every vector is what another implementation needs to check itself:
 * good ones with what they decode to, bad ones with the error they must end in. Nothing here is random.
 */
import {
  type AccessOrder,
  bytesToHex,
  ClientToken,
  type Cluster,
  canonicalJson,
  encodePredictReply,
  encodePredictRequest,
  hexToBytes,
  type Manifest,
  manifestDigest,
  signAccessOrder,
  signManifest,
  signOwnerChallenge,
  type WireSharePart,
} from '../src/index.js';
import { sealedConnection } from './build-sealing-vectors.js';
import {
  type BadBytes,
  CHALLENGE,
  CLUSTER,
  CLUSTER_ID,
  counting,
  JOINING_MANIFEST,
  MANIFEST,
  OWNER_PUBLIC_KEY,
  OWNER_SECRET_KEY,
  SEALING_SECRET_KEYS,
} from './fixtures.js';

const signed = signManifest(MANIFEST, OWNER_SECRET_KEY);
const digest = manifestDigest(signed);
const requestId = bytesToHex(counting(16, 0xf0));
const COUNT = 2;
const INPUT_SIZE = 3;
const OUTPUT_SIZE = 3;

const seed = (start: number): WireSharePart => ({ kind: 'seed', seed: counting(32, start) });
const explicit: WireSharePart = { kind: 'explicit', words: counting(8 * COUNT * INPUT_SIZE, 0x80) };

/** The message with the bytes at `offset` replaced. */
function patched(message: Uint8Array, offset: number, hex: string): string {
  const copy = message.slice();
  copy.set(hexToBytes(hex), offset);
  return bytesToHex(copy);
}

function shapeFaults(message: Uint8Array): BadBytes[] {
  const code = 'INVALID_ARGUMENT';
  return [
    { name: 'empty', bytes: '', code },
    { name: 'header cut short', bytes: bytesToHex(message.subarray(0, 79)), code },
    { name: 'last byte missing', bytes: bytesToHex(message.subarray(0, -1)), code },
    { name: 'one byte left over', bytes: `${bytesToHex(message)}00`, code },
    { name: 'another magic', bytes: patched(message, 0, '54565131'), code },
    { name: 'count 0', bytes: patched(message, 56, '00000000'), code },
  ];
}

function predictRequest() {
  const forms: readonly (readonly [string, WireSharePart, WireSharePart])[] = [
    ['worker 0: two seeds', seed(0), seed(32)],
    ['worker 1: seed and words', seed(32), explicit],
    ['worker 2: words and seed', explicit, seed(0)],
  ];
  const protocols = [null, 'replicated', 'securenn'] as const;
  const nextIds = [bytesToHex(counting(16, 0xe0)), null, null] as const;
  const messages = forms.map(([, first, second], index) =>
    encodePredictRequest({
      requestId,
      manifestDigest: digest,
      deadlineMs: 30_000,
      count: COUNT,
      protocol: protocols[index]!,
      nextRequestId: nextIds[index]!,
      first,
      second,
    }).toBytes(),
  );
  const sample = messages[1]!;
  const code = 'INVALID_ARGUMENT';
  return {
    context: { manifestDigest: digest, inputSize: INPUT_SIZE, maxCount: 4 },
    good: forms.map(([name, first, second], index) => ({
      name,
      bytes: bytesToHex(messages[index]!),
      decoded: {
        requestId,
        manifestDigest: digest,
        deadlineMs: 30_000,
        count: COUNT,
        protocol: protocols[index]!,
        nextRequestId: nextIds[index]!,
        first: part(first),
        second: part(second),
      },
    })),
    bad: [
      ...shapeFaults(sample),
      { name: 'another form byte', bytes: patched(sample, 60, '02'), code },
      { name: 'forms swapped, lengths not', bytes: patched(messages[0]!, 60, '01'), code },
      { name: 'a protocol that does not exist', bytes: patched(sample, 62, '04'), code },
      { name: 'reserved byte not zero', bytes: patched(sample, 63, '01'), code },
      { name: 'more samples than allowed', bytes: patched(sample, 56, '05000000'), code },
      { name: 'more samples than sent', bytes: patched(sample, 56, '03000000'), code },
      { name: 'deadline 0', bytes: patched(sample, 52, '00000000'), code },
      { name: 'deadline beyond the limit', bytes: patched(sample, 52, 'ffffffff'), code },
      { name: 'unknown model', bytes: patched(sample, 20, '00'.repeat(32)), code: 'NOT_FOUND' },
    ] satisfies BadBytes[],
  };
}

function predictReply() {
  const statistics = {
    rounds: 27,
    bytesSent: 70_000,
    bytesReceived: 80_000,
    bytesDealt: 20_000,
    computeMicros: 4_321,
    queueMicros: 12,
    batchSize: 2,
    steps: [] as { rounds: number; bytesSent: number; bytesReceived: number; micros: number }[],
  };
  const withSteps = { ...statistics, steps: [{ rounds: 1, bytesSent: 64, bytesReceived: 32, micros: 99 }] };
  const words = counting(8 * COUNT * (OUTPUT_SIZE + 1), 7);
  const protocol = 'securenn' as const;
  const base = { requestId, manifestDigest: digest, count: COUNT, outputSize: OUTPUT_SIZE, protocol, words };
  const replies = [
    { name: 'without steps', reply: { ...base, statistics } },
    { name: 'with a step', reply: { ...base, statistics: withSteps } },
  ];
  const sample = encodePredictReply(replies[1]!.reply);
  const code = 'INVALID_ARGUMENT';
  return {
    context: { requestId, manifestDigest: digest, count: COUNT, outputSize: OUTPUT_SIZE, protocol },
    good: replies.map(({ name, reply }) => ({
      name,
      bytes: bytesToHex(encodePredictReply(reply)),
      decoded: { ...reply, words: bytesToHex(words) },
    })),
    bad: [
      ...shapeFaults(sample).map((bad) =>
        bad.name === 'count 0' ? { ...bad, bytes: patched(sample, 52, '00000000') } : bad,
      ),
      { name: "another request's id", bytes: patched(sample, 4, '00'), code },
      { name: "another model's digest", bytes: patched(sample, 20, '00000000'), code },
      { name: 'another count', bytes: patched(sample, 52, '03000000'), code },
      { name: 'another output size', bytes: patched(sample, 56, '04000000'), code },
      { name: 'more steps than sent', bytes: patched(sample, 88, '02000000'), code },
      { name: 'more steps than any plan has', bytes: patched(sample, 88, 'ffffffff'), code },
      { name: 'no protocol', bytes: patched(sample, 92, '00'), code },
      { name: 'another protocol', bytes: patched(sample, 92, '01'), code },
      { name: 'a protocol that does not exist', bytes: patched(sample, 92, '04'), code },
      { name: 'reserved bytes not zero', bytes: patched(sample, 93, '010000'), code },
    ] satisfies BadBytes[],
  };
}

/** Signs a text that need not be a manifest. */
function forged(change: (manifest: Record<string, unknown>) => unknown): { text: string } {
  return { text: canonicalJson(change(structuredClone(MANIFEST) as unknown as Record<string, unknown>)) };
}

function manifest() {
  const invalid = (name: string, value: unknown, code = 'INVALID_ARGUMENT') => ({
    name,
    signed: value,
    code,
  });
  const good = (name: string, manifest: Manifest) => {
    const signed = signManifest(manifest, OWNER_SECRET_KEY);
    return { name, manifest, signed, digest: manifestDigest(signed) };
  };
  const { signature, ...withoutSignature } = MANIFEST;
  const withPlan = (change: object) => ({
    ...JOINING_MANIFEST,
    plan: { ...JOINING_MANIFEST.plan, ...change },
  });
  const [, , curve, add] = JOINING_MANIFEST.plan.steps;
  const steep = { sign: 1, slope: 2 ** 32, offset: 0 };
  const withSignature = (other: unknown) => ({ ...MANIFEST, signature: other });
  const { input, output } = signature!;
  const scalars: Manifest = {
    ...MANIFEST,
    signature: { ...signature!, input: { ...input, shape: [-1] }, output: { ...output, shape: null } },
  };
  const flipped = `${signed.signature.startsWith('0') ? '1' : '0'}${signed.signature.slice(1)}`;
  return {
    ownerSecretKey: OWNER_SECRET_KEY,
    ownerKey: OWNER_PUBLIC_KEY,
    good: [
      good('tiny', MANIFEST),
      good('one number in, one out', scalars),
      good('values that join', JOINING_MANIFEST),
      good('from before there were signatures', withoutSignature),
    ],
    bad: [
      invalid('a signature bit flipped', { ...signed, signature: flipped }, 'PERMISSION_DENIED'),
      invalid(
        'the text changed',
        { ...signed, ...forged((m) => ({ ...m, version: 2 })) },
        'PERMISSION_DENIED',
      ),
      invalid('the key of another', { ...signed, ownerKey: 'ab'.repeat(32) }, 'PERMISSION_DENIED'),
      invalid('a key in uppercase', { ...signed, ownerKey: signed.ownerKey.toUpperCase() }),
      invalid('a field too many', { ...signed, extra: true }),
      invalid('a field missing', { text: signed.text, ownerKey: signed.ownerKey }),
    ],
    malformed: [
      {
        name: 'an element type nobody knows',
        manifest: withSignature({ ...signature, input: { ...input, dtype: 'float' } }),
      },
      {
        name: 'an extent below -1',
        manifest: withSignature({ ...signature, input: { ...input, shape: [-2] } }),
      },
      {
        name: 'a tensor without a name',
        manifest: withSignature({ ...signature, output: { ...output, name: '' } }),
      },
      { name: 'an activation that no client applies', manifest: withPlan({ outputActivation: 'relu' }) },
      { name: 'a step without its inputs', manifest: withPlan({ steps: [{ ...add, inputs: [] }] }) },
      { name: 'a slope beyond the scale', manifest: withPlan({ steps: [{ ...curve, pieces: [steep] }] }) },
      { name: 'a signature without an output', manifest: withSignature({ ...signature, output: undefined }) },
    ],
  };
}

function ownerAuthentication() {
  return {
    ownerKey: OWNER_PUBLIC_KEY,
    clusterId: CLUSTER_ID,
    workerIndex: 1,
    challenge: CHALLENGE,
    signature: signOwnerChallenge(OWNER_SECRET_KEY, CLUSTER_ID, 1, CHALLENGE),
  };
}

function clientToken() {
  const token = ClientToken.parse(`trivet_${bytesToHex(counting(32, 1))}`);
  const of = (workerIndex: number) => ({
    workerIndex,
    verifier: token.verifier(CLUSTER_ID, workerIndex),
    proof: token.proof(CLUSTER_ID, workerIndex, CHALLENGE),
  });
  const text = token.reveal();
  return {
    token: text,
    id: token.id,
    clusterId: CLUSTER_ID,
    challenge: CHALLENGE,
    workers: [of(0), of(1), of(2)],
    bad: ['', text.slice(0, -1), `${text}0`, text.toUpperCase(), text.replace('trivet_', ''), `${text} x`],
  };
}

function accessOrder() {
  const token = ClientToken.parse(`trivet_${bytesToHex(counting(32, 1))}`);
  const order: AccessOrder = {
    format: 1,
    clusterId: CLUSTER_ID,
    sequence: 3,
    models: { mnist: 'tokens', open: 'open', trial: 'local' },
    tokens: [
      {
        id: token.id,
        name: 'reader',
        models: ['mnist'],
        quota: 1000,
        rate: { perSecond: 2.5, burst: 100 },
        createdAt: '2026-01-01T00:00:00.000Z',
        expiresAt: '2027-01-01T00:00:00.000Z',
        revokedAt: null,
        verifiers: [
          token.verifier(CLUSTER_ID, 0),
          token.verifier(CLUSTER_ID, 1),
          token.verifier(CLUSTER_ID, 2),
        ],
      },
    ],
  };
  const signed = signAccessOrder(order, OWNER_SECRET_KEY);
  const [grant] = order.tokens as [(typeof order.tokens)[0]];
  const withToken = (changes: object) => ({ ...order, tokens: [{ ...grant, ...changes }] });
  const flipped = `${signed.signature.startsWith('0') ? '1' : '0'}${signed.signature.slice(1)}`;
  return {
    ownerKey: OWNER_PUBLIC_KEY,
    clusterId: CLUSTER_ID,
    good: { order, signed },
    bad: [
      {
        name: 'a signature bit flipped',
        signed: { ...signed, signature: flipped },
        code: 'PERMISSION_DENIED',
      },
      {
        name: 'the text changed',
        signed: { ...signed, text: signed.text.replace('"quota":1000', '"quota":9000') },
        code: 'PERMISSION_DENIED',
      },
      { name: 'a field too many', signed: { ...signed, extra: 1 }, code: 'INVALID_ARGUMENT' },
    ],
    malformed: [
      { name: 'a mode nobody knows', order: { ...order, models: { mnist: 'closed' } } },
      { name: 'a token twice', order: { ...order, tokens: [grant, grant] } },
      { name: 'no models', order: withToken({ models: [] }) },
      { name: 'a quota of nothing', order: withToken({ quota: 0 }) },
      { name: 'a rate of nothing', order: withToken({ rate: { perSecond: 0, burst: 1 } }) },
      { name: 'a verifier for two workers', order: withToken({ verifiers: grant.verifiers.slice(1) }) },
      { name: 'a time that is none', order: withToken({ expiresAt: 'tomorrow' }) },
      { name: 'a name that ends lines', order: withToken({ name: 'a\nb' }) },
      { name: 'the token itself', order: withToken({ token: token.reveal() }) },
    ],
  };
}

function cluster() {
  const [alice, bob, carol] = CLUSTER.workers;
  const invalid = (name: string, value: unknown, code = 'INVALID_ARGUMENT') => ({ name, value, code });
  const { signature: _, ...unsigned } = CLUSTER;
  const withKeys = (first: string, second: string) => {
    const workers = [{ ...alice, sealingKey: first }, { ...bob, sealingKey: second }, carol];
    return { ...CLUSTER, workers };
  };
  const moved = { ...CLUSTER, workers: [{ ...alice, url: 'https://alice.example' }, bob, carol] };
  return {
    ownerSecretKey: OWNER_SECRET_KEY,
    sealingSecretKeys: SEALING_SECRET_KEYS,
    good: [
      { name: 'three on localhost', value: CLUSTER as Cluster },
      { name: 'moved by an operator', value: moved as Cluster },
    ],
    bad: [
      invalid('two workers', { ...CLUSTER, workers: [alice, bob] }),
      invalid('out of order', { ...CLUSTER, workers: [bob, alice, carol] }),
      invalid('one name twice', { ...CLUSTER, workers: [alice, bob, { ...carol, name: 'bob' }] }),
      invalid('one address twice', { ...CLUSTER, workers: [alice, bob, { ...carol, url: bob.url }] }),
      invalid('one key twice', withKeys(alice.sealingKey, alice.sealingKey)),
      invalid('another scheme', { ...CLUSTER, workers: [alice, bob, { ...carol, url: 'ftp://localhost' }] }),
      invalid('another format', { ...CLUSTER, format: 2 }),
      invalid('a field too many', { ...CLUSTER, ownerSecretKey: 'x' }),
      invalid('not signed, of before there were keys', unsigned, 'FAILED_PRECONDITION'),
      invalid('two keys exchanged', withKeys(bob.sealingKey, alice.sealingKey), 'PERMISSION_DENIED'),
      invalid('another cluster id', { ...CLUSTER, clusterId: 'ff'.repeat(16) }, 'PERMISSION_DENIED'),
      invalid('another owner', { ...CLUSTER, ownerKey: 'ab'.repeat(32) }, 'PERMISSION_DENIED'),
    ],
  };
}

/** File name in vectors/v1 to content. */
export function buildVectors() {
  return {
    'predict-request.json': predictRequest(),
    'predict-reply.json': predictReply(),
    'manifest.json': manifest(),
    'owner-authentication.json': ownerAuthentication(),
    'client-token.json': clientToken(),
    'access-order.json': accessOrder(),
    'cluster.json': cluster(),
    'sealed-connection.json': sealedConnection(),
  };
}

/** A share part with its bytes in hex, for JSON. */
function part(value: WireSharePart): { kind: string; seed?: string; words?: string } {
  return value.kind === 'seed'
    ? { kind: 'seed', seed: bytesToHex(value.seed) }
    : { kind: 'explicit', words: bytesToHex(value.words) };
}
