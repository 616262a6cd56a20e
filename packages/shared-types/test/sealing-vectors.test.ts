/** Walks the golden vectors of sealed connections: the product says the same, byte for byte, and takes nothing else. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type Acknowledge,
  acceptChannel,
  EVENTS,
  hexToBytes,
  type Outcome,
  openChannel,
  sealingWorker,
  type TrivetError,
} from '../src/index.js';
import { createAead, nodeAead, webAead } from '../src/sealing/aead.js';
import { createHello } from '../src/sealing/handshake.js';
import { suite } from '../src/sealing/keys.js';
import { RecordOpener, RecordSealer } from '../src/sealing/records.js';
import { decodeSealedText, encodeSealedText } from '../src/sealing/sealed-text.js';
import type { RecordVector, sealedConnection } from './build-sealing-vectors.js';
import { Wire } from './fake-socket.js';

type Vectors = ReturnType<typeof sealedConnection>;
type Connection = Vectors['connections'][0];
const { connections, bad }: Vectors = JSON.parse(
  readFileSync(new URL('../vectors/v1/sealed-connection.json', import.meta.url), 'utf8'),
);
const [first] = connections;

const hex = (part: unknown) => Buffer.from(part as Uint8Array).toString('hex');
const workerOf = ({ worker: { index, name, secretKey } }: Connection) =>
  sealingWorker(index, name, secretKey);

/** The next key pairs that are made are these. */
async function makeKeys(...secrets: string[]): Promise<void> {
  const pairs = await Promise.all(secrets.map(async (secret) => (await sealingWorker(0, 'a', secret)).keys));
  const made = vi.spyOn(suite.kem, 'generateKeyPair');
  for (const pair of pairs) made.mockResolvedValueOnce(pair);
  made.mockRejectedValue(new Error('more keys than were to be made'));
}

afterEach(() => {
  vi.restoreAllMocks();
});

const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

/** The value of a record, with its bytes in their place. */
function valueIn({ value, bytes, place }: RecordVector): unknown {
  if (place === undefined) return value;
  const own = hexToBytes(bytes!);
  return place === true ? own : { ...(value as object), [place]: own };
}

/** As it is compared: bytes are hex. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return hex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

/** A worker's end as the vectors have it; gives what it hears, and what it may answer. */
async function worker(wire: Wire, connection: Connection) {
  const heard: { name: string; payload: unknown; acknowledge: Acknowledge }[] = [];
  const broken: TrivetError[] = [];
  const channel = acceptChannel(wire.worker, {
    worker: await workerOf(connection),
    event: (name, payload, acknowledge) => heard.push({ name, payload, acknowledge }),
    broken: (error) => broken.push(error),
  });
  return { heard, broken, channel };
}

describe.each(connections)('a sealed connection $name', (connection) => {
  it('is agreed on, and carries events, answers and pushes, as the vector says', async () => {
    const { secrets, worker: identity, hello, answer, records } = connection;
    const wire = new Wire();
    const { heard, channel } = await worker(wire, connection);
    await makeKeys(secrets.clientEncapsulation, secrets.client, secrets.workerEncapsulation);
    const told = new Map<number, unknown>();
    const pushed: unknown[] = [];
    const client = await openChannel(wire.client, identity, {
      push: (name, value) => pushed.push({ name, value }),
      broken: (error) => expect.unreachable(error.message),
    });
    expect(hex(wire.messages[0]!.part)).toBe(hello);
    expect(hex((wire.messages[1]!.part as { value: Uint8Array }).value)).toBe(answer);

    for (const one of records) {
      const { name } = one;
      if (one.from === 'client') {
        client.send(name, valueIn(one), (outcome) => told.set(one.number, outcome));
      } else if (one.kind === 'push') channel.push(name, valueIn(one));
      else heard[one.answers]!.acknowledge(valueIn(one) as Outcome<unknown>);
      await settled();
      expect(hex(wire.messages.at(-1)!.part)).toBe(one.record);
      const arrived =
        one.from === 'client'
          ? { name: heard[one.number]?.name, value: heard[one.number]?.payload }
          : one.kind === 'push'
            ? pushed.at(-1)
            : { name: '', value: told.get(one.answers) };
      expect(plain(arrived)).toEqual(plain({ name, value: valueIn(one) }));
    }
    expect(heard).toHaveLength(3);
    expect(told.size).toBe(3);
  });

  it('has these keys', async () => {
    const { secrets, worker: identity, hello, answer, keys } = connection;
    await makeKeys(secrets.clientEncapsulation, secrets.client);
    const made = await createHello(identity);
    expect(hex(made.hello)).toBe(hello);
    const { keys: agreed, proof } = await made.finish(hexToBytes(answer));
    for (const direction of ['clientToWorker', 'workerToClient'] as const) {
      const { key, nonce } = agreed[direction];
      expect({ key: hex(key), nonce: hex(nonce) }).toEqual(keys[direction]);
    }
    expect(hex(proof)).toBe(answer.slice(-32));
  });

  it.each([
    ['node:crypto', nodeAead],
    ['WebCrypto', webAead],
  ])('has these records by %s', async (_, aead) => {
    const { keys, records } = connection;
    for (const [from, { key, nonce }] of [
      ['client', keys.clientToWorker],
      ['worker', keys.workerToClient],
    ] as const) {
      const ends = () => aead(hexToBytes(key));
      const sealer = new RecordSealer(await ends(), hexToBytes(nonce));
      const opener = new RecordOpener(await ends(), hexToBytes(nonce));
      if (from === 'worker') {
        const { record } = sealer.seal('proof', new Uint8Array());
        expect(hex(await record)).toBe(connection.answer.slice(-32));
        await opener.open('proof', await record).text;
      }
      for (const one of records.filter((record) => record.from === from)) {
        const text = encodeSealedText({ name: one.name, value: valueIn(one) });
        expect(hex(text)).toBe(one.text);
        const sealed = sealer.seal(one.kind, text, one.answers);
        expect([sealed.number, hex(await sealed.record)]).toEqual([one.number, one.record]);
        expect(hex(await opener.open(one.kind, hexToBytes(one.record), one.answers).text)).toBe(one.text);
        expect(plain(decodeSealedText(hexToBytes(one.text)))).toEqual(
          plain({ name: one.name, value: valueIn(one) }),
        );
      }
    }
  });
});

