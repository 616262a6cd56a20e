/** Whatever of ours holds a share, a seed or a key does not show it when it is printed, in any of the ways that programs print. */
import { Console } from 'node:console';
import { createSecretKey } from 'node:crypto';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';
import { KeyRing } from '@trivet/at-rest';
import { compile, createKernels, createParty, inputSharesFor, shareModel } from '@trivet/mpc-core';
import {
  ClientToken,
  decodePredictReply,
  decodePredictRequest,
  encodePredictReply,
  encodePredictRequest,
  generateOwnerKeys,
  generateSealingKeys,
  hexToBytes,
  sealingWorker,
  signManifest,
  withHidden,
} from '@trivet/shared-types';
import { createLogger } from '@trivet/workers';
import { describe, expect, it } from 'vitest';
import { SessionKeys } from '../../../apps/workers/src/serving/pool/deal-item.js';
import { parseStoredModel, printStoredModel } from '../../../apps/workers/src/store/stored-model.js';
import { OwnerKey } from '../../../packages/client/src/owner-key.js';
import { Purpose, SessionStreams } from '../../../packages/mpc-core/src/random/session-streams.js';
import { decodeShareFile } from '../../../packages/mpc-core/src/sharing/weights.js';
import {
  answerHello,
  createHello,
  DirectionKeys,
} from '../../../packages/shared-types/src/sealing/handshake.js';
import { CLUSTER_ID, MANIFEST, OWNER_SECRET_KEY } from '../../../packages/shared-types/test/fixtures.js';

/** Bytes that nothing else prints. */
const SECRET = Uint8Array.from({ length: 64 }, (_, index) => (index * 37 + 201) & 255);
const seed = SECRET.subarray(0, 32);
const BYTES = 6;

/** Every way in which something is printed, joined. */
function printed(value: unknown): string {
  const texts: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      texts.push(String(chunk));
      done();
    },
  });
  const console = new Console(stream, stream);
  console.log(value);
  console.error('%s %O %j', value, value, value);
  const log = createLogger('alice', 'debug', { write: (line) => void texts.push(line) });
  log.info({ value, deep: { er: { value } } }, 'a line');
  log.error(Object.assign(new Error('a sentence'), { value }), String(value));
  texts.push(`${value}`, String(value), JSON.stringify({ value }), JSON.stringify([value]), format(value));
  texts.push(
    inspect(value, { depth: 8 }),
    inspect({ list: [value], map: new Map([['a', value]]) }, { depth: 8 }),
  );
  return texts.join('\n');
}

/** Whether a run of the secret's bytes is in the text: as numbers, however they are set, as hex, or as base64. */
function shows(text: string, secret: Uint8Array): boolean {
  const numbers = (text.match(/\d+/g) ?? []).join(',');
  const digits = text.replace(/[^0-9a-fA-F]/g, '').toLowerCase();
  const runs = Array.from({ length: secret.length - BYTES }, (_, at) => secret.subarray(at, at + BYTES));
  return runs.some((run, at) => {
    const indexed = [...run].map((byte, index) => `${at + index},${byte}`).join(',');
    return (
      numbers.includes([...run].join(',')) ||
      numbers.includes(indexed) ||
      digits.includes(Buffer.from(run).toString('hex')) ||
      text.includes(Buffer.from(run).toString('base64'))
    );
  });
}

const REQUEST = {
  requestId: '00'.repeat(16),
  manifestDigest: '00'.repeat(32),
  deadlineMs: 1000,
  count: 1,
  protocol: null,
  nextRequestId: null,
} as const;

const model = () =>
  compile(
    {
      name: 'm',
      input: 'in',
      inputShape: [2],
      nodes: [
        {
          name: 'out',
          inputs: ['in'],
          layer: {
            type: 'Dense',
            kernel: { shape: [2, 2], values: Float64Array.of(1, 2, 3, 4) },
            activation: 'linear',
          },
        },
      ],
      output: 'out',
    },
    { inputRange: { min: -1, max: 1 } },
  );

