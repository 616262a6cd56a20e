/**
 * A run of three workers at log level debug, with everything that goes wrong told: what it wrote, answered and put on disk, and
 * the memory of each worker, are searched for the secrets that do not belong there.
 */
import { spawn } from 'node:child_process';
import { createHmac, createPrivateKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createKernels, expandSeed, reconstructOutputs } from '@trivet/mpc-core';
import { ClientToken, decodePredictReply, EVENTS } from '@trivet/shared-types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  HIDDEN,
  INPUTS,
  OUTPUTS,
  type SharedTestModel,
  startCluster,
  TestClient,
  type TestCluster,
} from './support/cluster.js';
import { filesUnder, formsOf, type Secret, secretsIn, secretsInMemory } from './support/search.js';

const NAMES = ['alice', 'bob', 'carol'] as const;
const SAMPLES = 16;
/** Those hold a secret because that is what they are for; only their owner can read them. */
const KEY_FILES = /^(owner\.key|ca\.key|(alice|bob|carol)\/(store|tls|seal)\.key)$/;

let cluster: TestCluster;
let client: TestClient;
let model: SharedTestModel;
/** What clients were told. */
const told: string[] = [];
let ofOwner: Secret[];
let ofClient: Secret[];
/** By worker: what its operator alone has. */
let ofWorker: Secret[][];
/** By worker: shares that only the others have. */
let ofOthers: Secret[][];
/** By worker: the share of the weights that it has itself, in the engine's memory. */
let ofEngine: Secret[][];
let token: ClientToken;
/** What each worker was sent to predict. */
let parts: readonly [Buffer, Buffer, Buffer];

const secret = (name: string, bytes: Uint8Array): Secret => ({ name, bytes: bytes.slice(0, 64) });

beforeAll(async () => {
  cluster = await startCluster({}, (config) => ({ ...config, log: { level: 'debug' } }));
  client = await new TestClient(cluster).ready();
  await client.authenticate();
  model = await client.share();
  await client.serve(model.name);
  token = ClientToken.generate();
  await client.access(
    (models) => ({ ...models, [model.name]: 'tokens' }),
    () => [client.grant(token)],
  );
  const asking = await new TestClient(cluster).ready();
  await asking.present(token);

  const inputs = Float32Array.from(
    { length: SAMPLES * INPUTS },
    () => randomBytes(4).readInt32LE() / 2 ** 31,
  );
  const { requestId, count, parts: sent } = await asking.messages(model, inputs, 30_000);
  parts = sent;
  const replies = await asking.all((worker) =>
    asking.call<Uint8Array>(worker, EVENTS.predict, parts[worker]),
  );
  const expected = { requestId, manifestDigest: model.digest, count, outputSize: OUTPUTS, protocol: null };
  const replyShares = replies.map((reply) => decodePredictReply(reply, expected).words) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const logits = reconstructOutputs(replyShares, model.plan);

  const { seeds, explicit, weightSeeds, weightWords } = shares();
  const words = (values: ArrayLike<number>, fractionalBits: number) => {
    const encoded = Array.from(values, (value) => BigInt(Math.round(value * 2 ** fractionalBits)));
    return new Uint8Array(new BigInt64Array(encoded).buffer);
  };
  const read = (...path: string[]) => readFileSync(join(cluster.directory, ...path), 'utf8');
  ofOwner = [
    secret('owner key', Buffer.from(read('owner.key').trim(), 'hex')),
    secret("key of the cluster's authority", jwk(read('ca.key'))),
    secret('weights', new Uint8Array(Float64Array.from(HIDDEN).buffer)),
    secret('weights as they are in files', new Uint8Array(Float32Array.from(HIDDEN).buffer.slice(0, 48))),
    secret('weights, fixed point', words(HIDDEN, 16)),
  ];
  const tokenBytes = Buffer.from(token.reveal().slice(7), 'hex');
  ofClient = [
    secret('token', tokenBytes),
    secret('input', new Uint8Array(inputs.buffer)),
    secret('input, fixed point', words(inputs, 16)),
    secret('logits', new Uint8Array(logits.buffer)),
    secret('logits, fixed point', words(logits, model.plan.outputFractionalBits)),
  ];
  const { clusterId } = cluster.cluster;
  const tokenKey = (worker: number) =>
    createHmac('sha256', tokenBytes).update(`trivet token key v1\n${clusterId}\n${worker}`).digest();
  ofWorker = NAMES.map((name) => [
    secret(`${name}'s store key`, Buffer.from(/^[0-9a-f]{64}/.exec(read(name, 'store.key'))![0], 'hex')),
    secret(`${name}'s TLS key`, jwk(read(name, 'tls.key'))),
    secret(`${name}'s key for sealed messages`, Buffer.from(read(name, 'seal.key').trim(), 'hex')),
  ]);
  ofOthers = [
    [secret('third input share', explicit), secret('third weight share', weightWords)],
    [
      secret('seed of the first input share', seeds[0]),
      secret('seed of the first weight share', weightSeeds[0]),
    ],
    [
      secret('seed of the second input share', seeds[1]),
      secret('seed of the second weight share', weightSeeds[1]),
    ],
  ];
  for (const [worker, others] of ofOthers.entries()) {
    for (const other of [0, 1, 2].filter((index) => index !== worker)) {
      others.push(secret(`${NAMES[other]}'s share of the reply`, replyShares[other]!));
      others.push(secret(`what the token is to ${NAMES[other]}`, tokenKey(other)));
    }
  }
  const kernels = await createKernels();
  const [w0, w1] = weightSeeds.map((seed) => expandSeed(kernels, seed, weightWords.length / 8)) as [
    Uint8Array,
    Uint8Array,
  ];
  const held = (first: Uint8Array, second: Uint8Array) => [
    secret('its first share of the weights', first),
    secret('its second share of the weights', second),
  ];
  ofEngine = [held(w0, w1), held(w1, weightWords), held(weightWords, w0)];
  asking.close();
}, 120_000);

