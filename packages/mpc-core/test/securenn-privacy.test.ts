/**
 * What each worker sees of a rectification in `securenn` is uniform, whatever the secret: bits of words, digits modulo 67,
 * and what the helper makes of a comparison. Shares are fixed at the least random sharing there is, so that the masks are
 * all that can make it so; leaving any one out must be noticed.
 */
import { describe, expect, it } from 'vitest';
import type { Protocol } from '../src/protocols/protocol.js';
import { securenn } from '../src/protocols/securenn/index.js';
import { rectifyLayout } from '../src/protocols/securenn/layout.js';
import { Purpose } from '../src/random/session-streams.js';
import { writeWords } from '../src/ring/words.js';
import { addPacked, without } from './support/leaks.js';
import { runParties } from './support/parties.js';
import { BitCounter, DigitCounter } from './support/uniformity.js';

const RUNS = 120;
const F = 16;
const REDUCTION = { shift: F, activationBits: 24, bits: F + 24 };
const SECRETS = [0n, 1n, -1n, 65_536n, -65_536n, 12_345_678n, -12_345_678n, 1n << 37n, -(1n << 37n)];
const N = SECRETS.length;
const zeros = SECRETS.map(() => 0n);
const [HELPER, LEFT, RIGHT] = [0, 1, 2] as const;
const layout = rectifyLayout(N, REDUCTION);
const P = 67;

/** The low 25 bits of 4-byte words, one after the other; the bits above are never used. */
function ringBits(message: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil((N * layout.ringBits) / 8));
  let at = 0;
  for (let i = 0; i < N; i++) {
    for (let b = 0; b < layout.ringBits; b++, at++) {
      bits[at >> 3]! |= ((message[4 * i + (b >> 3)]! >> (b & 7)) & 1) << (at & 7);
    }
  }
  // The last byte is whole only if the bits are.
  return bits.subarray(0, Math.floor((N * layout.ringBits) / 8));
}

/** What the helper makes of a comparison: where the zero is in each lane that has one, and everything else. */
function went(left: Uint8Array, right: Uint8Array) {
  const { ringBits: rows, lanes } = layout;
  const found = new Uint8Array(N);
  const positions: number[] = [];
  const others: number[] = [];
  for (let lane = 0; lane < N; lane++) {
    for (let row = 0; row < rows; row++) {
      const digit = (left[row * lanes + lane]! + right[row * lanes + lane]!) % P;
      if (digit !== 0) others.push(digit - 1);
      else {
        found[lane]!++;
        positions.push(row);
      }
    }
  }
  return { found, positions, others };
}

interface Observed {
  readonly bits: ReadonlyMap<string, BitCounter>;
  readonly digits: ReadonlyMap<string, DigitCounter>;
}