type Holder = readonly [secret: Uint8Array, holder: unknown];
const HOLDERS: Readonly<Record<string, () => Holder | Promise<Holder>>> = {
  "a client's shares": () => [SECRET, inputSharesFor([seed, SECRET.subarray(32)], SECRET, 1)],
  'a request at a worker': () => {
    const message = encodePredictRequest({
      ...REQUEST,
      first: { kind: 'seed', seed },
      second: { kind: 'explicit', words: SECRET },
    }).toBytes();
    return [SECRET, decodePredictRequest(message, { maxCount: 1, inputSizeOf: () => 8 })];
  },
  'a reply at a client': () => {
    const statistics = {
      rounds: 1,
      bytesSent: 0,
      bytesReceived: 0,
      bytesDealt: 0,
      computeMicros: 0,
      queueMicros: 0,
      batchSize: 1,
      steps: [],
    };
    const reply = { ...REQUEST, protocol: 'fss', outputSize: 7, statistics, words: SECRET } as const;
    return [SECRET, decodePredictReply(encodePredictReply(reply), reply)];
  },
  'a share file, decoded': async () => {
    const { plan, weights } = model();
    const files = shareModel({ plan, weights } as never, await createKernels());
    return [files[0].subarray(12), decodeShareFile(files[0], 0, plan)];
  },
  'a loaded model, its party and its memory': async () => {
    const compiled = model();
    const kernels = await createKernels();
    const files = shareModel(compiled, kernels);
    const party = createParty(1, await createKernels());
    return [files[1].subarray(44), [party, party.load(compiled.plan, files[1]), kernels]];
  },
  'a model from the store': () => {
    const manifest = signManifest(MANIFEST, OWNER_SECRET_KEY);
    const file = Buffer.concat(printStoredModel({ manifest, shareFile: SECRET }));
    return [SECRET, parseStoredModel(file, 'the file')];
  },
  "a session's keys": () => [SECRET, new SessionKeys(new Uint8Array(16), seed, SECRET.subarray(32))],
  "a session's streams": () => {
    const streams = new SessionStreams(new Uint8Array(16), seed, SECRET.subarray(32));
    const { key } = streams.draw('next', 1, Purpose.Opening);
    return [key, [streams, streams.draw('next', 2, Purpose.Opening)]];
  },
  'the keys of a sealed connection': () => [
    SECRET,
    { clientToWorker: new DirectionKeys(seed, new Uint8Array(12)) },
  ],
  'a sealed connection that begins': async () => {
    const worker = await sealingWorker(0, 'alice', Buffer.from(seed).toString('hex'));
    const hello = await createHello(worker);
    const agreed: Uint8Array[] = [];
    await answerHello(worker, hello.hello, ({ clientToWorker }) => {
      agreed.push(clientToWorker.key);
      return new Uint8Array(16);
    });
    return [agreed[0]!, [worker, { finish: hello.finish }]];
  },
  "a worker's new keys": () => {
    const keys = generateSealingKeys();
    return [hexToBytes(keys.secretKey), keys];
  },
  "an owner's new keys": () => {
    const keys = generateOwnerKeys();
    return [hexToBytes(keys.secretKey), keys];
  },
  "the owner's key in use": () => [hexToBytes(OWNER_SECRET_KEY), new OwnerKey(OWNER_SECRET_KEY)],
  'a client token': () => {
    const token = ClientToken.generate();
    return [hexToBytes(token.reveal().slice(7)), [token, { grant: token }]];
  },
  'the keys of a store': async () => {
    const ring = KeyRing.ofKeys([Buffer.from(seed)]);
    return [seed, [ring, await ring.sealingKey()]];
  },
  'a passphrase': () => [SECRET, KeyRing.ofPassphrase(Buffer.from(SECRET))],
  'what is hidden': () => [
    SECRET,
    withHidden({ name: 'a' }, { bytes: SECRET, text: Buffer.from(SECRET).toString('hex') }),
  ],
};

describe('what is printed', () => {
  it.each(Object.entries(HOLDERS))('does not show %s', async (_, make) => {
    const [secret, holder] = await make();
    expect(secret.some((byte) => byte !== 0)).toBe(true);
    expect(shows(printed(holder), secret)).toBe(false);
  });

  it('would be seen to show it', () => {
    const plain = [
      SECRET,
      Buffer.from(SECRET),
      [...SECRET],
      { a: { seed: Buffer.from(SECRET).toString('hex') } },
    ];
    for (const value of [...plain, Buffer.from(SECRET).toString('base64')]) {
      expect(shows(inspect(value, { depth: 8 }), SECRET)).toBe(true);
      expect(shows(JSON.stringify(value), SECRET)).toBe(true);
    }
    expect(shows(inspect(createSecretKey(SECRET)), SECRET)).toBe(false);
    expect(shows(CLUSTER_ID, SECRET)).toBe(false);
  });

  it('still works as it did', () => {
    const [{ first, second }] = inputSharesFor([seed, SECRET.subarray(32)], SECRET, 1);
    expect({ ...first }).toEqual({ kind: 'seed', seed });
    expect(structuredClone(second)).toEqual({ kind: 'seed', seed: SECRET.subarray(32) });
    const { secretKey, publicKey } = generateOwnerKeys();
    expect([secretKey, publicKey].every((key) => /^[0-9a-f]{64}$/.test(key))).toBe(true);
  });
});

describe("the owner's key", () => {
  it('is let go when its holder is closed', () => {
    const key = new OwnerKey(OWNER_SECRET_KEY);
    expect(key.secretKey).toBe(OWNER_SECRET_KEY);
    key.forget();
    expect(() => key.secretKey).toThrow(expect.objectContaining({ code: 'FAILED_PRECONDITION' }));
    expect(() => new OwnerKey('00')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