describe('what is malformed, or of somewhere else', () => {
  it.each(bad.hellos)('hello: $name', async ({ bytes, code }) => {
    const wire = new Wire();
    await worker(wire, first);
    const answer = await new Promise((resolve) => wire.client.emit(EVENTS.seal, hexToBytes(bytes), resolve));
    expect(answer).toMatchObject({ ok: false, error: { code, worker: 'alice' } });
    expect(wire.closed).toBe(true);
  });

  it.each(bad.answers)('answer: $name', async ({ bytes, code }) => {
    const { secrets, worker: identity } = first;
    const wire = new Wire();
    wire.worker.onAny((_, __, acknowledge) =>
      (acknowledge as (part: unknown) => void)({ ok: true, value: hexToBytes(bytes) }),
    );
    await makeKeys(secrets.clientEncapsulation, secrets.client);
    const opened = openChannel(wire.client, identity, { push: () => {}, broken: () => {} });
    await expect(opened).rejects.toMatchObject({ code });
  });

  it.each(bad.atWorker)('at a worker: $name', async ({ arrives, taken }) => {
    const wire = new Wire();
    const { heard, broken } = await worker(wire, first);
    await makeKeys(first.secrets.workerEncapsulation);
    await new Promise((resolve) => wire.client.emit(EVENTS.seal, hexToBytes(first.hello), resolve));
    for (const { record } of arrives) {
      expect(wire.closed).toBe(false);
      wire.client.emit(EVENTS.sealed, hexToBytes(record), () => {});
      await settled();
      if (broken.length > 0) break;
    }
    expect(heard).toHaveLength(taken);
    expect(broken).toEqual([expect.objectContaining({ code: 'ABORTED', worker: 'alice' })]);
    expect(wire.closed).toBe(true);
  });

  it.each(bad.atClient)('at a client: $name', async ({ arrives, taken }) => {
    const { secrets, worker: identity, answer, records } = first;
    const acknowledges: ((part: unknown) => void)[] = [];
    const wire = new Wire();
    wire.worker.onAny((event, _, acknowledge) => {
      const answered = acknowledge as (part: unknown) => void;
      if (event === EVENTS.seal) answered({ ok: true, value: hexToBytes(answer) });
      else acknowledges.push(answered);
    });
    await makeKeys(secrets.clientEncapsulation, secrets.client);
    const got: unknown[] = [];
    const broken: TrivetError[] = [];
    const client = await openChannel(wire.client, identity, {
      push: (name) => got.push(name),
      broken: (error) => broken.push(error),
    });
    for (const one of records.filter(({ from }) => from === 'client')) {
      client.send(one.name, valueIn(one), (outcome) => got.push(outcome));
    }
    await settled();
    for (const { as, record } of arrives) {
      const bytes = hexToBytes(record);
      if (typeof as === 'number') acknowledges[as]!(bytes);
      else wire.worker.emit(EVENTS.sealed, bytes);
      await settled();
    }
    expect(got).toHaveLength(taken);
    expect(broken).toEqual([expect.objectContaining({ code: 'ABORTED', worker: 'alice' })]);
  });

  it.each(bad.texts)('text: $name', ({ bytes, code }) => {
    expect(() => decodeSealedText(hexToBytes(bytes))).toThrow(expect.objectContaining({ code }));
  });

  it('and every other bit of a record', async () => {
    const [{ record, text }] = first.records as [RecordVector];
    const { key, nonce } = first.keys.clientToWorker;
    const aead = await createAead(hexToBytes(key));
    const open = async (bytes: Uint8Array) =>
      new RecordOpener(aead, hexToBytes(nonce)).open('event', bytes).text;
    expect(hex(await open(hexToBytes(record)))).toBe(text);
    for (let bit = 0; bit < 4 * record.length; bit++) {
      const bytes = hexToBytes(record);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      await expect(open(bytes)).rejects.toThrow();
    }
  });
});
