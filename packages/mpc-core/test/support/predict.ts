/** A whole prediction in one process: share a model and an input, run three parties, add the replies. */
import type { Channel, PartyIndex } from '../../src/channel/channel.js';
import { simulate } from '../../src/channel/simulate.js';
import { createParty, type RunResult } from '../../src/engine/party.js';
import type { CompiledModel } from '../../src/graph/plan.js';
import { createKernels } from '../../src/kernels/create.js';
import type { Kernels } from '../../src/kernels/kernels.js';
import type { Material, Protocol } from '../../src/protocols/protocol.js';
import { randomBytes, randomSeed } from '../../src/random/entropy.js';
import { createCpuSharer, inputSharesFor } from '../../src/sharing/input.js';
import { reconstructOutputs } from '../../src/sharing/replies.js';
import { shareModel } from '../../src/sharing/weights.js';
import { pairwiseKeys } from './parties.js';

export interface PrivateRun {
  readonly logits: Float64Array;
  readonly results: readonly [RunResult, RunResult, RunResult];
  readonly bytesSent: readonly [number, number, number];
  readonly rounds: number;
}

/** All randomness of a prediction, for tests that want the same twice. */
export interface Randomness {
  readonly seeds: readonly [Uint8Array, Uint8Array];
  readonly keys: ReturnType<typeof pairwiseKeys>;
  readonly sessionId: Uint8Array;
}

export function freshRandomness(): Randomness {
  return { seeds: [randomSeed(), randomSeed()], keys: pairwiseKeys(), sessionId: randomBytes(16) };
}

/** Parties that hold `model`, ready to predict. */
export async function preparePrediction(
  model: CompiledModel,
  protocol: Protocol,
  kind: 'wasm' | 'typescript' = 'wasm',
  {
    ahead = false,
    change = (kernels: Kernels, _party: PartyIndex) => kernels,
    tamper = (channel: Channel, _party: PartyIndex) => channel,
  } = {},
): Promise<{
  /** With `ahead`, material for every sample is dealt before the run. */
  predict(inputs: Float32Array, count: number, randomness?: Randomness): Promise<PrivateRun>;
  /** Memory of the three parties. */
  memoryBytes(): number;
}> {
  const client = await createKernels(kind);
  const files = shareModel(model, client);
  const parties = [];
  for (const index of [0, 1, 2] as const) {
    const kernels = change(await createKernels(kind), index);
    const party = createParty(index, kernels);
    parties.push({ party, kernels, loaded: party.load(model.plan, files[index]) });
  }
  const sharer = createCpuSharer(client);
  return {
    memoryBytes: () => parties.reduce((total, { kernels }) => total + kernels.memory.byteLength, 0),
    async predict(inputs, count, { seeds, keys, sessionId } = freshRandomness()) {
      const explicit = await sharer.share(inputs, model.plan.fractionalBits, seeds);
      const shares = inputSharesFor(seeds, explicit, count);
      const material: (readonly [Material | null, Material | null, Material | null])[] = [];
      for (let i = 0; ahead && i < count; i++) {
        const dealtIn = randomBytes(16);
        const dealing = await simulate((channel, index) =>
          parties[index].party.prepare(parties[index].loaded, {
            protocol,
            keys: { sessionId: dealtIn, ...keys(index) },
            channel: tamper(channel, index),
          }),
        );
        material.push(dealing.results);
      }
      const run = await simulate((channel, index) =>
        parties[index].party.run(parties[index].loaded, {
          protocol,
          keys: { sessionId, ...keys(index) },
          channel: tamper(channel, index),
          inputs: [shares[index]],
          ...(ahead && { material: material.map((items) => items[index]!) }),
        }),
      );
      const replies = run.results.map((result) => result.outputs[0]) as [Uint8Array, Uint8Array, Uint8Array];
      return { ...run, logits: reconstructOutputs(replies, model.plan) };
    },
  };
}
