/** Replies: what they add up to, and that what does not fit is refused, whatever the plan's output bits. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../src/graph/compile.js';
import type { Plan } from '../src/graph/plan.js';
import { fss } from '../src/protocols/fss/index.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { securenn } from '../src/protocols/securenn/index.js';
import { randomBytes } from '../src/random/entropy.js';
import { checkWord } from '../src/ring/checks.js';
import { readWords, writeWords } from '../src/ring/words.js';
import { InconsistentRepliesError, reconstructOutputs } from '../src/sharing/replies.js';
import { dense, numbers, sequential } from './graph/builders.js';
import { split } from './support/parties.js';
import { preparePrediction } from './support/predict.js';

type Replies = [Uint8Array, Uint8Array, Uint8Array];

const { plan: PLAN } = compile(sequential([2], [dense(numbers(1), 2, 3)]));
const planOf = (size: number, outputBits: number, outputFractionalBits = 0): Plan => ({
  ...PLAN,
  outputShape: [size],
  outputBits,
  outputFractionalBits,
});

/** Three replies for rows of signed values. */
function repliesOf(rows: readonly (readonly bigint[])[], { outputBits }: Plan): Replies {
  const words = rows.flatMap((values) => {
    const row = values.map((value) => BigInt.asUintN(64, value << BigInt(64 - outputBits)));
    return [...row, checkWord(row)];
  });
  return split(words).map(writeWords) as Replies;
}

const cases = fc
  .record({ size: fc.integer({ min: 1, max: 12 }), bits: fc.integer({ min: 40, max: 64 }) })
  .chain(({ size, bits }) => {
    const limit = 1n << BigInt(Math.min(bits, 53) - 1);
    const value = fc.bigInt({ min: -limit, max: limit - 1n });
    const row = fc.array(value, { minLength: size, maxLength: size });
    return fc.record({
      plan: fc.constant(planOf(size, bits)),
      rows: fc.array(row, { minLength: 1, maxLength: 4 }),
    });
  });

describe('three replies', () => {
  it('add up to the values, exactly', () => {
    fc.assert(
      fc.property(cases, ({ plan, rows }) => {
        const outputs = reconstructOutputs(repliesOf(rows, plan), plan);
        expect([...outputs].map((value) => BigInt(value))).toEqual(rows.flat());
      }),
    );
    expect([...reconstructOutputs(repliesOf([[-3n, 5n]], planOf(2, 48, 1)), planOf(2, 48, 1))]).toEqual([
      -1.5, 2.5,
    ]);
  });

  it('are refused whichever word of whichever reply is wrong, and in whichever bits', () => {
    fc.assert(
      fc.property(
        cases,
        fc.nat(),
        fc.nat(2),
        fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }),
        (each, place, who, by) => {
          const replies = repliesOf(each.rows, each.plan);
          const words = readWords(replies[who]!);
          words[place % words.length]! += by;
          replies[who] = writeWords(words);
          expect(() => reconstructOutputs(replies, each.plan)).toThrow(InconsistentRepliesError);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are refused when one of them is random, or is for something else', () => {
    fc.assert(
      fc.property(cases, fc.nat(2), ({ plan, rows }, who) => {
        const replies = repliesOf(rows, plan);
        const garbage = replies.with(who, randomBytes(replies[who]!.length)) as unknown as Replies;
        const others = replies.with(who, repliesOf(rows, plan)[who]!) as unknown as Replies;
        for (const wrong of [garbage, others]) {
          expect(() => reconstructOutputs(wrong, plan)).toThrow(InconsistentRepliesError);
        }
      }),
    );
  });

  it('are refused when they are not whole samples, or differ in length', () => {
    const whole = new Uint8Array(8 * 4);
    for (const [a, b] of [
      [whole, new Uint8Array(8 * 8)],
      [new Uint8Array(8 * 3), new Uint8Array(8 * 3)],
    ] as const) {
      expect(() => reconstructOutputs([a, a, b], planOf(3, 48))).toThrow(RangeError);
    }
  });
});

describe.each([
  ['replicated', replicated(0)],
  ['fss', fss(0)],
  ['securenn', securenn(0)],
] as const)('%s', (_, protocol) => {
  it.each(['logits', 'label'] as const)(
    'replies with %s of 64 uniform bits, and garbage is refused',
    async (reveal) => {
      const next = numbers(2);
      const model = compile(sequential([3], [dense(next, 3, 4, 'relu'), dense(next, 4, 3)]), { reveal });
      const { predict } = await preparePrediction(model, protocol);
      const { results } = await predict(Float32Array.of(0.5, -0.25, 1, 0, 0, 1), 2);
      const replies = results.map(({ outputs }) => outputs[0]!) as unknown as Replies;
      expect(reconstructOutputs(replies, model.plan)).toHaveLength(2 * model.plan.outputShape[0]!);
      replies.forEach((reply, who) => {
        // The high bits carry as much as the low ones: none of a few random words is small.
        expect(readWords(reply).every((word) => word >> 44n !== 0n)).toBe(true);
        const garbage = replies.with(who, randomBytes(reply.length)) as unknown as Replies;
        expect(() => reconstructOutputs(garbage, model.plan)).toThrow(InconsistentRepliesError);
      });
    },
  );
});
