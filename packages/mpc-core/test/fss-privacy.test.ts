/**
 * What each worker sees of a rectification in `fss` is uniform randomness, whatever the secret: every bit of every
 * message, of every value that is opened, and of the opened sign beside what else its reader knows. Shares are fixed at
 * the least random sharing there is, so that the masks are all that can make it so; leaving any one out must be noticed.
 */
import { describe, expect, it } from 'vitest';
import type { Simulation } from '../src/channel/simulate.js';
import { comparisonLevels } from '../src/kernels/kernels.js';
import { fss } from '../src/protocols/fss/index.js';
import { dealtLayout } from '../src/protocols/fss/layout.js';
import type { Protocol } from '../src/protocols/protocol.js';
import { Purpose } from '../src/random/session-streams.js';
import { writeWords } from '../src/ring/words.js';
import { threeParties } from './support/ahead.js';
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

type Transcripts = Simulation<unknown>['transcripts'];
type Counters = Map<string, BitCounter>;

function counting(): { readonly seen: Counters; count(name: string, message: Uint8Array): void } {
  const seen: Counters = new Map();
  return {
    seen,
    count: (name, message) => {
      const counter = seen.get(name) ?? new BitCounter();
      counter.add(message);
      seen.set(name, counter);
    },
  };
}

/** What `to` received of `sender`, in order. */
function messages(transcripts: Transcripts, to: number, sender: number): Uint8Array[] {
  return transcripts[to]!.filter((frame) => frame.from === sender).map((frame) => frame.payload);
}

/** Everything between the evaluators, and what both of them open. */
function countOnline(
  transcripts: Transcripts,
  count: (name: string, message: Uint8Array) => void,
  summand?: Uint8Array,
): void {
  const [toLeft, signToLeft, resultToLeft] = messages(transcripts, LEFT, RIGHT);
  const [toRight, signToRight, resultToRight] = messages(transcripts, RIGHT, LEFT);
  const both = addPacked(toLeft!, toRight!, 5);
  const opened = summand === undefined ? both : addPacked(both, summand, 5);
  const sign = xorBytes(signToLeft!, signToRight!).subarray(0, SIGN_BYTES);
  count('opening, to the left evaluator', toLeft!);
  count('opening, to the right evaluator', toRight!);
  count('opened', opened);
  count('share of the sign, to the left evaluator', signToLeft!.subarray(0, SIGN_BYTES));
  count('share of the sign, to the right evaluator', signToRight!.subarray(0, SIGN_BYTES));
  count('opened sign', sign);
  count('opened sign, and the opened top bit', xorBytes(sign, topBits(opened)));
  count('result, to the left evaluator', resultToLeft!);
  count('result, to the right evaluator', resultToRight!);
  count('result, opened', addPacked(resultToLeft!, resultToRight!, 5));
}

function leaking(leftOut: Purpose | undefined): Protocol {
  const whole = fss(HELPER);
  const leak = <T extends Parameters<Protocol['open']>[0]>(session: T): T =>
    leftOut === undefined ? session : { ...session, kernels: without(session.kernels, leftOut) };
  return {
    ...whole,
    prepare: (session, ...rest) => whole.prepare!(leak(session), ...rest),
    open: (session, material) => whole.open(leak(session), material),
  };
}

/**
 * Dealt for as it comes: the helper's summand is in the mask.
 * @param holder whose summand the secrets are
 */
async function observe(holder: 0 | 1 | 2, leftOut?: Purpose): Promise<Counters> {
  const { seen, count } = counting();
  for (let run = 0; run < RUNS; run++) {
    const { transcripts, results } = await runParties(
      leaking(leftOut),
      { f: F, sessionId: SESSION },
      async (bench, party) => {
        const z = () => bench.additive(party === holder ? SECRETS : zeros);
        await bench.session.rectify(z(), REDUCTION);
        const reply = bench.session.reveal(z(), 1, 40);
        return writeWords(bench.get(reply.words, reply.n));
      },
    );
    const [keys, ...more] = messages(transcripts, LEFT, HELPER);
    const [keysAndColumns, ...others] = messages(transcripts, RIGHT, HELPER);
    expect([more, others]).toEqual([[], []]);
    // Keys are many: those of the first gates will do.
    const keyBytes = SECRETS.length * layout.keyBytes;
    count('keys, to the left evaluator', randomOfKeys(keys!, VALUES.length));
    count('columns, to the right evaluator', keysAndColumns!.subarray(keyBytes));
    // Not `toEqual`, which takes a second for so many bytes.
    expect(Buffer.compare(keysAndColumns!.subarray(0, keyBytes), keys!)).toBe(0);
    countOnline(transcripts, count);
    // The helper is told that its keys have come, and nothing else.
    for (const evaluator of [LEFT, RIGHT]) {
      expect(messages(transcripts, HELPER, evaluator)).toEqual([new Uint8Array(0)]);
    }
    results.forEach((reply, party) => {
      count(`reply of party ${party}`, reply);
    });
  }
  return seen;
}

/** On material, with an operand that has summands of the input: the helper sends its own under a mask. */
async function observeAhead(holder: 0 | 1 | 2, leftOut?: Purpose): Promise<Counters> {
  const { seen, count } = counting();
  const { deal, rectify } = await threeParties(leaking(leftOut));
  for (let run = 0; run < RUNS; run++) {
    const item = await deal([{ kind: 'rectify', n: SECRETS.length, reduction: REDUCTION }]);
    const shares = [0, 1, 2].map((party) => (party === holder ? SECRETS : zeros));
    const { transcripts } = await rectify(SECRETS, REDUCTION, [item.results], { shares: shares as never });
    const [summand, ...more] = messages(transcripts, LEFT, HELPER);
    expect(messages(transcripts, RIGHT, HELPER)).toEqual([summand]);
    expect([more, transcripts[HELPER]]).toEqual([[], []]);
    count("the helper's summand", summand!);
    countOnline(transcripts, count, summand);
  }
  return seen;
}

function deviations(counter: BitCounter): string {
  return `${counter.bitDeviation().toFixed(2)}, ${counter.meanDeviation().toFixed(2)}`;
}

function expectUniform(seen: Counters, counted: number): void {
  expect(seen.size).toBe(counted);
  for (const [name, counter] of seen) {
    expect(counter.looksUniform, `${name}: ${deviations(counter)}`).toBe(true);
  }
}

describe('what a worker sees of a rectification', () => {
  it.each([HELPER, LEFT, RIGHT])(
    'is uniform in every bit when worker %i holds the secret',
    async (holder) => {
      expectUniform(await observe(holder), 15);
      expectUniform(await observeAhead(holder), 11);
    },
    60_000,
  );

  it.each([
    [Purpose.Opening, 'opening, to the right evaluator'],
    [Purpose.Roots, 'keys, to the left evaluator'],
    [Purpose.BitMasks, 'opened sign, and the opened top bit'],
    [Purpose.Dealt, 'columns, to the right evaluator'],
    [Purpose.Result, 'result, opened'],
    [Purpose.Zero, 'reply of party 1'],
  ])(
    'is noticed when mask %i is left out',
    async (purpose, where) => {
      const counter = (await observe(LEFT, purpose)).get(where);
      expect(counter?.looksUniform, counter && deviations(counter)).toBe(false);
    },
    60_000,
  );

  it('is noticed when the masks of what the helper sends are left out', async () => {
    const counter = (await observeAhead(HELPER, Purpose.HelperOpening)).get("the helper's summand");
    expect(counter?.looksUniform).toBe(false);
  }, 60_000);
});
