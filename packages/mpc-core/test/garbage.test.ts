/** Garbage of the right length in place of any one message, of any protocol, from any party: never an answer. */
import { describe, expect, it } from 'vitest';
import type { Channel, PartyIndex } from '../src/channel/channel.js';
import { compile } from '../src/graph/compile.js';
import type { Kernels } from '../src/kernels/kernels.js';
import { fss } from '../src/protocols/fss/index.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { securenn } from '../src/protocols/securenn/index.js';
import { randomBytes } from '../src/random/entropy.js';
import { InconsistentRepliesError } from '../src/sharing/replies.js';
import { dense, numbers, sequential } from './graph/builders.js';
import { preparePrediction } from './support/predict.js';

const next = numbers(4);
const MODELS = {
  logits: compile(sequential([3], [dense(next, 3, 5, 'relu'), dense(next, 5, 4)])),
  label: compile(sequential([3], [dense(next, 3, 5, 'relu'), dense(next, 5, 4)]), { reveal: 'label' }),
};
const INPUTS = Float32Array.of(0.5, -0.25, 1);

/** Of a byte or two, chance makes the message itself now and then. */
const changed = (payload: Uint8Array, garbage: Uint8Array) =>
  garbage.every((byte, at) => byte === payload[at]) ? garbage.map((byte) => byte ^ 1) : garbage;

const GARBAGE = {
  'random bytes': (payload: Uint8Array) => changed(payload, randomBytes(payload.length)),
  zeros: (payload: Uint8Array) => changed(payload, new Uint8Array(payload.length)),
  'one bit flipped': (payload: Uint8Array) =>
    payload.map((byte, at) => (at === payload.length >> 1 ? byte ^ 4 : byte)),
};

describe.each([
  ['replicated', replicated(0), false],
  ['replicated, dealt ahead', replicated(1), true],
  ['fss', fss(0), false],
  ['fss, dealt ahead', fss(2), true],
  ['securenn', securenn(0), false],
] as const)('%s', (_, protocol, ahead) => {
  it.each(Object.keys(MODELS) as (keyof typeof MODELS)[])(
    'gives no %s when a message is garbage',
    async (reveal) => {
      /** The message to be spoilt, counted over all that are sent; and how. */
      let target = -1;
      let spoil: (payload: Uint8Array) => Uint8Array = (payload) => payload;
      let sent = 0;
      const senders: PartyIndex[] = [];
      const tamper = (channel: Channel, party: PartyIndex): Channel => ({
        send: (peer, step, payload) => {
          // Without bytes, a message cannot be garbage.
          if (payload.length > 0) senders[sent] = party;
          const isTarget = payload.length > 0 && sent++ === target;
          channel.send(peer, step, isTarget ? spoil(payload) : payload);
        },
        receive: (peer, step, bytes) => channel.receive(peer, step, bytes),
      });
      const { predict } = await preparePrediction(MODELS[reveal], protocol, 'wasm', { ahead, tamper });
      const run = async () => {
        sent = 0;
        return (await predict(INPUTS, 1)).logits;
      };
      const expected = await run();
      const messages = sent;
      expect(new Set(senders).size).toBe(3);
      for (const how of Object.values(GARBAGE)) {
        spoil = how;
        for (target = 0; target < messages; target++) {
          await expect(run(), `message ${target} of ${messages}, from ${senders[target]}`).rejects.toThrow(
            InconsistentRepliesError,
          );
        }
      }
      const again = await run();
      for (const [index, value] of again.entries()) expect(value).toBeCloseTo(expected[index]!, 3);
    },
  );
});

it('is not what a worker sends that computes something else, and tells all the same: its answer is wrong', async () => {
  const model = MODELS.logits;
  const right = (await (await preparePrediction(model, replicated(0))).predict(INPUTS, 1)).logits;
  const change = (kernels: Kernels, party: PartyIndex): Kernels => ({
    ...kernels,
    appendChecks: (dst, src, rows, size, shift) => {
      // Bit 33 of a value at scale 2^32: two units.
      if (party === 1) kernels.memory.bytes[src + 4]! ^= 2;
      kernels.appendChecks(dst, src, rows, size, shift);
    },
  });
  const { logits } = await (await preparePrediction(model, replicated(0), 'wasm', { change })).predict(
    INPUTS,
    1,
  );
  expect(Math.max(...logits.map((value, index) => Math.abs(value - right[index]!)))).toBeGreaterThan(0.01);
});