const jwk = (pem: string) => Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d!, 'base64url');

/** What was shared, cut out of the messages and files that carry it. */
function shares() {
  const [first, second] = model.files as [Uint8Array, Uint8Array];
  return {
    seeds: [parts[0].subarray(64, 96), parts[0].subarray(96, 128)] as const,
    explicit: parts[1].subarray(96),
    weightSeeds: [first.subarray(12, 44), first.subarray(44, 76)] as const,
    weightWords: second.subarray(44),
  };
}

/** Everything that goes wrong says why, and may not say with what: here it goes wrong with secrets. */
async function misuse(): Promise<void> {
  const { seeds, weightSeeds, weightWords } = shares();
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const wrong: (readonly [string, unknown])[] = [
    [EVENTS.predict, parts[0]],
    [EVENTS.predict, parts[1]],
    [EVENTS.predict, parts[0].subarray(0, 100)],
    [EVENTS.predict, { data: parts[1] }],
    [EVENTS.cancel, { requestId: hex(seeds[0]) }],
    [EVENTS.cancel, { [hex(seeds[1])]: 1 }],
    [EVENTS.token, { id: token.id, proof: token.reveal().slice(7) }],
    [EVENTS.authenticate, { signature: hex(ofOwner[0]!.bytes) }],
    [`trivet:${token.reveal()}`, {}],
    [EVENTS.shareBegin, { manifest: hex(weightSeeds[0]), bytes: 1 }],
    [EVENTS.shareChunk, { uploadId: hex(weightSeeds[1]).slice(0, 32), offset: 0, data: weightWords }],
  ];
  const careless = await new TestClient(cluster).ready();
  for (const worker of [0, 1, 2] as const) {
    for (const [event, payload] of wrong) {
      const outcome = await careless.call(worker, event, payload).catch((error: unknown) => error);
      expect(outcome).toBeInstanceOf(Error);
      told.push((outcome as Error).message);
    }
    const url = new URL(cluster.cluster.workers[worker]!.url);
    for (const path of ['/metrics', '/healthz', '/readyz', '/nothing']) {
      told.push(await (await fetch(new URL(path, url))).text());
    }
    told.push(JSON.stringify(await careless.status(worker)));
  }
  careless.close();
}

