/**
 * Golden vectors of sealed connections: three of them (two of one worker, one of another), their hellos, answers, keys and
 * records in both directions; and what must not open, or is malformed. Made by sealing-by-hand.ts, not by the product.
 */
import { type BadBytes, counting, SEALING_SECRET_KEYS } from './fixtures.js';
import {
  type ConnectionByHand,
  connectByHand,
  type EphemeralSecrets,
  type KindByHand,
  sealByHand,
  textByHand,
  type WorkerByHand,
} from './sealing-by-hand.js';

/** A record, and what is in it: `bytes` (hex) are the whole value (`place` true) or the field of it that is named. */
export interface RecordVector {
  readonly from: 'client' | 'worker';
  /** Of its direction, from 0. */
  readonly number: number;
  readonly kind: KindByHand;
  /** Number of the client's record that an answer answers; else 0. */
  readonly answers: number;
  readonly name: string;
  readonly value?: unknown;
  readonly bytes?: string;
  readonly place?: true | 'data' | 'value';
  readonly text: string;
  readonly record: string;
}

/** What arrives at one end of the first connection, in order: how many are taken before it is given up. */
export interface BadRecords {
  readonly name: string;
  readonly arrives: readonly Arrival[];
  readonly taken: number;
}

interface Arrival {
  /** Client: under the acknowledgement of its record of this number, or pushed. */
  readonly as: 'event' | 'push' | number;
  readonly record: string;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const ALICE: WorkerByHand = { index: 0, name: 'alice', secretKey: SEALING_SECRET_KEYS[0] };
const BOB: WorkerByHand = { index: 1, name: 'bob', secretKey: SEALING_SECRET_KEYS[1] };

/** Scalars of the curve that nobody uses elsewhere. */
const secretsOf = (start: number): EphemeralSecrets => ({
  clientEncapsulation: hex(counting(32, start)),
  client: hex(counting(32, start + 0x20)),
  workerEncapsulation: hex(counting(32, start + 0x40)),
});

type Said = Omit<RecordVector, 'number' | 'text' | 'record'>;

/** Events without bytes, with nothing but bytes, and with bytes in a field; answers in another order; a push. */
const SAID: readonly Said[] = [
  { from: 'client', kind: 'event', answers: 0, name: 'trivet:describe', value: {} },
  { from: 'worker', kind: 'answer', answers: 0, name: '', value: { ok: true, value: { text: 'ü' } } },
  {
    from: 'client',
    kind: 'event',
    answers: 0,
    name: 'trivet:predict',
    bytes: hex(counting(40, 7)),
    place: true,
  },
  {
    from: 'client',
    kind: 'event',
    answers: 0,
    name: 'trivet:owner:share-chunk',
    value: { uploadId: '0f'.repeat(16), offset: 0 },
    bytes: hex(counting(9)),
    place: 'data',
  },
  {
    from: 'worker',
    kind: 'push',
    answers: 0,
    name: 'trivet:served',
    value: { model: 'tiny', served: 3, requestLimit: null },
  },
  {
    from: 'worker',
    kind: 'answer',
    answers: 2,
    name: '',
    value: { ok: false, error: { code: 'NOT_FOUND', message: 'No.', worker: 'alice' } },
  },
  {
    from: 'worker',
    kind: 'answer',
    answers: 1,
    name: '',
    value: { ok: true },
    bytes: hex(counting(24, 100)),
    place: 'value',
  },
];

function recordsOf(connection: ConnectionByHand): RecordVector[] {
  // The worker's first record is its proof.
  const next = { client: 0, worker: 1 };
  return SAID.map((said) => {
    const { from, kind, answers, name, value, bytes, place } = said;
    const number = next[from]++;
    const head = JSON.stringify({ name, value, bytes: place });
    const text = textByHand(head, Buffer.from(bytes ?? '', 'hex'));
    const direction = from === 'client' ? connection.clientToWorker : connection.workerToClient;
    return {
      ...said,
      number,
      text: hex(text),
      record: hex(sealByHand(direction, number, kind, answers, text)),
    };
  });
}

function connection(name: string, worker: WorkerByHand, secrets: EphemeralSecrets) {
  const made = connectByHand(worker, secrets);
  const keys = ({ key, nonce }: ConnectionByHand['clientToWorker']) => ({ key: hex(key), nonce: hex(nonce) });
  return {
    name,
    worker: { ...worker, publicKey: made.publicKey },
    secrets,
    hello: hex(made.hello),
    answer: hex(made.answer),
    keys: {
      psk: hex(made.psk),
      clientToWorker: keys(made.clientToWorker),
      workerToClient: keys(made.workerToClient),
    },
    records: recordsOf(made),
  };
}

/** One bit of the byte at `at` flipped, from the end when it is negative. */
function flipped(text: string, at: number): string {
  const bytes = Buffer.from(text, 'hex');
  const index = at < 0 ? bytes.length + at : at;
  bytes[index]! ^= 1;
  return hex(bytes);
}

const POINT_BYTES = 65;

function badHellos(hello: string): BadBytes[] {
  const code = 'INVALID_ARGUMENT';
  const at = (offset: number, bytes: string) =>
    hello.slice(0, 2 * offset) + bytes + hello.slice(2 * offset + bytes.length);
  return [
    { name: 'empty', bytes: '', code },
    { name: 'last byte missing', bytes: hello.slice(0, -2), code },
    { name: 'one byte left over', bytes: `${hello}00`, code },
    { name: "the magic of the worker's answer", bytes: at(0, '54564832'), code },
    { name: 'first key off the curve', bytes: flipped(hello, 4 + POINT_BYTES - 1), code },
    { name: 'second key off the curve', bytes: flipped(hello, -1), code },
    { name: 'first key compressed, and filled up', bytes: at(4, `02${'00'.repeat(64)}`), code },
    { name: 'second key the point at infinity', bytes: at(4 + POINT_BYTES, '00'.repeat(65)), code },
  ];
}

type Connections = readonly [
  ReturnType<typeof connection>,
  ReturnType<typeof connection>,
  ReturnType<typeof connection>,
];

function badAnswers([first, second, third]: Connections): BadBytes[] {
  const { answer, hello, records } = first;
  const code = 'FAILED_PRECONDITION';
  const body = 2 * (4 + POINT_BYTES);
  return [
    { name: 'empty', bytes: '', code },
    { name: 'last byte missing', bytes: answer.slice(0, -2), code },
    { name: 'one byte left over', bytes: `${answer}00`, code },
    { name: "the client's own hello", bytes: hello, code },
    { name: 'its key off the curve', bytes: flipped(answer, 4 + POINT_BYTES - 1), code },
    { name: 'its proof flipped', bytes: flipped(answer, -1), code },
    {
      name: 'the key of another connection, with its own proof',
      bytes: second.answer.slice(0, body) + answer.slice(body),
      code,
    },
    { name: 'the answer of another connection of the same worker', bytes: second.answer, code },
    { name: 'the answer of another worker', bytes: third.answer, code },
    {
      name: 'another record in the place of its proof',
      bytes: answer.slice(0, body) + records.find(({ from }) => from === 'worker')!.record.slice(-32),
      code,
    },
  ];
}

function badAtWorker([first, second, third]: Connections): BadRecords[] {
  const of = (one: ReturnType<typeof connection>) =>
    one.records.filter(({ from }) => from === 'client').map(({ record }) => record);
  const [zero, one, two] = of(first) as [string, string, string];
  const answered = first.records.find(({ from }) => from === 'worker')!.record;
  const bad = (name: string, taken: number, ...records: string[]): BadRecords => ({
    name,
    arrives: records.map((record) => ({ as: 'event' as const, record })),
    taken,
  });
  return [
    bad('first bit flipped', 0, flipped(zero, 0), one),
    bad('last bit of the tag flipped', 0, flipped(zero, -1), one),
    bad('last byte missing', 0, zero.slice(0, -2), one),
    bad('shorter than a tag', 0, zero.slice(0, 30), one),
    bad('empty', 0, '', one),
    bad('one byte left over', 0, `${zero}00`, one),
    bad('left out', 0, one),
    bad('reordered', 1, zero, two, one),
    bad('repeated', 1, zero, zero),
    bad('repeated later', 2, zero, one, zero),
    bad('of another connection with the same worker', 0, of(second)[0]!),
    bad('of another connection, in its place there', 1, zero, of(second)[1]!),
    bad('of the connection with another worker', 0, of(third)[0]!),
    bad("the worker's own, thrown back", 0, answered),
  ];
}

function badAtClient([first, second, third]: Connections): BadRecords[] {
  const of = (one: ReturnType<typeof connection>) => one.records.filter(({ from }) => from === 'worker');
  const [zero, push, two, one] = of(first).map(({ kind, answers, record }) => {
    return { as: kind === 'push' ? ('push' as const) : answers, record };
  }) as [Arrival, Arrival, Arrival, Arrival];
  const own = first.records.find(({ from }) => from === 'client')!.record;
  const bad = (name: string, taken: number, ...arrives: BadRecords['arrives']): BadRecords => ({
    name,
    arrives,
    taken,
  });
  return [
    bad('an answer flipped', 0, { ...zero, record: flipped(zero.record, 3) }, push),
    bad('an answer cut', 0, { ...zero, record: zero.record.slice(0, -2) }, push),
    bad('an answer left out', 0, push),
    bad('answers reordered', 2, zero, push, one, two),
    bad('an answer repeated', 1, zero, { ...zero, as: 2 }),
    bad('an answer under the acknowledgement of another event', 2, zero, push, { ...two, as: 1 }),
    bad('an answer as a push', 0, { ...zero, as: 'push' }),
    bad('a push as an answer', 1, zero, { ...push, as: 1 }),
    bad('a push repeated', 2, zero, push, push),
    bad('of another connection with the same worker', 0, { as: 0, record: of(second)[0]!.record }),
    bad('of the connection with another worker', 0, { as: 0, record: of(third)[0]!.record }),
    bad("the client's own, thrown back", 0, { as: 0, record: own }),
  ];
}

function badTexts(): BadBytes[] {
  const code = 'INVALID_ARGUMENT';
  const bad = (name: string, text: Buffer): BadBytes => ({ name, bytes: hex(text), code });
  const head = (value: unknown, bytes?: Uint8Array) => textByHand(JSON.stringify(value), bytes);
  return [
    bad('empty', Buffer.alloc(0)),
    bad('a head longer than the text', Buffer.of(255, 255, 255, 255, 1)),
    bad('no JSON', textByHand('{')),
    bad('no UTF-8', Buffer.of(2, 0, 0, 0, 0xff, 0xff)),
    bad('a list', head([])),
    bad('no name', head({ value: 1 })),
    bad('a name of 65 characters', head({ name: 'x'.repeat(65) })),
    bad('a field too many', head({ name: 'a', more: 1 })),
    bad('bytes in a field that has none', head({ name: 'a', value: {}, bytes: 'other' })),
    bad('bytes in the prototype', head({ name: 'a', value: {}, bytes: '__proto__' })),
    bad('bytes in the place of a field', head({ name: 'a', value: { data: 1 }, bytes: 'data' })),
    bad('bytes in no object', head({ name: 'a', value: null, bytes: 'data' })),
    bad('bytes beside a whole value', head({ name: 'a', value: 1, bytes: true })),
    bad('bytes that belong nowhere', head({ name: 'a', value: 1 }, Buffer.of(0))),
  ];
}

export function sealedConnection() {
  const connections = [
    connection('with alice', ALICE, secretsOf(0x01)),
    connection('with alice again', ALICE, secretsOf(0x61)),
    connection('with bob', BOB, secretsOf(0x91)),
  ] as const;
  const [first] = connections;
  return {
    connections,
    bad: {
      hellos: badHellos(first.hello),
      answers: badAnswers(connections),
      atWorker: badAtWorker(connections),
      atClient: badAtClient(connections),
      texts: badTexts(),
    },
  };
}
