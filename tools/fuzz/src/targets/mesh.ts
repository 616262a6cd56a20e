/** Between workers: frames, control messages, and what arrives in a session. */

import { TrivetError } from '@trivet/shared-types';
import { BufferPool } from '../../../../apps/workers/src/mesh/buffers.js';
import { EarlyFrames } from '../../../../apps/workers/src/mesh/early-frames.js';
import {
  encodeFrame,
  FRAME_HEADER_BYTES,
  FRAME_KINDS,
  type FrameKind,
  FrameReader,
  NO_SESSION,
} from '../../../../apps/workers/src/mesh/frames.js';
import {
  decodeArrived,
  decodeDeal,
  decodeDealt,
  decodeError,
  decodeJson,
  decodeProposal,
  decodeRefusal,
  decodeServed,
  decodeUsed,
  encodeArrived,
  encodeDeal,
  encodeDealt,
  encodeError,
  encodeProposal,
  encodeRefusal,
  encodeServed,
  encodeUsed,
  helloSchema,
  MESH_VERSION,
  stateSchema,
} from '../../../../apps/workers/src/mesh/messages.js';
import { SessionLedger } from '../../../../apps/workers/src/mesh/session-ledger.js';
import { promise, sameBytes, type Target } from '../target.js';
import { coded, json, requirePlain } from './support.js';

const MAX_FRAME_BYTES = 65_536;
const SESSION = '\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10';
const ID = '0123456789abcdef0123456789abcdef';
const DIGEST = 'ab'.repeat(32);

const frames: Target = {
  name: 'mesh-frames',
  form: 'bytes',
  prepare() {
    const pool = new BufferPool();
    const frame = (kind: FrameKind, session: string, step: number, payload: Uint8Array) =>
      Buffer.from(encodeFrame(pool, kind, session, step, payload));
    const data = frame(FRAME_KINDS.data, SESSION, 7, Buffer.alloc(40, 0xa5));
    const ping = frame(FRAME_KINDS.ping, NO_SESSION, 0, Buffer.alloc(8));
    const done = frame(FRAME_KINDS.done, SESSION, 0, Buffer.alloc(0));
    return {
      // The first byte says in which pieces the stream arrives.
      seeds: [Buffer.concat([Buffer.of(255), data]), Buffer.concat([Buffer.of(3), ping, done, data, data])],
      run(input) {
        const piece = 1 + (input[0] ?? 0);
        const stream = Buffer.from(input.subarray(1));
        const read: Buffer[] = [];
        let bytes = 0;
        const reader = new FrameReader(MAX_FRAME_BYTES, (kind, session, step, payload) => {
          const again = frame(kind, session, step, payload);
          read.push(again);
          bytes += again.length;
        });
        for (let at = 0; at < stream.length; at += piece) reader.push(stream.subarray(at, at + piece));
        promise(bytes <= stream.length, 'frames are longer than what came');
        promise(sameBytes(Buffer.concat(read), stream.subarray(0, bytes)), 'a frame has two spellings');
      },
      expects: coded('INVALID_ARGUMENT'),
    };
  },
};

/** Each binary control message: how it is read, and written again. */
const CONTROL: readonly (readonly [seed: Uint8Array, again: (payload: Uint8Array) => Uint8Array])[] = [
  [
    encodeArrived({ requestId: ID, digest: DIGEST, count: 2, deadlineMs: 1_000, protocol: 'fss' }),
    (payload) => encodeArrived(decodeArrived(payload)),
  ],
  [
    encodeRefusal(ID, new TrivetError('ABORTED', 'A sentence.')),
    (payload) => {
      const { requestId, error } = decodeRefusal(payload, 'bob');
      return encodeRefusal(requestId, error);
    },
  ],
  [
    encodeProposal({
      link: '0011223344556677',
      digest: DIGEST,
      protocol: 'replicated',
      helper: 1,
      images: 3,
      ahead: true,
      material: [SESSION],
      requestIds: [ID, ID.replace('0', 'f')],
    }),
    (payload) => encodeProposal(decodeProposal(payload)),
  ],
  [
    encodeDeal({ link: '0011223344556677', digest: DIGEST, protocol: 'fss', helper: 0, dropped: [SESSION] }),
    (payload) => encodeDeal(decodeDeal(payload)),
  ],
  [encodeDealt(123_456), (payload) => encodeDealt(decodeDealt(payload))],
  [
    encodeServed({ digest: DIGEST, since: 1, served: 2 ** 40 }),
    (payload) => encodeServed(decodeServed(payload)),
  ],
  [
    encodeUsed([
      ['0011223344556677', 12],
      ['8899aabbccddeeff', 2 ** 40],
    ]),
    (payload) => encodeUsed(decodeUsed(payload)),
  ],
  [
    encodeError(new TrivetError('UNAVAILABLE', 'Bob is away.')),
    (payload) => encodeError(decodeError(payload, 'bob')),
  ],
];
/** Messages that end in a sentence, which may be cut or no UTF-8. */
const WITH_SENTENCE = new Set([1, 7]);

