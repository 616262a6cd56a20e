/** What is `replicated`'s own when it deals ahead: the helper's masked summand, and material that is used once. */
import { describe, expect, it } from 'vitest';
import type { Operation, Protocol } from '../src/protocols/protocol.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { Purpose } from '../src/random/session-streams.js';
import { threeParties } from './support/ahead.js';
import { addPacked, without } from './support/leaks.js';
import { randomWords, reconstruct } from './support/parties.js';
import { BitCounter } from './support/uniformity.js';

const REDUCTION = { shift: 16, activationBits: 24, bits: 40 };
const [HELPER, LEFT, RIGHT] = [0, 1, 2] as const;
const operation = (n: number): Operation => ({ kind: 'rectify', n, reduction: REDUCTION });

describe('material dealt ahead', () => {
  // Both shapes of the comparison: for few values, and for many.
  it.each([200, 1500])('gives what the definition gives, for %i values', async (n) => {
    const values = randomWords(n).map((word) => BigInt.asIntN(38, word));
    const { deal, rectify } = await threeParties(replicated(HELPER));
    const item = await deal([operation(n)]);
    const run = await rectify(values, REDUCTION, [item.results]);
    const result = reconstruct(run.results, 40);
    const wrong = result.filter((value, i) => {
      const low = values[i]! < 0n ? 0n : values[i]! >> 16n;
      return value !== low && value !== (values[i]! >> 16n) + 1n;
    });
    expect(wrong).toEqual([]);
    // The left evaluator waits for the helper once.
    expect(run.rounds).toBe(replicated(HELPER).rectifyCost(n, REDUCTION).rounds + 1);
  });

  it('is used once, and of no use after its release, which gives the memory back', async () => {
    const values = Array.from({ length: 10 }, (_, i) => BigInt(i));
    const { deal, rectify, allocators } = await threeParties(replicated(HELPER));
    const before = allocators.map((allocator) => allocator.bytesInUse);
    const item = await deal([operation(10)]);
    const other = await deal([operation(10)]);
    await rectify(values, REDUCTION, [item.results]);
    for (const material of [...item.results, ...other.results]) material.release();
    expect(allocators.map((allocator) => allocator.bytesInUse)).toEqual(before);
    await expect(rectify(values, REDUCTION, [item.results])).rejects.toThrow('used before');
    await expect(rectify(values, REDUCTION, [other.results])).rejects.toThrow('released');
  });

  it('serves one sample', async () => {
    const { deal, rectify } = await threeParties(replicated(HELPER));
    const items = [await deal([operation(5)]), await deal([operation(5)])];
    const both = items.map((item) => item.results);
    await expect(rectify(Array<bigint>(10).fill(1n), REDUCTION, both)).rejects.toThrow(RangeError);
  });
});

/** The secrets are all in the helper's summand; every other share is zero, so that masks are all that can hide them. */
async function observe(leftOut?: Purpose): Promise<Map<string, BitCounter>> {
  const secrets = Array.from({ length: 64 }, (_, i) => BigInt(i - 32) << 20n);
  const zeros = secrets.map(() => 0n);
  const whole = replicated(HELPER);
  const leak = <T extends Parameters<Protocol['open']>[0]>(session: T): T =>
    leftOut === undefined ? session : { ...session, kernels: without(session.kernels, leftOut) };
  const protocol: Protocol = {
    ...whole,
    prepare: (session, operations) => whole.prepare!(leak(session), operations),
    open: (session, material) => whole.open(leak(session), material),
  };
  const seen = new Map<string, BitCounter>();
  const count = (name: string, message: Uint8Array): void => {
    const counter = seen.get(name) ?? new BitCounter();
    counter.add(message);
    seen.set(name, counter);
  };
  const { deal, rectify } = await threeParties(protocol);
  for (let run = 0; run < 100; run++) {
    const item = await deal([operation(secrets.length)]);
    const shares = [secrets, zeros, zeros] as const;
    const { transcripts } = await rectify(secrets, REDUCTION, [item.results], { shares: shares as never });
    const from = (to: number, sender: number) =>
      transcripts[to]!.filter((frame) => frame.from === sender).map((frame) => frame.payload);
    const [summand] = from(LEFT, HELPER);
    const [toLeft] = from(LEFT, RIGHT);
    const [toRight] = from(RIGHT, LEFT);
    count("the helper's summand, to the left evaluator", summand!);
    count('opening, to the left evaluator', toLeft!);
    count('opening, to the right evaluator', toRight!);
    count('opened', addPacked(toLeft!, toRight!, 5));
    count('summand and opening, to the left evaluator', addPacked(summand!, toLeft!, 5));
    expect(from(RIGHT, HELPER)).toEqual([]);
    expect(transcripts[HELPER]).toEqual([]);
    for (const message of item.transcripts[RIGHT]!) count('dealt, to the right evaluator', message.payload);
    expect(item.transcripts[LEFT]).toEqual([]);
  }
  return seen;
}

describe('what a worker sees of a rectification on material', () => {
  it('is uniform in every bit', async () => {
    const seen = await observe();
    expect(seen.size).toBe(6);
    for (const [name, counter] of seen) expect(counter.looksUniform, name).toBe(true);
  }, 60_000);

  it.each([
    [Purpose.HelperOpening, "the helper's summand, to the left evaluator"],
    [Purpose.Opening, 'opening, to the left evaluator'],
    [Purpose.Dealt, 'dealt, to the right evaluator'],
  ])(
    'is noticed when mask %i is left out',
    async (purpose, where) => {
      expect((await observe(purpose)).get(where)?.looksUniform).toBe(false);
    },
    60_000,
  );
});
