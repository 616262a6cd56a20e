/**
 * One suite for every protocol: each operation against its definition, on random and edge values, with every worker in
 * every role; and the declared costs against what the channels counted.
 */
import { describe, expect, it } from 'vitest';
import { fss } from '../src/protocols/fss/index.js';
import type { Protocol } from '../src/protocols/protocol.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { securenn } from '../src/protocols/securenn/index.js';
import { randomWords, reconstruct, runParties, split } from './support/parties.js';

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
): Promise<{ result: bigint[]; run: Awaited<ReturnType<typeof runParties>> }> {
  const f = 16;
  const shares = split(values);
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

describe.each(protocols)('%s', (name, protocol) => {
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
        const z = bench.session.reveal(bench.session.additive(x));
        return bench.get(z.words, z.n);
      });
    const [a, b] = [await once(), await once()];
    for (const { results } of [a, b]) {
      const total = values.map((_value, i) => results.reduce((t, r) => BigInt.asUintN(64, t + r[i]), 0n));
      expect(total).toEqual(values);
    }
    a.results.forEach((words, party) => {
      expect(words).not.toEqual(shares[party]);
      expect(words).not.toEqual(b.results[party]);
    });
  });

  it('never errs by more than a unit over a million values', async () => {
    // Every role takes part with every worker; a million values are for one of the three.
    const rounds = name.endsWith('helper 0') ? 10 : 1;
    for (let round = 0; round < rounds; round++) {
      const values = testValues(38, 100_000, 1n << 16n);
      const { result } = await apply(protocol, 'rectify', values, 16, 24);
      let worst = 0n;
      result.forEach((value, i) => {
        const low = values[i] >> 16n;
        const error = low < -1n ? value : low === -1n ? value : value - low;
        if (error < 0n || error > 1n) worst = error;
      });
      expect(worst).toBe(0n);
    }
  }, 120_000);
});
