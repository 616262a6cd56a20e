/** Sealed connections: what opens, and that nothing else does. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  acceptChannel,
  BytesInPieces,
  type ClientChannel,
  EVENTS,
  generateSealingKeys,
  hexToBytes,
  openChannel,
  type SealingWorker,
  sealingPublicKey,
  sealingWorker,
  TrivetError,
  type WorkerChannel,
} from '../src/index.js';
import { AEAD_TAG_BYTES, nodeAead, webAead } from '../src/sealing/aead.js';
import { RecordOpener, RecordSealer } from '../src/sealing/records.js';
import { decodeSealedText, encodeSealedText } from '../src/sealing/sealed-text.js';
import { type Message, Wire } from './fake-socket.js';
import { counting, SEALING_SECRET_KEYS } from './fixtures.js';

interface Conversation {
  readonly wire: Wire;
  readonly client: ClientChannel;
  readonly worker: WorkerChannel;
  /** What the worker's handler was given. */
  readonly heard: { readonly name: string; readonly payload: unknown }[];
  readonly pushed: unknown[];
  /** Why the client's or the worker's end gave up. */
  readonly broken: TrivetError[];
  ask(name: string, payload: unknown): Promise<unknown>;
}

let alice: SealingWorker;
let bob: SealingWorker;

beforeAll(async () => {
  [alice, bob] = await Promise.all([
    sealingWorker(0, 'alice', SEALING_SECRET_KEYS[0]),
    sealingWorker(1, 'bob', SEALING_SECRET_KEYS[1]),
  ]);
});

const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

async function converse(): Promise<Conversation> {
  const wire = new Wire();
  const heard: Conversation['heard'][number][] = [];
  const pushed: unknown[] = [];
  const broken: TrivetError[] = [];
  const worker = acceptChannel(wire.worker, {
    worker: alice,
    event(name, payload, acknowledge) {
      heard.push({ name, payload });
      acknowledge({ ok: true, value: { echo: name } });
    },
    broken: (error) => broken.push(error),
  });
  const client = await openChannel(wire.client, alice, {
    push: (name, value) => pushed.push({ name, value }),
    broken: (error) => broken.push(error),
  });
  const ask = (name: string, payload: unknown) =>
    new Promise((resolve) => client.send(name, payload, resolve));
  return { wire, client, worker, heard, pushed, broken, ask };
}

/** Lets `count` events of a client pile up in the middle, and gives them. */
async function heldBack(conversation: Conversation, count: number): Promise<Message[]> {
  const { wire, client } = conversation;
  wire.passes = ({ toWorker }) => !toWorker;
  const from = wire.messages.length;
  for (let at = 0; at < count; at++) client.send(`event ${at}`, { at }, () => {});
  await settled();
  return wire.messages.slice(from);
}

