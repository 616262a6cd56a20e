/**
 * What each worker sees of a rectification in `fss` is uniform randomness, whatever the secret: every bit of every
 * message, of every value that is opened, and of the opened sign beside what else its reader knows. Shares are fixed at
 * the least random sharing there is, so that the masks are all that can make it so; leaving any one out must be noticed.
 */
import { describe, expect, it } from 'vitest';
import { comparisonLevels, planeWords } from '../src/kernels/kernels.js';
import { fss } from '../src/protocols/fss/index.js';
import { dealtLayout } from '../src/protocols/fss/layout.js';
import type { Protocol } from '../src/protocols/protocol.js';
import { Purpose } from '../src/random/session-streams.js';
import { writeWords } from '../src/ring/words.js';
import { addPacked, without, xorBytes } from './support/leaks.js';
import { runParties } from './support/parties.js';
import { BitCounter } from './support/uniformity.js';

const RUNS = 100;
const F = 16;
const REDUCTION = { shift: F, activationBits: 24, bits: F + 24 };
const VALUES = [0n, 1n, -1n, 65_536n, -65_536n, 12_345_678n, -12_345_678n, 1n << 37n, -(1n << 37n)];
/** Eight times, so that a plane has bits enough for statistics. */
const SECRETS = Array.from({ length: 8 }, () => VALUES).flat();
const zeros = SECRETS.map(() => 0n);
const [HELPER, LEFT, RIGHT] = [0, 1, 2] as const;
const layout = dealtLayout('rectify', SECRETS.length, REDUCTION);
const PLANE = 8 * planeWords(SECRETS.length);
/** Bytes of a plane that hold bits of values. */
const SIGN_BYTES = Math.floor(SECRETS.length / 8);

/** The top bits of opened values, as a plane: bit 39 of each. */
function topBits(opened: Uint8Array): Uint8Array {
  const plane = new Uint8Array(SIGN_BYTES);
  for (let i = 0; i < 8 * SIGN_BYTES; i++) plane[i >> 3]! |= (opened[5 * i + 4]! >> 7) << (i & 7);
  return plane;
}

/** The same in all runs, whose keys are fresh: trees of known roots would come out alike. */
const SESSION = new Uint8Array(16).fill(7);
const LEVELS = comparisonLevels(REDUCTION.activationBits);

/** Of the keys of some gates: all that is random, and it is all there is. */
function randomOfKeys(keys: Uint8Array, gates: number): Uint8Array {
  const random: number[] = [];
  let parities = 0;
  for (let gate = 0; gate < gates; gate++) {
    const key = keys.subarray(gate * layout.keyBytes, (gate + 1) * layout.keyBytes);
    const leaf = 48 * LEVELS;
    // Bit 0 of a leaf's correction is the difference of two control bits that differ.
    expect(key[leaf]! & 1).toBe(1);
    for (let level = 0; level < LEVELS; level++) {
      const bits = (key[leaf + 16 + (level >> 1)]! >> (4 * (level & 1))) & 15;
      const again = [0, 16, 32].map((at, j) => (key[48 * level + at]! & 1) << (j + 1));
      expect(bits & 14).toBe(again[0]! | again[1]! | again[2]!);
      parities = ((parities << 1) | (bits & 1)) & 0xff;
      if (level % 8 === 7) random.push(parities);
    }
    random.push(...key.subarray(0, leaf), ...key.subarray(leaf + 1, leaf + 16));
  }
  return Uint8Array.from(random);
}

