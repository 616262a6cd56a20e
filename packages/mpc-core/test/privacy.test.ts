/**
 * What each worker sees is uniform randomness, whatever the secret: every bit of every message it receives, and of every
 * value that it opens with its peer, is a fair coin. The values' shares are fixed over all runs, so that the
 * protocol's own masks are all that can make the messages random; leaving any one of them out must be noticed.
 */
import { describe, expect, it } from 'vitest';
import { createKernels } from '../src/kernels/create.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { rectifyLayout } from '../src/protocols/replicated/layout.js';
import { randomSeed } from '../src/random/entropy.js';
import { Purpose } from '../src/random/session-streams.js';
import { writeWords } from '../src/ring/words.js';
import { createCpuSharer, inputSharesFor } from '../src/sharing/input.js';
import { addPacked, without, xorBytes } from './support/leaks.js';
import { pairwiseKeys, runParties } from './support/parties.js';
import { BitCounter } from './support/uniformity.js';

const RUNS = 160;
const F = 16;
const REDUCTION = { shift: F, activationBits: 24, bits: F + 24 };
/** Values of both signs and sizes, shared as (value, 0, 0): the least random sharing there is. */
const SECRETS = [0n, 1n, -1n, 65_536n, -65_536n, 12_345_678n, -12_345_678n, 1n << 37n, -(1n << 37n)];
const zeros = SECRETS.map(() => 0n);
const LEFT = 1;
const RIGHT = 2;

/** Runs rectify and reveal many times; one counter for each kind of thing that somebody sees. */
async function observe(leftOut?: Purpose): Promise<Map<string, BitCounter>> {
  const protocol = replicated(0);
  const layout = rectifyLayout(SECRETS.length, REDUCTION);
  const seen = new Map<string, BitCounter>();
  const count = (name: string, message: Uint8Array): void => {
    const counter = seen.get(name) ?? new BitCounter();
    counter.add(message);
    seen.set(name, counter);
  };
  const open = protocol.open;
  const patched = {
    ...protocol,
    open: (session: Parameters<typeof open>[0]) =>
      open(leftOut === undefined ? session : { ...session, kernels: without(session.kernels, leftOut) }),
  };
  for (let run = 0; run < RUNS; run++) {
    const { transcripts, results } = await runParties(patched, { f: F }, async (bench, party) => {
      await bench.session.rectify(bench.additive(party === LEFT ? SECRETS : zeros), REDUCTION);
      const reply = bench.session.reveal(bench.additive(party === LEFT ? SECRETS : zeros), 1, 40);
      return writeWords(bench.get(reply.words, reply.n));
    });
    expect(transcripts[0], 'the helper receives nothing').toHaveLength(0);
    const toLeft = transcripts[LEFT].map((frame) => frame.payload);
    const toRight = transcripts[RIGHT].filter((frame) => frame.from === LEFT).map((frame) => frame.payload);
    const [dealt] = transcripts[RIGHT].filter((frame) => frame.from === 0).map((frame) => frame.payload);
    count('dealt to the right evaluator', dealt);
    toLeft.forEach((frame, i) => {
      count(`round ${i} received by the left evaluator`, frame);
      count(`round ${i} received by the right evaluator`, toRight[i]);
      const last = i === toLeft.length - 1;
      const width = i === 0 ? layout.openedWidth : layout.resultWidth;
      const planes = i !== 0 && !last;
      count(`round ${i} opened`, planes ? xorBytes(frame, toRight[i]) : addPacked(frame, toRight[i], width));
    });
    results.forEach((reply, party) => {
      count(`reply of party ${party}`, reply);
    });
  }
  return seen;
}

describe('what a worker sees in a run', () => {
  it('is uniform in every bit', async () => {
    const seen = await observe();
    // Two word rounds and two plane rounds, in three views each; the dealt message; three replies.
    expect(seen.size).toBe(16);
    for (const [name, counter] of seen) {
      expect(counter.looksUniform, `${name}: ${counter.bitDeviation()}, ${counter.meanDeviation()}`).toBe(
        true,
      );
    }
  }, 60_000);

  it.each([
    [Purpose.Opening, 'round 0 opened'],
    [Purpose.BitMasks, 'round 1 opened'],
    [Purpose.Dealt, 'dealt to the right evaluator'],
    [Purpose.Result, 'round 3 opened'],
    [Purpose.Zero, 'reply of party 1'],
  ])(
    'is noticed when mask %i is left out',
    async (purpose, where) => {
      const counter = (await observe(purpose)).get(where);
      expect(counter?.looksUniform).toBe(false);
    },
    60_000,
  );
});

describe('what a worker is sent by a client', () => {
  async function shares(
    digit: Float32Array,
    seeds?: readonly [Uint8Array, Uint8Array],
  ): Promise<Uint8Array[]> {
    const sharer = createCpuSharer(await createKernels('wasm'));
    const counterOf = [0, 1, 2];
    const used = seeds ?? [randomSeed(), randomSeed()];
    const explicit = await sharer.share(digit, F, used);
    return counterOf.map((party) => {
      const { first, second } = inputSharesFor(used, explicit, 1)[party];
      const bytes = [first, second].map((part) => (part.kind === 'seed' ? part.seed : part.words));
      return Uint8Array.from([...bytes[0], ...bytes[1]]);
    });
  }
  const blank = new Float32Array(64);
  const full = new Float32Array(64).fill(1);

  it.each([
    ['a blank picture', blank],
    ['a full picture', full],
  ])('is uniform in every bit for %s', async (_, digit) => {
    const counters = [new BitCounter(), new BitCounter(), new BitCounter()];
    for (let run = 0; run < 400; run++) {
      (await shares(digit)).forEach((message, party) => {
        counters[party].add(message);
      });
    }
    for (const counter of counters) expect(counter.looksUniform).toBe(true);
  });

  it('is noticed when a seed is used twice', async () => {
    const seeds = [randomSeed(), randomSeed()] as const;
    const counter = new BitCounter();
    for (let run = 0; run < 400; run++) counter.add((await shares(full, seeds))[1]);
    expect(counter.looksUniform).toBe(false);
  });
});

describe('streams', () => {
  it('differ between sessions under the same keys', async () => {
    const keys = pairwiseKeys();
    const once = () =>
      runParties(replicated(0), { keys }, async (bench, party) => {
        await bench.session.truncate(bench.additive(party === LEFT ? SECRETS : zeros), REDUCTION);
      });
    const [a, b] = [await once(), await once()];
    expect(a.transcripts[LEFT][0].payload).not.toEqual(b.transcripts[LEFT][0].payload);
  });

  it('cannot be drawn twice in a session', async () => {
    const { SessionStreams } = await import('../src/random/session-streams.js');
    const streams = new SessionStreams(new Uint8Array(16), randomSeed(), randomSeed());
    streams.draw('next', 1, Purpose.Result);
    streams.draw('previous', 1, Purpose.Result);
    expect(() => streams.draw('next', 1, Purpose.Result)).toThrow(/drawn twice/);
  });
});