describe('a sealed connection', () => {
  it('carries events, answers and pushes, with bytes and without', async () => {
    const { ask, heard, pushed, worker } = await converse();
    const data = counting(40);
    expect(await ask('first', { a: [1, 'ü'] })).toEqual({ ok: true, value: { echo: 'first' } });
    expect(await ask('bytes', data)).toEqual({ ok: true, value: { echo: 'bytes' } });
    await ask('chunk', { uploadId: 'x', data });
    expect(heard.map(({ name }) => name)).toEqual(['first', 'bytes', 'chunk']);
    expect(Uint8Array.from(heard[1]!.payload as Uint8Array)).toEqual(data);
    expect(heard[2]!.payload).toMatchObject({ uploadId: 'x', data: expect.objectContaining({ length: 40 }) });
    worker.push('status', { ready: true });
    await settled();
    expect(pushed).toEqual([{ name: 'status', value: { ready: true } }]);
  });

  it('shows nothing of what is said, and never the same bytes for the same words', async () => {
    const { ask, wire } = await converse();
    const secret = 'a share, for example';
    await ask('trivet:predict', { secret });
    await ask('trivet:predict', { secret });
    const seen = wire.messages.map(({ part }) => part as Uint8Array | { value: Uint8Array });
    const bytes = seen.map((part) => (part instanceof Uint8Array ? part : part.value));
    for (const one of bytes) {
      const text = Buffer.from(one).toString('latin1');
      expect(text).not.toContain(secret);
      expect(text).not.toContain('predict');
    }
    expect(new Set(bytes.map((one) => Buffer.from(one).toString('hex'))).size).toBe(bytes.length);
    expect(new Set(wire.messages.map(({ event }) => event))).toEqual(
      new Set([EVENTS.seal, EVENTS.sealed, null]),
    );
  });

  it.each<[string, (messages: Message[]) => void]>([
    [
      'changed',
      ([first]) => first!.deliver((first!.part as Uint8Array).with(9, (first!.part as Uint8Array)[9]! ^ 1)),
    ],
    ['cut', ([first]) => first!.deliver((first!.part as Uint8Array).slice(0, -1))],
    ['cut to nothing', ([first]) => first!.deliver(new Uint8Array())],
    ['longer', ([first]) => first!.deliver(Uint8Array.of(...(first!.part as Uint8Array), 0))],
    ['left out', ([, second]) => second!.deliver()],
    [
      'moved',
      ([first, second]) => {
        second!.deliver();
        first!.deliver();
      },
    ],
    ['no bytes', ([first]) => first!.deliver({ data: first!.part })],
  ])('is given up by the worker when an event is %s', async (_, meddle) => {
    const conversation = await converse();
    const { wire, heard, broken } = conversation;
    meddle(await heldBack(conversation, 2));
    await settled();
    expect(heard).toEqual([]);
    expect(wire.closed).toBe(true);
    expect(broken[0]).toMatchObject({ code: 'ABORTED', worker: 'alice' });
  });

  it('hears a repeated event once, and is given up', async () => {
    const conversation = await converse();
    const [event] = await heldBack(conversation, 1);
    event!.deliver();
    event!.deliver();
    await settled();
    expect(conversation.heard).toHaveLength(1);
    expect(conversation.wire.closed).toBe(true);
  });

  it.each<[string, (answers: Message[]) => void]>([
    [
      'changed',
      ([first]) => first!.deliver((first!.part as Uint8Array).with(3, (first!.part as Uint8Array)[3]! ^ 4)),
    ],
    ['cut', ([first]) => first!.deliver((first!.part as Uint8Array).slice(1))],
    ['left out', ([, second]) => second!.deliver()],
    ['under the acknowledgement of another event', ([first, second]) => first!.deliver(second!.part)],
    [
      'exchanged for the other',
      ([first, second]) => {
        first!.deliver(second!.part);
        second!.deliver(first!.part);
      },
    ],
    ['plain', ([first]) => first!.deliver({ ok: true, value: {} })],
  ])('is given up by the client when an answer is %s, and nobody is told anything', async (_, meddle) => {
    const { wire, client, broken } = await converse();
    wire.passes = ({ toWorker }) => toWorker;
    const from = wire.messages.length;
    const told: unknown[] = [];
    for (const name of ['one', 'two']) client.send(name, {}, (outcome) => told.push(outcome));
    await settled();
    meddle(wire.messages.slice(from).filter(({ toWorker }) => !toWorker));
    await settled();
    expect(told).toEqual([]);
    expect(broken).toEqual([expect.objectContaining({ code: 'ABORTED', worker: 'alice' })]);
  });

  it('does not take a push for an answer', async () => {
    const { wire, client, worker, broken } = await converse();
    wire.passes = ({ toWorker }) => toWorker;
    const told: unknown[] = [];
    const from = wire.messages.length;
    worker.push('status', {});
    client.send('one', {}, (outcome) => told.push(outcome));
    await settled();
    const [push, answer] = wire.messages.slice(from).filter(({ toWorker }) => !toWorker);
    answer!.deliver(push!.part);
    await settled();
    expect(told).toEqual([]);
    expect(broken).toHaveLength(1);
  });

  it('opens nothing of another connection, not even of the same client and worker', async () => {
    const first = await converse();
    const second = await converse();
    const [event] = await heldBack(first, 1);
    const [other] = await heldBack(second, 1);
    other!.deliver(event!.part);
    await settled();
    expect(second.heard).toEqual([]);
    expect(second.wire.closed).toBe(true);
  });

  it('cannot be played again to the worker as a whole', async () => {
    const first = await converse();
    await first.ask('remove', { version: 1 });
    const heard: unknown[] = [];
    const wire = new Wire();
    acceptChannel(wire.worker, {
      worker: alice,
      event: (...parts) => heard.push(parts),
      broken: () => {},
    });
    const replayed = first.wire.messages.filter(({ toWorker }) => toWorker);
    wire.client.emit(EVENTS.seal, replayed[0]!.part, () => {});
    await expect.poll(() => wire.messages.length).toBe(2);
    wire.client.emit(EVENTS.sealed, replayed[1]!.part, () => {});
    await settled();
    expect(heard).toEqual([]);
    expect(wire.closed).toBe(true);
  });
});

