/** What is `fss`'s own: material dealt ahead and used once, and the figures that the documents state. */
import { describe, expect, it } from 'vitest';
import type { Channel } from '../src/channel/channel.js';
import { fss } from '../src/protocols/fss/index.js';
import { dealtLayout, MAX_PIECES_AHEAD, PIECE_VALUES, pieces } from '../src/protocols/fss/layout.js';
import type { Operation, Protocol } from '../src/protocols/protocol.js';
import { threeParties } from './support/ahead.js';
import { pairwiseKeys, reconstruct, runParties, split } from './support/parties.js';

const F = 16;
const REDUCTION = { shift: F, activationBits: 24, bits: 40 };
/** The rectifications of the tutorial's network, one digit. */
const TUTORIAL: readonly Operation[] = [
  { kind: 'rectify', n: 1690, reduction: { ...REDUCTION, activationBits: 20 } },
  { kind: 'rectify', n: 800, reduction: REDUCTION },
  { kind: 'rectify', n: 64, reduction: { ...REDUCTION, bits: 48 } },
];
const SMALL: readonly Operation[] = [
  { kind: 'rectify', n: 37, reduction: REDUCTION },
  { kind: 'truncate', n: 5, reduction: REDUCTION },
];

const VALUES = Array.from({ length: 74 }, (_, i) => BigInt(i - 37) << 30n);
const RECTIFIED = VALUES.map((value) => (value < 0n ? 0n : value >> 16n));

function within(result: readonly bigint[]): boolean {
  return result.every((value, i) => value === RECTIFIED[i] || value === RECTIFIED[i]! + 1n);
}

describe('material dealt ahead', () => {
  it('serves a batch of as many samples, and is all that the helper sends of keys', async () => {
    const { deal, rectify } = await threeParties(fss(0));
    const items = [await deal(SMALL), await deal(SMALL)];
    const run = await rectify(
      VALUES,
      REDUCTION,
      items.map((item) => item.results),
    );
    expect(within(reconstruct(run.results, 40))).toBe(true);
    const { bytesSent, bytesDealt, rounds } = fss(0).rectifyCost(VALUES.length, REDUCTION);
    expect(run.rounds).toBe(rounds);
    // The helper has rehearsed nothing here: it sends its summand to both.
    const { bytesSent: more } = fss(0).preparedCost!([{ ...SMALL[0]!, n: VALUES.length }]);
    const sent = bytesSent.map((bytes, party) => bytes + more[party]!);
    expect(run.bytesSent).toEqual(sent.map((bytes, party) => bytes - bytesDealt[party]!));
    expect(run.results.map(({ traffic }) => traffic.bytesSent)).toEqual(sent);
  });

  it('is used once: a second session with it is refused before it sends anything', async () => {
    const { deal, rectify } = await threeParties(fss(0));
    const item = await deal([{ ...SMALL[0]!, n: VALUES.length }]);
    await rectify(VALUES, REDUCTION, [item.results]);
    await expect(rectify(VALUES, REDUCTION, [item.results])).rejects.toThrow('used before');
  });

  it('is of no use after its release, which gives the memory back', async () => {
    const { deal, rectify, allocators } = await threeParties(fss(0));
    const before = allocators.map((allocator) => allocator.bytesInUse);
    const item = await deal(TUTORIAL);
    for (const [party, material] of item.results.entries()) {
      expect(material.bytes).toBe(allocators[party]!.bytesInUse - before[party]!);
      expect(material.bytes).toBeLessThanOrEqual(1 << 20);
      material.release();
      material.release();
      expect(allocators[party]!.bytesInUse).toBe(before[party]);
    }
    await expect(rectify(VALUES, REDUCTION, [item.results])).rejects.toThrow('released');
  });

  it('cannot be opened by streams of other keys: each connection deals its own', async () => {
    const [one, other] = [await threeParties(fss(0)), await threeParties(fss(0))];
    const [mine, theirs] = [await one.deal(SMALL), await other.deal(SMALL)];
    const mixed = [mine.results[0], theirs.results[1], mine.results[2]] as const;
    const values = VALUES.slice(0, 37);
    const run = await one.rectify(values, REDUCTION, [mixed]);
    let broken = true;
    try {
      broken = !within(reconstruct(run.results, 40));
    } catch {
      // The evaluators' and the helper's masks differ: neighbours disagree.
    }
    expect(broken).toBe(true);
  });

  it('is the same bit for bit, and so is the run, for recorded keys and session ids', async () => {
    const seeds = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
    const shares = split(VALUES);
    const once = async () => {
      const { deal, rectify } = await threeParties(fss(0), pairwiseKeys(seeds as never));
      const items = [];
      for (const byte of [4, 5]) items.push(await deal(SMALL, new Uint8Array(16).fill(byte)));
      const sessionId = new Uint8Array(16).fill(6);
      const run = await rectify(
        VALUES,
        REDUCTION,
        items.map((item) => item.results),
        { sessionId, shares },
      );
      const bytes = [...items, run].flatMap(({ transcripts }) =>
        transcripts.flatMap((frames) => frames.map((frame) => Buffer.from(frame.payload).toString('hex'))),
      );
      return { bytes, results: run.results };
    };
    expect(await once()).toEqual(await once());
  });
});

