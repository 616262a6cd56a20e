/**
 * One suite for every protocol: each operation against its definition, on random and edge values, with every worker in
 * every role; and the declared costs against what the channels counted.
 */
import { describe, expect, it } from 'vitest';
import { fss } from '../src/protocols/fss/index.js';
import type { Protocol } from '../src/protocols/protocol.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { securenn } from '../src/protocols/securenn/index.js';
import { checkWord } from '../src/ring/checks.js';
import { MASK, pairwiseKeys, randomWords, reconstruct, runParties, split, sum } from './support/parties.js';

/** Values of the long run; `CONFORMANCE_VALUES=10000000` for what the documents state. */
const LONG = Number(process.env.CONFORMANCE_VALUES ?? 100_000);

const protocols: readonly (readonly [string, Protocol])[] = [
  ['replicated, helper 0', replicated(0)],
  ['replicated, helper 1', replicated(1)],
  ['replicated, helper 2', replicated(2)],
  ['fss, helper 0', fss(0)],
  ['fss, helper 1', fss(1)],
  ['fss, helper 2', fss(2)],
  ['securenn, helper 0', securenn(0)],
  ['securenn, helper 1', securenn(1)],
  ['securenn, helper 2', securenn(2)],
];

/** Random values below 2^bits in magnitude of every size, and the edges of the range and around zero. */
function testValues(bits: number, count: number, unit: bigint): bigint[] {
  const limit = 1n << BigInt(bits);
  const edges = [
    0n,
    1n,
    -1n,
    unit,
    -unit,
    unit - 1n,
    unit + 1n,
    1n - unit,
    -unit - 1n,
    limit - 1n,
    1n - limit,
  ];
  const random = randomWords(count).map((word, i) => {
    const size = 1 + (i % bits);
    const value = BigInt.asUintN(size, word >> 8n);
    return word & 1n ? -value : value;
  });
  return [...edges, ...random];
}

async function apply(
  protocol: Protocol,
  operation: 'truncate' | 'rectify',
  values: readonly bigint[],
  shift: number,
  k: number,
  shares: readonly (readonly bigint[])[] = split(values),
): Promise<{ result: bigint[]; run: Awaited<ReturnType<typeof runParties>> }> {
  const f = 16;
  const run = await runParties(protocol, { f }, async (bench, party) => {
    const x = bench.shared(shares[party], shares[(party + 1) % 3]);
    const y = await bench.session[operation](bench.session.additive(x), {
      shift,
      activationBits: k,
      bits: f + k,
    });
    return { first: bench.get(y.first, y.n), second: bench.get(y.second, y.n) };
  });
  return { result: reconstruct(run.results, f + k), run };
}

const inAll = ([first, second, third]: readonly [number, number, number]) => first + second + third;