describe('the beginning of a sealed connection', () => {
  const accept = (wire: Wire, worker: SealingWorker) =>
    acceptChannel(wire.worker, { worker, event: () => {}, broken: () => {} });
  const hooks = { push: () => {}, broken: () => {} };

  it.each<[string, () => SealingWorker | Promise<SealingWorker>]>([
    ['the key of another', () => ({ ...bob, index: 0, name: 'alice' })],
    ['another name', () => ({ ...alice, name: 'mallory' })],
    ['another index', () => ({ ...alice, index: 2 })],
    ['a key of its own making', () => sealingWorker(0, 'alice', generateSealingKeys().secretKey)],
  ])('ends at a worker with %s', async (_, other) => {
    const wire = new Wire();
    accept(wire, await other());
    await expect(openChannel(wire.client, alice, hooks)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      worker: 'alice',
      message: expect.stringContaining('nothing was sent'),
    });
  });

  it("ends when somebody in between puts a key of his own in the client's place", async () => {
    const wire = new Wire();
    accept(wire, alice);
    wire.passes = (message) => {
      if (message.event === EVENTS.seal) {
        const changed = (message.part as Uint8Array).slice();
        changed.set(hexToBytes(generateSealingKeys().publicKey), 4 + 65);
        message.part = changed;
      }
      return true;
    };
    await expect(openChannel(wire.client, alice, hooks)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
  });

  it('is malformed in any other form, and ends the connection', async () => {
    const codes = async (part: unknown) => {
      const wire = new Wire();
      accept(wire, alice);
      const answer = new Promise<{ error?: { code: string } }>((resolve) =>
        wire.client.emit(EVENTS.seal, part, resolve),
      );
      const { error } = await answer;
      return [error?.code, wire.closed];
    };
    const refused = ['INVALID_ARGUMENT', true];
    const hello = Uint8Array.of(
      ...Buffer.from('TVH1'),
      ...hexToBytes(alice.publicKey),
      ...hexToBytes(bob.publicKey),
    );
    expect(await codes(hello)).toEqual([undefined, false]);
    expect(await codes(hello.slice(0, -1))).toEqual(refused);
    expect(await codes(Uint8Array.of(...hello, 0))).toEqual(refused);
    expect(await codes(hello.with(3, 0x32))).toEqual(refused);
    // Not on the curve: the first key, then the second.
    expect(await codes(hello.with(40, hello[40]! ^ 1))).toEqual(refused);
    expect(await codes(hello.with(100, hello[100]! ^ 1))).toEqual(refused);
    expect(await codes('text')).toEqual(refused);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (noise) => {
        expect(await codes(noise)).toEqual(refused);
      }),
      { numRuns: 50 },
    );
  });

  it('comes first, and once', async () => {
    const wire = new Wire();
    accept(wire, alice);
    const code = (event: string, part: unknown) =>
      new Promise((resolve) =>
        wire.client.emit(event, part, (answer: { ok: boolean; error?: { code: string } }) =>
          resolve(answer.ok ? 'ok' : answer.error?.code),
        ),
      );
    expect(await code(EVENTS.describe, {})).toBe('FAILED_PRECONDITION');
    expect(await code(EVENTS.sealed, counting(40))).toBe('FAILED_PRECONDITION');
    await openChannel(wire.client, alice, hooks);
    expect(await code(EVENTS.seal, counting(134))).toBe('FAILED_PRECONDITION');
    expect(await code(EVENTS.predict, counting(134))).toBe('FAILED_PRECONDITION');
    expect(wire.closed).toBe(false);
  });

  it('is refused with a sentence by a worker of an earlier version', async () => {
    const wire = new Wire();
    wire.worker.onAny((_, __, acknowledge) => {
      const error = {
        code: 'INVALID_ARGUMENT',
        message: 'This worker does not know that event.',
        worker: 'alice',
      };
      (acknowledge as (part: unknown) => void)({ ok: false, error });
    });
    await expect(openChannel(wire.client, alice, hooks)).rejects.toThrow('update it');
  });
});

