/**
 * What a model that tells classes tells: its three replies together are a fresh sharing of the indices and of nothing else,
 * and what the workers see does not depend on the values. Each test is shown to notice a leak.
 */
import { describe, expect, it } from 'vitest';
import { classComparisons, findClasses, loadClassTables } from '../src/engine/classes/index.js';
import type { PublicMap } from '../src/engine/classes/program.js';
import { compile } from '../src/graph/compile.js';
import type { TopClassesStep } from '../src/graph/plan.js';
import type { Reveal } from '../src/graph/reveal.js';
import type { Kernels } from '../src/kernels/kernels.js';
import { fss } from '../src/protocols/fss/index.js';
import type { Protocol } from '../src/protocols/protocol.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { securenn } from '../src/protocols/securenn/index.js';
import { Purpose } from '../src/random/session-streams.js';
import { checkWord } from '../src/ring/checks.js';
import { readWords, writeWords } from '../src/ring/words.js';
import { dense, numbers, sequential } from './graph/builders.js';
import { without } from './support/leaks.js';
import { runParties, sum } from './support/parties.js';
import { freshRandomness, preparePrediction } from './support/predict.js';
import { TwoSamples } from './support/two-samples.js';
import { BitCounter } from './support/uniformity.js';

const protocols: readonly (readonly [string, Protocol])[] = [
  ['replicated', replicated(0)],
  ['fss', fss(0)],
  ['securenn', securenn(0)],
];

const CLASSES = 4;
const BITS = 40;

function stepOf(top: number): TopClassesStep {
  return { op: 'topClasses', name: 'label', input: 0, output: 1, activationBits: 48, classes: CLASSES, top };
}

/** Rows of four values at scale 2f with one label (2), far apart and close together; and, at last, with another label. */
const UNIT = 1n << 32n;
const FAR = [-90n * UNIT, 0n, 90n * UNIT, 89n * UNIT];
const CLOSE = [7n, 5n, 8n, -1n];
const OTHER = [7n, 9n, 8n, -1n];

/** Runs the step on values shared as (value, 0, 0); `unmasked` leaves a kind of stream out. */
async function reply(
  protocol: Protocol,
  values: readonly bigint[],
  { top = 1, unmasked = undefined as Purpose | undefined } = {},
) {
  const step = stepOf(top);
  const zeros = values.map(() => 0n);
  const patched: Protocol = {
    ...protocol,
    open: (session) =>
      protocol.open(
        unmasked === undefined ? session : { ...session, kernels: without(session.kernels, unmasked) },
      ),
  };
  return runParties(patched, { f: 16 }, async (bench, party) => {
    const numbersOf = (words: BigInt64Array) => [...words].map((word) => BigInt.asUintN(64, word));
    const load = ({ inputs, outputs, matrix, offsets }: PublicMap) => ({
      inputs,
      outputs,
      matrix: bench.put(numbersOf(matrix)),
      offsets: bench.put(numbersOf(offsets).map((word) => (party === 0 ? word : 0n))),
    });
    const tables = loadClassTables(step, CLASSES, () => 0, load);
    const x = bench.additive(party === 1 ? values : zeros);
    const found = await findClasses(bench.session, x, step, tables, 1, BITS);
    const { words, n } = bench.session.reveal(found, 1, BITS);
    return bench.get(words, n);
  });
}

describe.each(protocols)('%s', (_, protocol) => {
  it('replies with a sharing of the label, of which any two parts are uniform', async () => {
    const pairs = new Map<string, BitCounter>();
    for (let run = 0; run < 200; run++) {
      const { results } = await reply(protocol, run % 2 === 0 ? FAR : CLOSE);
      const [label, check] = sum(results);
      expect([label! >> BigInt(64 - BITS), check]).toEqual([2n, label]);
      for (const [a, b] of [
        [0, 1],
        [1, 2],
        [2, 0],
      ] as const) {
        const counter = pairs.get(`${a}${b}`) ?? new BitCounter();
        counter.add(writeWords([...results[a]!, ...results[b]!]));
        pairs.set(`${a}${b}`, counter);
      }
    }
    for (const counter of pairs.values()) {
      expect(counter.looksUniform, `${counter.bitDeviation()}, ${counter.meanDeviation()}`).toBe(true);
    }
  }, 60_000);

  it('shows no worker, and no client, how far apart the values are', async () => {
    const { different, messages } = await compareSecrets(protocol);
    expect(messages).toBeGreaterThan(6);
    expect(different).toEqual([]);
  }, 120_000);

  it('is noticed when values are opened without a mask', async () => {
    const { different } = await compareSecrets(protocol, Purpose.Opening);
    expect(different.length).toBeGreaterThan(0);
  }, 120_000);

  it('replies with summands of its own when the zero shares are left out', async () => {
    const counter = new BitCounter();
    for (let run = 0; run < 100; run++) {
      const { results } = await reply(protocol, CLOSE, { unmasked: Purpose.Zero });
      counter.add(writeWords(results.map(([word]) => word!)));
    }
    expect(counter.looksUniform).toBe(false);
  }, 60_000);
});