describe.each(protocols)('%s', (_, protocol) => {
  describe.each([
    [16, 24],
    [16, 32],
    [13, 40],
    [16, 48],
    [0, 24],
    [0, 32],
  ])('shift %i, %i activation bits', (shift, k) => {
    const unit = 1n << BigInt(shift);
    const values = testValues(shift + k - 2, 700, unit);
    const floor = (value: bigint): bigint => value >> BigInt(shift);
    const slack = shift === 0 ? 0n : 1n;

    it('truncates to the floor or one unit more, and costs what it declares', async () => {
      const { result, run } = await apply(protocol, 'truncate', values, shift, k);
      result.forEach((value, i) => {
        const error = value - floor(values[i]);
        expect(error >= 0n && error <= slack, `${values[i]} gave ${value}`).toBe(true);
      });
      const cost = protocol.truncateCost(values.length, { shift, activationBits: k, bits: 16 + k });
      expect(run.bytesSent).toEqual(cost.bytesSent);
      expect(run.rounds).toBe(cost.rounds);
      expect(run.traffic.map((t) => t.bytesDealt)).toEqual(cost.bytesDealt);
      expect(inAll(cost.bytesDealtTo)).toBe(inAll(cost.bytesDealt));
    });

    it('rectifies exactly on the truncated value, and costs what it declares', async () => {
      const { result, run } = await apply(protocol, 'rectify', values, shift, k);
      result.forEach((value, i) => {
        const low = floor(values[i]);
        const allowed = [low, low + slack].map((t) => (t < 0n ? 0n : t));
        expect(allowed, `${values[i]} gave ${value}`).toContain(value);
      });
      const cost = protocol.rectifyCost(values.length, { shift, activationBits: k, bits: 16 + k });
      expect(run.bytesSent).toEqual(cost.bytesSent);
      expect(run.rounds).toBe(cost.rounds);
      expect(Math.max(...run.traffic.map((t) => t.rounds))).toBe(cost.rounds);
      expect(run.traffic.map((t) => t.bytesSent)).toEqual(cost.bytesSent);
      expect(run.traffic.map((t) => t.bytesDealt)).toEqual(cost.bytesDealt);
      expect(inAll(cost.bytesDealtTo)).toBe(inAll(cost.bytesDealt));
    });
  });

  it('rounds up with the probability of the fraction that is cut off', async () => {
    const count = 20_000;
    const { result } = await apply(protocol, 'truncate', Array<bigint>(count).fill(3n << 14n), 16, 24);
    const mean = result.reduce((total, value) => total + Number(value), 0) / count;
    expect(Math.abs(mean - 0.75)).toBeLessThan(0.02);
  });

  it('reveals fresh summands of the value', async () => {
    const values = randomWords(100);
    const shares = split(values);
    const once = () =>
      runParties(protocol, {}, async (bench, party) => {
        const x = bench.shared(shares[party], shares[(party + 1) % 3]);
        const z = bench.session.reveal(bench.session.additive(x), 10, 48);
        return bench.get(z.words, z.n);
      });
    const [a, b] = [await once(), await once()];
    for (const { results } of [a, b]) {
      const rows = Array.from({ length: 10 }, (_row, sample) => values.slice(10 * sample, 10 * sample + 10));
      const shifted = rows.map((row) => row.map((value) => BigInt.asUintN(64, value << 16n)));
      expect(sum(results)).toEqual(shifted.flatMap((row) => [...row, checkWord(row)]));
    }
    a.results.forEach((words, party) => {
      expect(words).not.toEqual(shares[party]);
      expect(words).not.toEqual(b.results[party]);
    });
  });

  it.each([
    [
      'ties and the smallest steps',
      [0n, 0n, 1n, -1n, 2n, -2n, 65_535n, 65_536n, -65_535n, -65_536n, -65_537n],
    ],
    ['the ends of the range', [(1n << 38n) - 1n, 1n - (1n << 38n), (1n << 37n) + 1n, -(1n << 37n) - 1n]],
  ])('is right on %s, whatever their shares', async (_what, edges) => {
    // All-ones, zero and extreme summands, which no honest sharing gives but a client may send.
    const extremes = [0n, MASK, 1n << 63n, (1n << 63n) - 1n, 0xaaaaaaaaaaaaaaaan];
    const cases = edges.flatMap((value) => extremes.flatMap((a) => extremes.map((b) => ({ value, a, b }))));
    const values = cases.map(({ value }) => value);
    const shares = [
      cases.map(({ a }) => a),
      cases.map(({ b }) => b),
      cases.map(({ value, a, b }) => (value - a - b) & MASK),
    ] as const;
    const { result } = await apply(protocol, 'rectify', values, 16, 24, shares);
    result.forEach((value, i) => {
      const low = values[i]! >> 16n;
      const allowed = [low, low + 1n].map((t) => (t < 0n ? 0n : t));
      expect(allowed, `${values[i]} gave ${value}`).toContain(value);
    });
  });

  it('gives the same bits for the same keys and session, and others for others', async () => {
    const keys = pairwiseKeys([1, 2, 3].map((seed) => new Uint8Array(32).fill(seed)));
    const values = testValues(38, 40, 1n << 16n);
    const shares = split(values);
    const run = async (session: number) => {
      const options = { f: 16, keys, sessionId: new Uint8Array(16).fill(session) };
      const { results, transcripts } = await runParties(protocol, options, async (bench, party) => {
        const x = bench.shared(shares[party], shares[(party + 1) % 3]!);
        const y = await bench.session.rectify(bench.session.additive(x), {
          shift: 16,
          activationBits: 24,
          bits: 40,
        });
        return bench.get(y.first, y.n);
      });
      const received = transcripts.map((frames) => frames.map(({ payload }) => [...payload]));
      return { results, received };
    };
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    expect((await run(8)).received).not.toEqual(first.received);
  });

  it(`never errs by more than a unit over ${LONG.toLocaleString('en')} values`, async () => {
    const size = 100_000;
    for (let done = 0; done < LONG; done += size) {
      const values = testValues(38, Math.min(size, LONG - done), 1n << 16n);
      const operation = (done / size) % 2 === 0 ? 'rectify' : 'truncate';
      const { result } = await apply(protocol, operation, values, 16, 24);
      let worst = 0n;
      result.forEach((value, i) => {
        const low = values[i]! >> 16n;
        const expected = operation === 'truncate' || low >= 0n ? low : 0n;
        const slack = operation === 'rectify' && low < -1n ? 0n : 1n;
        const error = value - expected;
        if (error < 0n || error > slack) worst = error;
      });
      expect(worst).toBe(0n);
    }
  }, 3_600_000);
});