describe('records', () => {
  const key = counting(32);
  const nonce = counting(12, 0xf8);

  it('are the same by node:crypto and by WebCrypto', async () => {
    const web = await webAead(key.slice());
    const node = nodeAead(key);
    const text = encodeSealedText({ name: 'trivet:predict', value: counting(100) });
    const byNode = new RecordSealer(node, nonce);
    const byWeb = new RecordSealer(web, nonce);
    const opener = new RecordOpener(web, nonce);
    for (let at = 0; at < 3; at++) {
      const { record } = byNode.seal('answer', text, at);
      expect(Uint8Array.from(await byWeb.seal('answer', text, at).record)).toEqual(record);
      expect(await opener.open('answer', record, at).text).toEqual(text);
    }
  });

  it('lie where they are told to, over their text too, where the platform answers at once', async () => {
    const text = counting(40);
    const seal = (from: Uint8Array, into?: Uint8Array) =>
      new RecordSealer(nodeAead(key.slice()), nonce).seal('event', from, 0, into).record;
    const expected = seal(text);
    const room = new Uint8Array(text.length + AEAD_TAG_BYTES);
    room.set(text);
    const record = seal(room.subarray(0, text.length), room);
    expect(record).toBe(room);
    expect(record).toEqual(expected);
    const elsewhere = new RecordSealer(await webAead(key.slice()), nonce).seal('event', text, 0, room).record;
    expect(await elsewhere).toEqual(expected);
  });

  it('open as what they were sealed as, and as nothing else', () => {
    const kinds = ['proof', 'event', 'answer', 'push'] as const;
    for (const sealed of kinds) {
      for (const opened of kinds) {
        const { record } = new RecordSealer(nodeAead(key), nonce).seal(sealed, counting(5));
        const open = () => new RecordOpener(nodeAead(key), nonce).open(opened, record).text;
        if (sealed === opened) expect(Uint8Array.from(open())).toEqual(counting(5));
        else expect(open).toThrow();
      }
    }
  });
});

describe('the text of a record', () => {
  const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

  it('decodes to what was encoded', () => {
    const value = fc.oneof(
      json,
      fc.uint8Array(),
      fc.record({ uploadId: fc.string(), data: fc.uint8Array() }),
      fc.record({ ok: fc.constant(true), value: fc.uint8Array() }),
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 64 }), value, (name, value) => {
        const text = encodeSealedText({ name, value });
        expect(decodeSealedText(text)).toEqual({ name, value });
      }),
    );
  });

  it('is the same for bytes in one piece and in several, whoever gives the memory', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 4 });
    fc.assert(
      fc.property(pieces, fc.nat(9), (several, before) => {
        const joined = new BytesInPieces(several);
        const whole = joined.toBytes();
        expect([...whole]).toEqual(several.flatMap((piece) => [...piece]));
        const given: Uint8Array[] = [];
        const text = encodeSealedText({ name: 'a', value: joined }, (length) => {
          given.push(new Uint8Array(before + length).subarray(before));
          return given[0]!;
        });
        expect(given).toEqual([text]);
        expect(given[0]).toBe(text);
        expect(text).toEqual(encodeSealedText({ name: 'a', value: whole }));
      }),
    );
    const secret = new BytesInPieces([counting(3, 0x61)]);
    expect([String(secret), inspect(secret), JSON.stringify(secret)]).toEqual([
      '[3 bytes]',
      '[3 bytes]',
      '"[3 bytes]"',
    ]);
  });

  it('is refused with a code in any other form', () => {
    const head = (value: unknown) => {
      const bytes = new TextEncoder().encode(JSON.stringify(value));
      return Uint8Array.of(bytes.length, 0, 0, 0, ...bytes);
    };
    const bad = [
      new Uint8Array(),
      Uint8Array.of(1, 0, 0, 0),
      Uint8Array.of(255, 255, 255, 255, 1),
      Uint8Array.of(2, 0, 0, 0, 0xff, 0xff),
      head([]),
      head({ name: 1 }),
      head({ name: 'x'.repeat(65) }),
      head({ name: 'a', more: 1 }),
      head({ name: 'a', value: {}, bytes: 'other' }),
      head({ name: 'a', value: {}, bytes: '__proto__' }),
      head({ name: 'a', value: { data: 1 }, bytes: 'data' }),
      head({ name: 'a', value: null, bytes: 'data' }),
      head({ name: 'a', value: 1, bytes: true }),
      Uint8Array.of(...head({ name: 'a', value: 1 }), 0),
    ];
    for (const text of bad) {
      expect(() => decodeSealedText(text)).toThrow(TrivetError);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(() => decodeSealedText(noise)).toThrow(TrivetError);
      }),
    );
  });
});

describe('keys', () => {
  it('are refused unless they are scalars of the curve', async () => {
    for (const bad of [
      '',
      'zz'.repeat(32),
      '00'.repeat(32),
      'ff'.repeat(32),
      'A1'.repeat(32),
      'a1'.repeat(31),
    ]) {
      expect(() => sealingPublicKey(bad)).toThrow(TrivetError);
      await expect(sealingWorker(0, 'alice', bad)).rejects.toThrow(TrivetError);
    }
    const { secretKey, publicKey } = generateSealingKeys();
    expect(sealingPublicKey(secretKey)).toBe(publicKey);
    expect((await sealingWorker(0, 'alice', secretKey)).publicKey).toBe(publicKey);
  });
});