/** Messages and replies for values far apart and close together, of one label. */
async function compareSecrets(protocol: Protocol, unmasked?: Purpose) {
  const samples = new TwoSamples();
  const runs = unmasked === undefined ? 100 : 40;
  for (let run = 0; run < 2 * runs; run++) {
    const secret = (run % 2) as 0 | 1;
    const { transcripts, results } = await reply(protocol, secret === 0 ? FAR : CLOSE, { unmasked });
    transcripts.forEach((frames, party) => {
      const seen = [0, 0, 0];
      for (const { from, payload } of frames) {
        samples.add(secret, `message ${seen[from]!++} from ${from} to ${party}`, payload.subarray(0, 4096));
      }
    });
    results.forEach((words, party) => {
      samples.add(secret, `reply of ${party}`, writeWords(words));
    });
  }
  return { different: samples.different(), messages: samples.messages };
}

describe('with the same keys, seeds and session', () => {
  const next = numbers(15);
  const graph = sequential([5], [dense(next, 5, 8, 'relu'), dense(next, 8, 6)]);
  /** A helper's masks do not depend on what the values are; in fss, which of two fresh ones is used does. */
  const fixed = protocols.filter(([name]) => name !== 'fss');

  async function replies(protocol: Protocol, reveal: Reveal) {
    // Zero shares are keyed with what was said, which is masked values: another stream for each input. Here it is left out.
    const change = (kernels: Kernels): Kernels => ({ ...kernels, addDigest: () => {} });
    const { predict } = await preparePrediction(compile(graph, { reveal }), protocol, 'wasm', { change });
    const randomness = freshRandomness();
    return async (input: Float32Array) => {
      const { results, logits } = await predict(input, 1, randomness);
      return { bytes: results.map(({ outputs }) => [...outputs[0]!]), values: [...logits] };
    };
  }

  it.each(fixed)(
    '%s gives the same three replies, to the bit, for all inputs of one label',
    async (_, protocol) => {
      const inputs = Array.from({ length: 15 }, (_v, i) =>
        Float32Array.from({ length: 5 }, (_w, j) => (j === i % 5 ? 1 - Math.floor(i / 5) / 10 : 0)),
      );
      const label = await replies(protocol, 'label');
      const byLabel = new Map<number, string>();
      let compared = 0;
      for (const input of inputs) {
        const { bytes, values } = await label(input);
        const known = byLabel.get(values[0]!);
        if (known !== undefined) {
          compared++;
          expect(JSON.stringify(bytes)).toBe(known);
        }
        byLabel.set(values[0]!, JSON.stringify(bytes));
      }
      expect(compared).toBeGreaterThan(3);
      expect(new Set(byLabel.values()).size).toBe(byLabel.size);
      expect(byLabel.size).toBeGreaterThan(1);

      // Values are told apart by their replies: the test would notice any of them in a label's.
      const values = await replies(protocol, 'logits');
      const all = await Promise.all(inputs.map(async (input) => JSON.stringify((await values(input)).bytes)));
      expect(new Set(all).size).toBe(inputs.length);
    },
  );
});

describe('a reply', () => {
  it('adds up to values or classes, with nothing below them, and a check word a sample', async () => {
    const next = numbers(3);
    const graph = sequential([5], [dense(next, 5, 3)]);
    for (const reveal of ['logits', 'top-2'] as const) {
      const { plan, weights } = compile(graph, { reveal });
      const { predict } = await preparePrediction({ plan, weights }, replicated());
      const { results } = await predict(new Float32Array(50).fill(0.5), 10);
      const size = plan.outputShape[0]! + 1;
      const sums = sum(results.map(({ outputs }) => readWords(outputs[0]!)));
      expect(sums).toHaveLength(10 * size);
      for (let at = 0; at < sums.length; at += size) {
        const row = sums.slice(at, at + size - 1);
        expect(row.every((word) => BigInt.asUintN(64 - plan.outputBits, word) === 0n)).toBe(true);
        expect(sums[at + size - 1]).toBe(checkWord(row));
        if (reveal === 'top-2') expect(row.every((word) => word >> BigInt(64 - BITS) < 3n)).toBe(true);
      }
    }
  });

  it('names another class when the values say so', async () => {
    const { results } = await reply(replicated(), OTHER, { top: 3 });
    const found = sum(results).slice(0, 3);
    expect(found.map((word) => Number(word >> BigInt(64 - BITS)))).toEqual([1, 2, 0]);
    const step = stepOf(3);
    expect(classComparisons(step, BITS).map(({ values }) => values)).toEqual([12, 12]);
  });
});