describe('what is dealt as operations come', () => {
  it('waits for the evaluators: so many pieces of keys are on their way at most', async () => {
    const reduction = { ...REDUCTION, activationBits: 16 };
    const count = MAX_PIECES_AHEAD + 4;
    const n = count * PIECE_VALUES;
    const keys = dealtLayout('rectify', PIECE_VALUES, reduction).keyBytes * PIECE_VALUES;
    let unused = 0;
    let most = 0;
    let used = 0;
    const watched = (channel: Channel): Channel => ({
      self: channel.self,
      send(peer, step, payload) {
        if (peer === 1 && payload.length >= keys) most = Math.max(most, ++unused);
        channel.send(peer, step, payload);
      },
      async receive(peer, step, bytes) {
        const frame = await channel.receive(peer, step, bytes);
        if (peer === 1 && bytes === 0) {
          unused--;
          used++;
        }
        return frame;
      },
    });
    const protocol: Protocol = {
      ...fss(0),
      open: (context) =>
        fss(0).open(context.party === 0 ? { ...context, channel: watched(context.channel) } : context),
    };
    const { results } = await runParties(protocol, {}, async ({ session, arena, kernels, get }, party) => {
      const words = arena.words(n);
      kernels.memory.bytes.fill(0, words, words + 8 * n);
      // The last value, in the last piece, is 5.
      if (party === 0) kernels.memory.bytes[words + 8 * (n - 1) + 2] = 5;
      const y = await session.rectify({ words, n }, reduction);
      return { first: get(y.first + 8 * (n - 2), 2), second: get(y.second + 8 * (n - 2), 2) };
    });
    const [last, five] = reconstruct(results, 40);
    expect([0n, 1n]).toContain(last);
    expect([5n, 6n]).toContain(five);
    expect(most).toBe(MAX_PIECES_AHEAD);
    expect([used, unused]).toEqual([count, 0]);
  });
});

describe('figures', () => {
  it('a digit of the tutorial: nine rounds, and the bytes that the documents state', async () => {
    const { deal } = await threeParties(fss(0));
    const { bytesSent, transcripts } = await deal(TUTORIAL);
    const costs = TUTORIAL.map(({ n, reduction }) => fss(0).rectifyCost(n, reduction));
    const sum = (pick: (cost: (typeof costs)[number]) => number) =>
      costs.reduce((total, cost) => total + pick(cost), 0);
    expect(sum((cost) => cost.rounds)).toBe(9);
    expect(bytesSent).toEqual([sum((cost) => cost.bytesDealt[0]), 0, 0]);
    const received = transcripts.map((frames) => frames.reduce((total, f) => total + f.payload.length, 0));
    expect(received).toEqual([0, 869_576, 921_802]);
    expect([0, 1, 2].map((party) => sum((cost) => cost.bytesDealtTo[party]!))).toEqual(received);
    expect(sum((cost) => cost.bytesSent[1])).toBe(25_956);
    expect(sum((cost) => cost.bytesSent[0] - cost.bytesDealt[0])).toBe(0);
    const asServed = TUTORIAL.map((operation, i) => ({ ...operation, ofResults: i > 0 }));
    expect(fss(0).preparedCost!(asServed).bytesSent).toEqual([16_900, 0, 0]);
  });

  it('keys of 48 L + 16 + 4 ceil(L / 8) bytes, with L = ceil((k - 8) / 2) levels', () => {
    for (const k of [16, 20, 24, 27, 32, 40, 48]) {
      const { keyBytes } = dealtLayout('rectify', 1, { shift: 0, activationBits: k, bits: 64 });
      const levels = Math.ceil((k - 8) / 2);
      expect(keyBytes).toBe(48 * levels + 16 + 4 * Math.ceil(levels / 8));
    }
    expect(pieces(1)).toEqual([1]);
    expect(pieces(40_000)).toEqual([16_384, 16_384, 7_232]);
    expect(pieces(32_768)).toEqual([16_384, 16_384]);
  });
});