/** @param holder whose summand the secrets are */
async function observe(holder: 0 | 1 | 2, leftOut?: Purpose): Promise<Map<string, BitCounter>> {
  const seen = new Map<string, BitCounter>();
  const count = (name: string, message: Uint8Array): void => {
    const counter = seen.get(name) ?? new BitCounter();
    counter.add(message);
    seen.set(name, counter);
  };
  const whole = fss(HELPER);
  const protocol: Protocol = {
    ...whole,
    open: (session) =>
      whole.open(
        leftOut === undefined ? session : { ...session, kernels: without(session.kernels, leftOut) },
      ),
  };
  for (let run = 0; run < RUNS; run++) {
    const { transcripts, results } = await runParties(
      protocol,
      { f: F, sessionId: SESSION },
      async (bench, party) => {
        const z = () => bench.additive(party === holder ? SECRETS : zeros);
        await bench.session.rectify(z(), REDUCTION);
        const reply = bench.session.reveal(z(), 1, 40);
        return writeWords(bench.get(reply.words, reply.n));
      },
    );
    const from = (to: number, sender: number) =>
      transcripts[to]!.filter((frame) => frame.from === sender).map((frame) => frame.payload);
    const [summand, keys] = from(LEFT, HELPER);
    const [toLeft, valuesToLeft] = from(LEFT, RIGHT);
    const [toRight, valuesToRight] = from(RIGHT, LEFT);
    const [choiceOfLeft] = from(HELPER, LEFT);
    const [choiceOfRight] = from(HELPER, RIGHT);
    expect(from(RIGHT, HELPER)[0]).toEqual(summand);
    const opened = addPacked(addPacked(toLeft!, toRight!, 5), summand!, 5);
    const sign = xorBytes(valuesToLeft!, valuesToRight!).subarray(0, SIGN_BYTES);
    count("the helper's summand", summand!);
    // Keys are many: those of the first gates will do.
    const keyBytes = SECRETS.length * layout.keyBytes;
    count('keys, to the left evaluator', randomOfKeys(keys!, VALUES.length));
    count('columns, to the right evaluator', from(RIGHT, HELPER)[1]!.subarray(keyBytes));
    expect(from(RIGHT, HELPER)[1]!.subarray(0, keyBytes)).toEqual(keys);
    count('opening, to the left evaluator', toLeft!);
    count('opening, to the right evaluator', toRight!);
    count('opened', opened);
    for (const [name, message] of [
      ['left', valuesToLeft!],
      ['right', valuesToRight!],
    ] as const) {
      count(`share of the sign, to the ${name} evaluator`, message.subarray(0, SIGN_BYTES));
      count(`both values, to the ${name} evaluator`, message.subarray(PLANE));
    }
    count('opened sign', sign);
    count('opened sign, and the opened top bit', xorBytes(sign, topBits(opened)));
    for (const slot of [0, 1]) {
      const at = PLANE + slot * layout.resultBytes;
      const part = (message: Uint8Array) => message.subarray(at, at + layout.resultBytes);
      count(`value ${slot}, opened`, addPacked(part(valuesToLeft!), part(valuesToRight!), 5));
    }
    count('choice, to the helper from the left', choiceOfLeft!.subarray(0, SIGN_BYTES));
    count('choice, to the helper from the right', choiceOfRight!.subarray(0, SIGN_BYTES));
    const choice = xorBytes(choiceOfLeft!, choiceOfRight!).subarray(0, SIGN_BYTES);
    count('choice', choice);
    count('choice, and the opened sign', xorBytes(choice, sign));
    results.forEach((reply, party) => {
      count(`reply of party ${party}`, reply);
    });
  }
  return seen;
}

function deviations(counter: BitCounter): string {
  return `${counter.bitDeviation().toFixed(2)}, ${counter.meanDeviation().toFixed(2)}`;
}

describe('what a worker sees of a rectification', () => {
  it.each([HELPER, LEFT, RIGHT])(
    'is uniform in every bit when worker %i holds the secret',
    async (holder) => {
      const seen = await observe(holder);
      expect(seen.size).toBe(21);
      for (const [name, counter] of seen) {
        expect(counter.looksUniform, `${name}: ${deviations(counter)}`).toBe(true);
      }
    },
    60_000,
  );

  it.each([
    [Purpose.Opening, 'opening, to the right evaluator'],
    [Purpose.HelperOpening, "the helper's summand"],
    [Purpose.Roots, 'keys, to the left evaluator'],
    [Purpose.BitMasks, 'opened sign, and the opened top bit'],
    [Purpose.Dealt, 'columns, to the right evaluator'],
    [Purpose.Result, 'value 0, opened'],
    [Purpose.Choice, 'choice, and the opened sign'],
    [Purpose.Zero, 'reply of party 1'],
  ])(
    'is noticed when mask %i is left out',
    async (purpose, where) => {
      const counter = (await observe(LEFT, purpose)).get(where);
      expect(counter?.looksUniform, counter && deviations(counter)).toBe(false);
    },
    60_000,
  );
});
