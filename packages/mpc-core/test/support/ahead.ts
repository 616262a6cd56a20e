/** Three parties that deal ahead in one session, and run in another on what they were dealt. */
import type { PartyIndex } from '../../src/channel/channel.js';
import { simulate } from '../../src/channel/simulate.js';
import { Allocator, Arena } from '../../src/kernels/arena.js';
import { createKernels } from '../../src/kernels/create.js';
import type {
  Material,
  Operation,
  Protocol,
  Reduction,
  SessionContext,
} from '../../src/protocols/protocol.js';
import { randomBytes } from '../../src/random/entropy.js';
import { SessionStreams } from '../../src/random/session-streams.js';
import { readWords, writeWords } from '../../src/ring/words.js';
import { pairwiseKeys, split } from './parties.js';

export async function threeParties(protocol: Protocol, keys = pairwiseKeys()) {
  const kernels = await Promise.all([0, 1, 2].map(() => createKernels('wasm')));
  const allocators = kernels.map(({ memory }) => new Allocator(memory));
  const context = (party: PartyIndex, sessionId: Uint8Array, channel: SessionContext['channel']) => ({
    party,
    kernels: kernels[party]!,
    arena: new Arena(allocators[party]!),
    channel,
    streams: new SessionStreams(sessionId, keys(party).next, keys(party).previous),
    fractionalBits: 16,
  });
  return {
    allocators,
    deal: (operations: readonly Operation[], sessionId = randomBytes(16)) =>
      simulate((channel, party) => protocol.prepare!(context(party, sessionId, channel), operations)),
    rectify: (
      values: readonly bigint[],
      reduction: Reduction,
      material: readonly (readonly Material[])[] | undefined,
      { sessionId = randomBytes(16), shares = split(values) } = {},
    ) =>
      simulate(async (channel, party) => {
        const at = context(party, sessionId, channel);
        const session = protocol.open(
          at,
          material?.map((items) => items[party]!),
        );
        const words = at.arena.words(values.length);
        at.kernels.memory.bytes.set(writeWords(shares[party]), words);
        const y = await session.rectify({ words, n: values.length }, reduction);
        const get = (pointer: number) =>
          readWords(at.kernels.memory.bytes.slice(pointer, pointer + 8 * values.length));
        const pair = { first: get(y.first), second: get(y.second) };
        at.arena.release();
        return { ...pair, traffic: { ...session.traffic } };
      }),
  };
}
