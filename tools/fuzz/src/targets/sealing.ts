/**
 * Sealed connections: how they begin, their records and texts; and a worker's and a client's end against somebody at the other
 * one who has the keys and keeps to nothing.
 */
import { readFileSync } from 'node:fs';
import {
  acceptChannel,
  type ClientChannel,
  type ErrorCode,
  EVENTS,
  hexToBytes,
  joinedParser,
  openChannel,
  type SealingWorker,
  sealingWorker,
  TrivetError,
} from '@trivet/shared-types';
import { nodeAead } from '../../../../packages/shared-types/src/sealing/aead.js';
import {
  answerHello,
  type ConnectionKeys,
  createHello,
} from '../../../../packages/shared-types/src/sealing/handshake.js';
import {
  type RecordKind,
  RecordOpener,
  RecordSealer,
} from '../../../../packages/shared-types/src/sealing/records.js';
import {
  decodeSealedText,
  encodeSealedText,
} from '../../../../packages/shared-types/src/sealing/sealed-text.js';
import type { sealedConnection } from '../../../../packages/shared-types/test/build-sealing-vectors.js';
import { Wire } from '../../../../packages/shared-types/test/fake-socket.js';
import { promise, sameBytes, type Target } from '../target.js';
import { coded, joinPieces, json, requirePlain, splitPieces, textOf, utf8 } from './support.js';

type Vectors = ReturnType<typeof sealedConnection>;
const FILE = new URL('../../../../packages/shared-types/vectors/v1/sealed-connection.json', import.meta.url);
const vectors = (): Vectors => JSON.parse(readFileSync(FILE, 'utf8'));

const HELLO_BYTES = 134;
const ANSWER_BYTES = 85;
/** Turns of the event loop's microtasks within which all that was said has arrived. */
const TURNS = 20;

const alice = (): Promise<SealingWorker> => {
  const { index, name, secretKey } = vectors().connections[0].worker;
  return sealingWorker(index, name, secretKey);
};
/** Points of the curve, as words of the format. */
const points = () =>
  vectors().connections.flatMap(({ hello }) => {
    const bytes = Buffer.from(hello, 'hex');
    return [bytes.subarray(4, 69), bytes.subarray(69)].map((point) => point.toString('latin1'));
  });
const settled = async () => {
  for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
};

type Direction = Pick<ConnectionKeys['clientToWorker'], 'key' | 'nonce'>;

/** A record that does not open ends a connection; that is as it should be. */
class DoesNotOpen extends Error {}
const refuses = (...codes: ErrorCode[]) => {
  const isCoded = coded(...codes);
  return (error: unknown) => error instanceof DoesNotOpen || isCoded(error);
};

const sealer = ({ key, nonce }: Direction) => new RecordSealer(nodeAead(key), nonce);
const opener = ({ key, nonce }: Direction) => new RecordOpener(nodeAead(key), nonce);
function opened(by: RecordOpener<Uint8Array>, kind: RecordKind, record: Uint8Array, answers = 0): Uint8Array {
  try {
    return by.open(kind, record, answers).text;
  } catch {
    throw new DoesNotOpen();
  }
}

const hello: Target = {
  name: 'seal-hello',
  form: 'bytes',
  dictionary: ['TVH1', 'TVH2', ...points()],
  async prepare() {
    const worker = await alice();
    return {
      seeds: vectors().connections.map((one) => hexToBytes(one.hello)),
      async run(input) {
        let proofs = 0;
        const answer = await answerHello(worker, input, () => {
          proofs += 1;
          return new Uint8Array(16);
        });
        promise(input.length === HELLO_BYTES, 'a hello of another length is answered');
        promise(answer.length === ANSWER_BYTES && proofs === 1, 'an answer of another form');
      },
      expects: coded('INVALID_ARGUMENT'),
    };
  },
};

const answer: Target = {
  name: 'seal-answer',
  form: 'bytes',
  dictionary: ['TVH1', 'TVH2', ...points()],
  async prepare() {
    const worker = await alice();
    const { hello, finish } = await createHello(worker);
    const prove = ({ workerToClient }: ConnectionKeys) =>
      sealer(workerToClient).seal('proof', new Uint8Array()).record;
    const seeds = [await answerHello(worker, hello, prove), await answerHello(worker, hello, prove)];
    return {
      seeds,
      async run(input) {
        const { keys, proof } = await finish(input);
        opened(opener(keys.workerToClient), 'proof', proof);
        promise(
          seeds.some((seed) => sameBytes(seed, input)),
          "another answer is taken for the worker's",
        );
      },
      expects: refuses('INVALID_ARGUMENT'),
    };
  },
};

