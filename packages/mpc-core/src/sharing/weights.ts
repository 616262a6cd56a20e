/**
 * The model owner's side of sharing: the three share files of a model, and their decoding at a worker.
 *
 * The weights of a plan are one vector of ring words w = w0 + w1 + w2 (mod 2^64); w0 and w1 are ChaCha20 key streams
 * of fresh seeds, w2 is explicit, as for inputs. File of party i: "TVS1", i (u8), form of w_i and of w_{i+1}
 * (u8 each: 0 seed, 1 explicit), 0 (u8), number of words (u32, little-endian), the two parts.
 */
import { encodeWeights } from '../fixed/encode.js';
import { InvalidModelError } from '../graph/errors.js';
import { type CompiledModel, type Plan, sizeOf } from '../graph/plan.js';
import type { Kernels } from '../kernels/kernels.js';
import { randomSeed, SEED_BYTES } from '../random/entropy.js';
import { WORD_BYTES } from '../ring/words.js';
import { expandSeed, SeedPart, type SharePart, WordsPart } from './input.js';

const MAGIC = [0x54, 0x56, 0x53, 0x31];
const HEADER_BYTES = 12;

/** Number of ring words of all weights of a plan. */
export function weightWords(plan: Plan): number {
  return plan.weights.reduce((total, weight) => total + sizeOf(weight.shape), 0);
}

/**
 * Encodes and splits a model's weights.
 *
 * @param kernels scratch kernels, not those of a party
 * @returns the share files of workers 0, 1 and 2
 * @throws RangeError when a weight cannot be encoded
 */
export function shareModel(
  model: CompiledModel,
  kernels: Kernels,
): readonly [Uint8Array, Uint8Array, Uint8Array] {
  const words = weightWords(model.plan);
  const encoded = new Uint8Array(words * WORD_BYTES);
  let at = 0;
  model.plan.weights.forEach((spec, i) => {
    if (model.weights[i].length !== sizeOf(spec.shape)) {
      throw new InvalidModelError(`Weight "${spec.name}" does not have the shape that the plan says.`);
    }
    const part = encodeWeights(model.weights[i], spec.fractionalBits);
    encoded.set(part, at);
    at += part.length;
  });
  const seeds = [randomSeed(), randomSeed()] as const;
  const explicit = new BigUint64Array(encoded.buffer);
  for (const seed of seeds) {
    const stream = new BigUint64Array(expandSeed(kernels, seed, words).buffer);
    for (let i = 0; i < words; i++) explicit[i] -= stream[i];
  }
  const parts: SharePart[] = [new SeedPart(seeds[0]), new SeedPart(seeds[1]), new WordsPart(encoded)];
  const file = (party: number) => encodeShareFile(party, words, parts[party], parts[(party + 1) % 3]);
  const files = [file(0), file(1), file(2)] as const;
  // The files have copies.
  for (const part of [...seeds, encoded]) part.fill(0);
  return files;
}

function encodeShareFile(party: number, words: number, first: SharePart, second: SharePart): Uint8Array {
  const bodies = [first, second].map((part) => (part.kind === 'seed' ? part.seed : part.words));
  const file = new Uint8Array(HEADER_BYTES + bodies[0].length + bodies[1].length);
  file.set([...MAGIC, party, first.kind === 'seed' ? 0 : 1, second.kind === 'seed' ? 0 : 1, 0]);
  new DataView(file.buffer).setUint32(8, words, true);
  file.set(bodies[0], HEADER_BYTES);
  file.set(bodies[1], HEADER_BYTES + bodies[0].length);
  return file;
}

/**
 * Decodes a share file strictly.
 *
 * @throws InvalidModelError when the file is not party's share of a model with this plan
 */
export function decodeShareFile(
  file: Uint8Array,
  party: number,
  plan: Plan,
): readonly [SharePart, SharePart] {
  const fail = (reason: string): never => {
    throw new InvalidModelError(`This is not a share of the model: ${reason}.`);
  };
  if (file.length < HEADER_BYTES) fail('it is too short');
  if (MAGIC.some((byte, i) => file[i] !== byte)) fail('it does not start with "TVS1"');
  if (file[4] !== party) fail(`it belongs to worker ${file[4]}, this is worker ${party}`);
  const words = weightWords(plan);
  if (new DataView(file.buffer, file.byteOffset).getUint32(8, true) !== words)
    fail('its number of weights differs from the plan');
  if (file[5] > 1 || file[6] > 1 || file[7] !== 0) fail('its header is malformed');
  const sizes = [file[5], file[6]].map((form) => (form === 0 ? SEED_BYTES : words * WORD_BYTES));
  if (file.length !== HEADER_BYTES + sizes[0] + sizes[1]) fail('its length is wrong');
  const part = (form: number, from: number, size: number): SharePart => {
    const body = file.subarray(from, from + size);
    return form === 0 ? new SeedPart(body) : new WordsPart(body);
  };
  return [part(file[5], HEADER_BYTES, sizes[0]), part(file[6], HEADER_BYTES + sizes[0], sizes[1])];
}
