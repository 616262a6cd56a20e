/** Three parties in one process with real kernels, fresh keys and a value shared among them, for protocol tests. */
import type { Channel, PartyIndex } from '../../src/channel/channel.js';
import { type Simulation, simulate } from '../../src/channel/simulate.js';
import { Allocator, Arena } from '../../src/kernels/arena.js';
import { createKernels } from '../../src/kernels/create.js';
import type { Kernels, Pointer } from '../../src/kernels/kernels.js';
import type { Protocol, ProtocolSession, Traffic } from '../../src/protocols/protocol.js';
import { randomBytes, randomSeed } from '../../src/random/entropy.js';
import { SessionStreams } from '../../src/random/session-streams.js';
import { readWords, writeWords } from '../../src/ring/words.js';
import type { Additive, Shared } from '../../src/sharing/values.js';

export const MASK = (1n << 64n) - 1n;

/** Keys of the three pairs, in the form in which each party holds them. */
export function pairwiseKeys(seeds = [randomSeed(), randomSeed(), randomSeed()]) {
  return (party: PartyIndex) => ({ next: seeds[party], previous: seeds[(party + 2) % 3] });
}

export function randomWords(n: number): bigint[] {
  return readWords(randomBytes(8 * n));
}

/** Uniform additive shares of values modulo 2^64. */
export function split(values: readonly bigint[]): readonly [bigint[], bigint[], bigint[]] {
  const a = randomWords(values.length);
  const b = randomWords(values.length);
  return [a, b, values.map((value, i) => (value - a[i] - b[i]) & MASK)];
}

export function sum(shares: readonly (readonly bigint[])[]): bigint[] {
  return shares[0].map((_, i) => shares.reduce((total, share) => (total + share[i]) & MASK, 0n));
}

export interface PartyBench {
  readonly session: ProtocolSession;
  readonly kernels: Kernels;
  readonly arena: Arena;
  put(words: readonly bigint[]): Pointer;
  get(pointer: Pointer, n: number): bigint[];
  additive(words: readonly bigint[]): Additive;
  shared(first: readonly bigint[], second: readonly bigint[]): Shared;
}

let pool: Promise<readonly Kernels[]> | null = null;

/** Runs `program` at three parties under a protocol; returns what it gave and what the channels counted. */
export async function runParties<T>(
  protocol: Protocol,
  {
    f = 16,
    keys = pairwiseKeys(),
    sessionId = randomBytes(16),
  }: { f?: number; keys?: ReturnType<typeof pairwiseKeys>; sessionId?: Uint8Array },
  program: (bench: PartyBench, party: PartyIndex) => Promise<T>,
): Promise<Simulation<T> & { readonly traffic: readonly Traffic[] }> {
  pool ??= Promise.all([createKernels('wasm'), createKernels('wasm'), createKernels('wasm')]);
  const kernelsOf = await pool;
  const traffic: Traffic[] = [];
  const simulation = await simulate(async (channel: Channel, party: PartyIndex) => {
    const kernels = kernelsOf[party];
    const arena = new Arena(new Allocator(kernels.memory));
    const { next, previous } = keys(party);
    const session = protocol.open({
      party,
      kernels,
      arena,
      channel,
      streams: new SessionStreams(sessionId, next, previous),
      fractionalBits: f,
    });
    traffic[party] = session.traffic;
    const put = (words: readonly bigint[]): Pointer => {
      const pointer = arena.words(words.length);
      kernels.memory.bytes.set(writeWords(words), pointer);
      return pointer;
    };
    return program(
      {
        session,
        kernels,
        arena,
        put,
        get: (pointer, n) => readWords(kernels.memory.bytes.slice(pointer, pointer + 8 * n)),
        additive: (words) => ({ words: put(words), n: words.length }),
        shared: (first, second) => ({ first: put(first), second: put(second), n: first.length }),
      },
      party,
    );
  });
  return { ...simulation, traffic };
}

/** The value that three replicated pairs stand for, modulo 2^bits and signed; checks that neighbours agree. */
export function reconstruct(
  pairs: readonly { readonly first: readonly bigint[]; readonly second: readonly bigint[] }[],
  bits: number,
): bigint[] {
  pairs.forEach(({ second }, party) => {
    const { first } = pairs[(party + 1) % 3];
    second.forEach((word, i) => {
      if (word !== first[i])
        throw new Error(`Parties ${party} and ${(party + 1) % 3} hold different shares.`);
    });
  });
  return sum(pairs.map((pair) => pair.first)).map((value) => BigInt.asIntN(bits, value));
}