const records: Target = {
  name: 'seal-records',
  form: 'bytes',
  prepare() {
    const [{ keys, records }] = vectors().connections;
    const direction = {
      key: hexToBytes(keys.clientToWorker.key),
      nonce: hexToBytes(keys.clientToWorker.nonce),
    };
    const sent = records.filter(({ from }) => from === 'client').map(({ record }) => hexToBytes(record));
    return {
      seeds: [joinPieces(sent), joinPieces(sent.slice(0, 1))],
      run(input) {
        const worker = opener(direction);
        for (const [number, record] of splitPieces(input).entries()) {
          opened(worker, 'event', record);
          promise(
            number < sent.length && sameBytes(record, sent[number]!),
            'a record opens that was not sealed, or not for this place',
          );
        }
      },
      expects: refuses(),
    };
  },
};

/** Each piece is a frame: a text when its first byte is even. */
const frames: Target = {
  name: 'socket-frames',
  form: 'bytes',
  dictionary: [
    '51-',
    '61-',
    '52-',
    '{"_placeholder":true,"num":0}',
    '["trivet:sealed",',
    '"connect"',
    '__proto__',
  ],
  prepare: () => {
    const placeholder = '{"_placeholder":true,"num":0}';
    const heads = [`51-3["trivet:sealed",${placeholder}]`, `61-0[${placeholder}]`].map(utf8);
    const joined = heads.map((head) => Buffer.from([1, head.length, 0, ...head, 1, 2, 3]));
    const texts = ['0', '27["a",{"b":1}]', `51-["a",${placeholder}]`].map((one) => Buffer.from(`\0${one}`));
    return {
      seeds: [joinPieces(joined), joinPieces([...texts, Buffer.of(1, 9, 9), ...joined])],
      run(input) {
        const decoder = new joinedParser.Decoder();
        const pieces = splitPieces(input).filter((piece) => piece.length > 0);
        let packets = 0;
        decoder.on('decoded', ({ data }) => {
          packets += 1;
          requirePlain(data);
        });
        for (const [kind, ...bytes] of pieces) {
          decoder.add(kind! % 2 === 0 ? textOf(Uint8Array.from(bytes)) : Uint8Array.from(bytes));
        }
        promise(packets <= pieces.length, 'more packets than frames');
      },
      // What the library throws, and socket.io closes the connection for.
      expects: (error) => error instanceof Error && !(error instanceof RangeError),
    };
  },
};

const text: Target = {
  name: 'sealed-text',
  form: 'bytes',
  dictionary: ['"bytes":true', '"bytes":"data"', '"value":', '{"name":"', '__proto__', '\x02\0\0\0{}'],
  prepare: () => ({
    seeds: vectors().connections.flatMap(({ records }) => records.map((one) => hexToBytes(one.text))),
    run(input) {
      const decoded = decodeSealedText(new Uint8Array(input));
      requirePlain(decoded);
      const again = decodeSealedText(encodeSealedText(decoded));
      promise(shown(again) === shown(decoded), 'a text is another one once it is written anew');
    },
    expects: coded('INVALID_ARGUMENT'),
  }),
};

/** The head of a sealed text as the JSON that it is, so that its values are changed and not only its letters. */
const head: Target = {
  name: 'sealed-head',
  form: 'json',
  dictionary: ['name', 'value', 'bytes', 'data'],
  prepare: () => ({
    seeds: [
      json({ name: EVENTS.describe, value: {} }),
      json({ name: EVENTS.predict, bytes: true }),
      json({ name: '', value: { ok: true }, bytes: 'value' }),
    ],
    run(input) {
      const bytesOfHead = Buffer.from(input);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytesOfHead.length);
      const bytes = bytesOfHead.includes('"bytes"') ? Buffer.from([1, 2, 3]) : Buffer.alloc(0);
      const { name } = decodeSealedText(new Uint8Array(Buffer.concat([length, bytesOfHead, bytes])));
      promise(name.length <= 64, 'a name beyond its limit');
    },
    expects: coded('INVALID_ARGUMENT'),
  }),
};