afterAll(async () => {
  client?.close();
  await cluster?.stop();
});

const all = () => [...ofOwner, ...ofClient, ...ofWorker.flat(), ...ofOthers.flat()];

describe('after a run', () => {
  it.runIf(process.platform === 'linux')(
    "no worker's memory has a secret of the owner, of a client, or of another worker",
    async () => {
      // Put into the memory of one of them, to be found there, and at no other.
      const planted = secret('planted', randomBytes(64));
      const owner = await (await new TestClient(cluster).ready()).authenticate();
      const { signed, files } = await owner.prepare(model.name, 2);
      const begin = { manifest: signed, bytes: files[1]!.length };
      const { uploadId } = await owner.call<{ uploadId: string }>(1, EVENTS.shareBegin, begin);
      await owner.call(1, EVENTS.shareChunk, { uploadId, offset: 0, data: planted.bytes });
      for (const [index, { child }] of cluster.workers.entries()) {
        const others = ofWorker.filter((_, worker) => worker !== index).flat();
        // The search sees this process: its own key is there, and in the engine's memory its shares of the weights.
        const own = [ofWorker[index]![0]!, ...ofEngine[index]!, ...(index === 1 ? [planted] : [])];
        const foreign = [...ofOwner, ...ofClient, ...others, ...ofOthers[index]!, planted];
        const found = await secretsInMemory(child!.pid!, [...foreign, ...own]);
        expect([NAMES[index], found]).toEqual([NAMES[index], own.map(({ name }) => name).sort()]);
      }
      owner.close();
    },
    120_000,
  );

  it('no log line, error, metric or status has a secret in it', async () => {
    await misuse();
    const lines = cluster.workers.map(
      ({ lines, stderr }) => `${lines.map((line) => JSON.stringify(line)).join('\n')}${stderr}`,
    );
    for (const text of lines) expect(text).toContain('who may ask has changed');
    expect(secretsIn(Buffer.from(lines.join('\n')), all())).toEqual([]);
    expect(told.length).toBeGreaterThan(40);
    expect(secretsIn(Buffer.from(told.join('\n')), all())).toEqual([]);
  });

  it('no file has a secret in it, but the key files', () => {
    let files = 0;
    for (const [path, content] of filesUnder(cluster.directory)) {
      const name = relative(cluster.directory, path);
      if (KEY_FILES.test(name)) continue;
      expect([name, secretsIn(content, all())]).toEqual([name, []]);
      files += 1;
    }
    expect(files).toBeGreaterThan(9);
  });
});

describe('the search', () => {
  const planted = secret('planted', randomBytes(32));

  it('finds a secret in every form', () => {
    for (const form of formsOf(planted)) {
      const content = Buffer.concat([randomBytes(50), form, randomBytes(50)]);
      expect(secretsIn(content, [planted])).toEqual(['planted']);
    }
    const base64 = [0, 1, 2].map((before) =>
      Buffer.concat([randomBytes(before), planted.bytes, randomBytes(5)]),
    );
    for (const bytes of base64) {
      expect(secretsIn(Buffer.from(bytes.toString('base64')), [planted])).toEqual(['planted']);
    }
    expect(secretsIn(randomBytes(1000), [planted])).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'finds what a process holds, as bytes or as text',
    async () => {
      const holder = `process.stdin.once('data', (text) => {
      globalThis.kept = process.argv[1] === 'text' ? String(text) : Buffer.from(String(text), 'hex');
      if (process.argv[1] !== 'text') text.fill(0);
      process.stdout.write('ready');
    })`;
      for (const form of ['text', 'bytes']) {
        const child = spawn(process.execPath, ['-e', holder, form], { stdio: ['pipe', 'pipe', 'ignore'] });
        child.stdin.write(Buffer.from(planted.bytes).toString('hex'));
        await once(child.stdout, 'data');
        const wanted = [planted, secret('other', randomBytes(32))];
        expect(await secretsInMemory(child.pid!, wanted)).toEqual(['planted']);
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    },
    60_000,
  );
});