async function observe(leftOut: readonly Purpose[] = []): Promise<Observed> {
  const bits = new Map<string, BitCounter>();
  const digits = new Map<string, DigitCounter>();
  const count = (name: string, message: Uint8Array): void => {
    if (!bits.has(name)) bits.set(name, new BitCounter());
    bits.get(name)!.add(message);
  };
  const countDigits = (name: string, values: ArrayLike<number>, modulus = P): void => {
    if (!digits.has(name)) digits.set(name, new DigitCounter(modulus));
    digits.get(name)!.add(values);
  };
  const whole = securenn(HELPER);
  const protocol: Protocol = {
    ...whole,
    open: (session) => whole.open({ ...session, kernels: leftOut.reduce(without, session.kernels) }),
  };
  const inLanes = (message: Uint8Array) =>
    Array.from({ length: layout.ringBits }, (_, row) => [
      ...message.subarray(row * layout.lanes, row * layout.lanes + N),
    ]).flat();
  for (let run = 0; run < RUNS; run++) {
    const { transcripts, results } = await runParties(protocol, { f: F }, async (bench, party) => {
      const z = () => bench.additive(party === LEFT ? SECRETS : zeros);
      await bench.session.rectify(z(), REDUCTION);
      const reply = bench.session.reveal(z(), 1, 40);
      return writeWords(bench.get(reply.words, reply.n));
    });
    const from = (to: number, sender: number) =>
      transcripts[to]!.filter((frame) => frame.from === sender).map((frame) => frame.payload);
    expect(from(LEFT, HELPER)).toHaveLength(0);
    const [openingL, openedL, resultL] = from(LEFT, RIGHT) as [Uint8Array, Uint8Array, Uint8Array];
    const [openingR, openedR, resultR] = from(RIGHT, LEFT) as [Uint8Array, Uint8Array, Uint8Array];
    count('opening, to the left', openingL);
    count('opening, to the right', openingR);
    count('opening', addPacked(openingL, openingR, layout.opening.openedWidth));
    count('sign under its mask, to the left', ringBits(openedL));
    count('sign under its mask, to the right', ringBits(openedR));
    count('result, to the left', resultL);
    count('result, to the right', resultR);
    count('result, opened', addPacked(resultL, resultR, layout.opening.resultWidth));
    const [dealt, maskDigits, converted, first, columns] = from(RIGHT, HELPER) as Uint8Array[];
    count('dealt', dealt!);
    countDigits('bits of the mask', inLanes(maskDigits!));
    countDigits('bits of the masked value', inLanes(converted!));
    count('carry', ringBits(converted!.subarray(layout.digitBytes)));
    count('how the first comparison went', ringBits(first!));
    count('columns', columns!);
    const [maskedL, ...comparisonsL] = from(HELPER, LEFT);
    const [maskedR, ...comparisonsR] = from(HELPER, RIGHT);
    count('masked, from the left', ringBits(maskedL!));
    count('masked, from the right', ringBits(maskedR!));
    count('masked', ringBits(addPacked(maskedL!, maskedR!, 4)));
    for (const i of [0, 1]) {
      countDigits(`comparison ${i}, from the left`, inLanes(comparisonsL[i]!));
      countDigits(`comparison ${i}, from the right`, inLanes(comparisonsR[i]!));
      const { found, positions, others } = went(comparisonsL[i]!, comparisonsR[i]!);
      expect(Math.max(...found)).toBeLessThanOrEqual(1);
      countDigits(`comparison ${i}, how it went`, found, 2);
      for (const position of positions) {
        countDigits(`comparison ${i}, where`, [position], layout.ringBits);
      }
      for (const other of others) countDigits(`comparison ${i}, the rest`, [other], P - 1);
    }
    results.forEach((reply, party) => {
      count(`reply of party ${party}`, reply);
    });
  }
  return { bits, digits };
}

const uniform = ({ bits, digits }: Observed, name: string): boolean =>
  (bits.get(name) ?? digits.get(name))!.looksUniform;

describe('what a worker sees of a rectification', () => {
  it('is uniform', async () => {
    const seen = await observe();
    expect([seen.bits.size, seen.digits.size]).toEqual([18, 12]);
    for (const name of [...seen.bits.keys(), ...seen.digits.keys()]) {
      expect(uniform(seen, name), name).toBe(true);
    }
  }, 60_000);

  it.each([
    [Purpose.Opening, 'opening'],
    [Purpose.Dealt, 'columns'],
    [Purpose.Result, 'result, opened'],
    [Purpose.Zero, 'reply of party 1'],
    [Purpose.ConvertMask, 'masked'],
    [Purpose.Flip, 'comparison 0, how it went'],
    [Purpose.Multiplier, 'comparison 0, the rest'],
    [Purpose.Shuffle, 'comparison 0, where'],
    [Purpose.Digits, 'bits of the masked value'],
    [Purpose.OddRing, 'carry'],
  ])(
    'is noticed when mask %i is left out',
    async (purpose, where) => {
      expect(uniform(await observe([purpose]), where)).toBe(false);
    },
    60_000,
  );

  it('does not depend on how the helper has shared the bits, for the shares are blinded', async () => {
    // As if the helper knew all shares of the bits, and the multipliers too.
    const known = [Purpose.Digits, Purpose.Multiplier];
    const shared = await observe(known);
    expect(uniform(shared, 'comparison 0, from the left')).toBe(true);
    expect(uniform(shared, 'comparison 1, from the right')).toBe(true);
    const bare = await observe([...known, Purpose.Blind]);
    expect(uniform(bare, 'comparison 0, from the left')).toBe(false);
    expect(uniform(bare, 'comparison 1, from the right')).toBe(false);
  }, 60_000);
});