const shown = (value: unknown): string =>
  JSON.stringify(value, (_, one) => (one instanceof Uint8Array ? Buffer.from(one).toString('hex') : one));

/** What somebody does next: one byte says what, one how many bytes of it follow. */
function steps(input: Uint8Array): { readonly what: number; readonly bytes: Uint8Array }[] {
  const found = [];
  for (let at = 0; at + 2 <= input.length; ) {
    const [what, length] = [input[at]!, input[at + 1]!];
    found.push({ what: what & 15, bytes: input.subarray(at + 2, at + 2 + length) });
    at += 2 + length;
  }
  return found;
}
const step = (what: number, bytes: Uint8Array = new Uint8Array()) =>
  Buffer.from([what, bytes.length, ...bytes]);

const EVENT_TEXT = encodeSealedText({ name: EVENTS.describe, value: {} });
const ANSWER_TEXT = encodeSealedText({ name: '', value: { ok: true, value: {} } });

const workerChannel: Target = {
  name: 'worker-channel',
  form: 'bytes',
  dictionary: [
    EVENTS.describe,
    EVENTS.predict,
    EVENTS.seal,
    EVENTS.sealed,
    Buffer.from(EVENT_TEXT).toString('latin1'),
  ],
  async prepare() {
    const worker = await alice();
    const { hello, finish } = await createHello(worker);
    return {
      seeds: [
        Buffer.concat([step(0), step(1, EVENT_TEXT), step(6), step(1, EVENT_TEXT)]),
        Buffer.concat([step(0), step(2, Buffer.of(1, 2)), step(5)]),
        Buffer.concat([step(4, utf8(EVENTS.describe)), step(0), step(0), step(3, Buffer.alloc(40))]),
        Buffer.concat([step(0), step(1, EVENT_TEXT), step(7), step(1, EVENT_TEXT)]),
      ],
      run: async (input) => {
        const wire = new Wire();
        let heard = 0;
        let sealedRight = 0;
        let broken = false;
        const channel = acceptChannel(wire.worker, {
          worker,
          event(_, __, acknowledge) {
            promise(!broken, 'an event is heard after the connection was given up');
            heard += 1;
            acknowledge({ ok: true, value: {} });
          },
          broken: () => {
            broken = true;
          },
        });
        let ends: {
          readonly seal: RecordSealer<Uint8Array>;
          readonly open: RecordOpener<Uint8Array>;
        } | null = null;
        let last: Uint8Array = new Uint8Array(16);
        const send = (event: string, part: unknown, answered: (part: unknown) => void) => {
          let answers = 0;
          wire.client.emit(event, part, (outcome: unknown) => {
            promise(++answers === 1, 'an event is answered twice');
            answered(outcome);
          });
        };
        /** Plain: an error with a code, or the answer to a hello. */
        const plain = (outcome: unknown) => {
          const { ok, error } = outcome as { ok: boolean; error?: { code: string } };
          promise(
            ok || /^(FAILED_PRECONDITION|INVALID_ARGUMENT|ABORTED)$/.test(error?.code ?? ''),
            'an event without a seal is answered',
          );
        };
        const sealed = (text: Uint8Array) => {
          if (ends === null) return;
          const { number, record } = ends.seal.seal('event', text);
          last = record;
          sealedRight += 1;
          const { open } = ends;
          send(EVENTS.sealed, record, (outcome) => {
            if (!(outcome instanceof Uint8Array)) return plain(outcome);
            decodeSealedText(opened(open, 'answer', outcome, number));
          });
        };
        for (const { what, bytes } of steps(input)) {
          if (what === 0) {
            const outcome = await new Promise<{ ok: boolean; value?: Uint8Array }>((resolve) => {
              if (wire.closed) resolve({ ok: false });
              else send(EVENTS.seal, hello, (one) => resolve(one as never));
            });
            if (outcome.ok) {
              promise(ends === null, 'a second hello is answered');
              const { keys, proof } = await finish(outcome.value!);
              ends = { seal: sealer(keys.clientToWorker), open: opener(keys.workerToClient) };
              opened(ends.open, 'proof', proof);
            }
          } else if (what === 1) sealed(bytes);
          else if (what === 2) sealed(encodeSealedText({ name: EVENTS.predict, value: bytes }));
          else if (what === 3) send(EVENTS.sealed, bytes, plain);
          else if (what === 4) send(Buffer.from(bytes).toString('utf8'), {}, plain);
          else if (what === 5) send(EVENTS.sealed, last, plain);
          else if (what === 6) {
            const before = wire.messages.length;
            channel.push(EVENTS.server.status, {});
            promise(ends !== null || wire.messages.length === before, 'something is pushed without a seal');
            const pushed = wire.messages[before]?.part;
            if (pushed instanceof Uint8Array) opened(ends!.open, 'push', pushed);
          } else if (what === 7) send(EVENTS.sealed, { data: bytes }, plain);
          await settled();
          promise(heard <= sealedRight, 'more is heard than was sealed');
        }
      },
      expects: refuses('INVALID_ARGUMENT'),
    };
  },
};