const control: Target = {
  name: 'mesh-control',
  form: 'bytes',
  prepare: () => ({
    seeds: CONTROL.map(([seed], index) => Buffer.concat([Buffer.of(index), seed])),
    run(input) {
      const which = (input[0] ?? 0) % CONTROL.length;
      const payload = input.subarray(1);
      const again = CONTROL[which]![1](payload);
      if (WITH_SENTENCE.has(which)) return;
      promise(sameBytes(again, payload), 'a control message has two spellings');
    },
    expects: coded('INVALID_ARGUMENT'),
  }),
};

const documents: Target = {
  name: 'mesh-json',
  form: 'json',
  prepare: () => ({
    seeds: [
      json({ mesh: MESH_VERSION, clusterId: ID, from: 0, to: 1, name: 'alice' }),
      json({
        models: [DIGEST],
        link: '0011223344556677',
        serving: [
          { model: 'tiny', order: { sequence: 1, digest: DIGEST }, inForce: DIGEST, since: 1, served: 5 },
        ],
      }),
    ],
    run(input) {
      const schema = Buffer.from(input).includes('"mesh"') ? helloSchema : stateSchema;
      requirePlain(decodeJson<unknown>(schema, input, 'The message'));
    },
    expects: coded('INVALID_ARGUMENT'),
  }),
};

/** Every 24 bytes: what a peer does with a session next. */
const STEP_BYTES = 24;

const sessions: Target = {
  name: 'mesh-sessions',
  form: 'bytes',
  prepare: () => ({
    seeds: [
      Buffer.alloc(STEP_BYTES * 8, 1),
      Buffer.concat([Buffer.alloc(STEP_BYTES), Buffer.alloc(STEP_BYTES, 2)]),
    ],
    run(input) {
      const ledger = new SessionLedger();
      const early = new EarlyFrames();
      const open = new Set<string>();
      const kept = new Map<string, number>();
      for (let at = 0; at + STEP_BYTES <= input.length; at += STEP_BYTES) {
        const [what, size] = [input[at]! % 4, (input[at + 1]! << 8) | input[at + 2]!];
        const id = Buffer.from(input.subarray(at + 8, at + STEP_BYTES));
        const key = id.toString('latin1');
        if (what === 0) {
          const accepted = ledger.accept(key);
          promise(!(accepted && open.has(key)), 'a session id is accepted twice');
          if (accepted) open.add(key);
        } else if (what === 1) {
          if (early.add(key, { kind: 5, step: 0, payload: new Uint8Array(size) }, at)) {
            kept.set(key, (kept.get(key) ?? 0) + 1);
          }
        } else if (what === 2) {
          promise(early.take(key).length === (kept.get(key) ?? 0), 'frames are lost or given twice');
          kept.delete(key);
        } else {
          early.sweep(at + (size << 8));
          for (const other of kept.keys()) {
            const left = early.take(other).length;
            promise(left === 0 || left === kept.get(other), 'a part of a session was forgotten');
            kept.delete(other);
          }
        }
      }
    },
    expects: () => false,
  }),
};

promise(FRAME_HEADER_BYTES === 25, 'the header of a frame has changed: look at these targets');

export const MESH: readonly Target[] = [frames, control, documents, sessions];
