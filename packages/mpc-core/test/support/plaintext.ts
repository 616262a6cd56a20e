/** A plan under `plaintext`: one party that holds everything, which is what the protocols are compared with. */
import { createParty } from '../../src/engine/party.js';
import { encodeInputs, encodeWeights } from '../../src/fixed/encode.js';
import type { CompiledModel } from '../../src/graph/plan.js';
import { createKernels } from '../../src/kernels/create.js';
import { plaintext } from '../../src/protocols/plaintext/index.js';
import { randomBytes, randomSeed } from '../../src/random/entropy.js';
import { reconstructOutputs } from '../../src/sharing/replies.js';

const HEADER = [0x54, 0x56, 0x53, 0x31, 0, 1, 1, 0];

/** Outputs of `count` samples; nothing is shared, and nobody is sent anything. */
export async function predictInTheClear(
  { plan, weights }: CompiledModel,
  inputs: Float32Array,
  count: number,
): Promise<Float64Array> {
  const encoded = weights.map((values, i) => encodeWeights(values, plan.weights[i]!.fractionalBits));
  const bytes = encoded.reduce((total, each) => total + each.length, 0);
  const file = new Uint8Array(12 + 2 * bytes);
  file.set(HEADER);
  new DataView(file.buffer).setUint32(8, bytes / 8, true);
  let at = 12;
  for (const each of encoded) {
    file.set(each, at);
    at += each.length;
  }
  const party = createParty(0, await createKernels());
  const words = encodeInputs(inputs, plan.fractionalBits);
  const nobody = (): never => {
    throw new Error('plaintext talks to nobody');
  };
  const { outputs } = await party.run(party.load(plan, file), {
    protocol: plaintext(),
    keys: { sessionId: randomBytes(16), next: randomSeed(), previous: randomSeed() },
    channel: { send: nobody, receive: nobody },
    inputs: [
      {
        count,
        first: { kind: 'explicit', words },
        second: { kind: 'explicit', words: new Uint8Array(words.length) },
      },
    ],
  });
  const none = new Uint8Array(outputs[0]!.length);
  return reconstructOutputs([outputs[0]!, none, none], plan);
}