const clientChannel: Target = {
  name: 'client-channel',
  form: 'bytes',
  dictionary: [Buffer.from(ANSWER_TEXT).toString('latin1')],
  async prepare() {
    const worker = await alice();
    return {
      seeds: [
        Buffer.concat([step(8), step(0), step(1, ANSWER_TEXT), step(2, ANSWER_TEXT)]),
        Buffer.concat([step(8), step(0), step(0), step(1, ANSWER_TEXT), step(1, ANSWER_TEXT), step(6)]),
        Buffer.concat([step(8), step(0), step(3, Buffer.alloc(20)), step(0), step(4)]),
      ],
      async run(input) {
        const [begin, ...rest] = steps(input);
        const wire = new Wire();
        let seal: RecordSealer<Uint8Array> | undefined;
        const waiting: ((part: unknown) => void)[] = [];
        wire.worker.onAny((event, part, acknowledge) => {
          const answered = acknowledge as (part: unknown) => void;
          if (event !== EVENTS.seal) waiting.push(answered);
          // Now and then somebody who has not the key answers, with whatever he has.
          else if (begin?.what === 9) answered({ ok: true, value: begin.bytes });
          else if (begin?.what === 10) answered(begin.bytes);
          else if (begin?.what === 11)
            answered({ ok: false, error: Buffer.from(begin.bytes).toString('utf8') });
          else {
            const prove = ({ workerToClient }: ConnectionKeys) => {
              seal = sealer(workerToClient);
              return seal.seal('proof', new Uint8Array()).record;
            };
            void answerHello(worker, part as Uint8Array, prove).then((value) =>
              answered({ ok: true, value }),
            );
          }
        });
        let failures = 0;
        let asked = 0;
        let got = 0;
        let said = 0;
        const take = () => {
          promise(failures === 0, 'something is heard after the connection was given up');
          got += 1;
        };
        const client: ClientChannel = await openChannel(wire.client, worker, {
          push: take,
          broken(error) {
            failures += 1;
            promise(error instanceof TrivetError && error.code === 'ABORTED', 'given up without a code');
          },
        });
        const say = (kind: 'answer' | 'push', bytes: Uint8Array, answers = 0) => {
          said += 1;
          return seal!.seal(kind, bytes, answers).record;
        };
        for (const { what, bytes } of rest) {
          const at = waiting.length === 0 ? 0 : (bytes.length * 7) % waiting.length;
          if (what === 0) {
            asked += 1;
            client.send(EVENTS.describe, {}, take);
          } else if (what === 1) waiting[at]?.(say('answer', bytes, at));
          else if (what === 2) wire.worker.emit(EVENTS.sealed, say('push', bytes));
          else if (what === 3) waiting[at]?.(bytes);
          else if (what === 4) wire.worker.emit(EVENTS.sealed, bytes);
          else if (what === 5) waiting[at]?.({ ok: true, value: { data: bytes } });
          else if (what === 6) client.close();
          else if (what === 7) waiting[at]?.(say('answer', bytes, at + 1));
          await settled();
          promise(got <= said && failures <= 1, 'more is heard than was said, or it is given up twice');
        }
        promise(waiting.length <= asked, 'more is asked than was asked for');
      },
      expects: coded('INVALID_ARGUMENT', 'FAILED_PRECONDITION'),
    };
  },
};

export const SEALING: readonly Target[] = [
  frames,
  hello,
  answer,
  records,
  text,
  head,
  workerChannel,
  clientChannel,
];
