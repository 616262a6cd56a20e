/** A client's side of sharing: split an input, name each worker's part. See input-sharer.ts. */
import { encodeInputs } from '../fixed/encode.js';
import type { Kernels } from '../kernels/kernels.js';
import { SEED_BYTES } from '../random/entropy.js';
import { Redacted } from '../random/redacted.js';
import { WORD_BYTES } from '../ring/words.js';
import type { InputSharer } from './input-sharer.js';

/** One of the two replicated shares that a worker is given: a ChaCha20 seed, or the words themselves. */
export type SharePart =
  | { readonly kind: 'seed'; readonly seed: Uint8Array }
  | { readonly kind: 'explicit'; readonly words: Uint8Array };

/** A part that is not shown when it is printed. */
export class SeedPart extends Redacted {
  readonly kind = 'seed';

  constructor(readonly seed: Uint8Array) {
    super();
  }

  toString(): string {
    return '[share: a seed]';
  }
}

/** A part that is not shown when it is printed. */
export class WordsPart extends Redacted {
  readonly kind = 'explicit';

  constructor(readonly words: Uint8Array) {
    super();
  }

  toString(): string {
    return `[share: ${this.words.length} bytes]`;
  }
}

/** What a client gives party i for `count` samples: its parts x_i and x_{i+1}. */
export interface InputShare {
  readonly count: number;
  readonly first: SharePart;
  readonly second: SharePart;
}

/** The words that a seed stands for: its ChaCha20 key stream with nonce 0 from counter 0. */
export function expandSeed(kernels: Kernels, seed: Uint8Array, words: number): Uint8Array<ArrayBuffer> {
  if (seed.length !== SEED_BYTES) throw new RangeError(`A seed has ${SEED_BYTES} bytes.`);
  const { memory } = kernels;
  const bytes = words * WORD_BYTES;
  // Client kernels belong to one sharer: the memory above the base is scratch.
  const key = memory.base;
  const stream = memory.base + 64;
  memory.ensure(stream + bytes);
  memory.bytes.set(seed, key);
  kernels.chacha20(stream, key, 0, 0, 0, 0, bytes);
  const expanded = memory.bytes.slice(stream, stream + bytes);
  memory.bytes.fill(0, key, stream + bytes);
  return expanded as Uint8Array<ArrayBuffer>;
}

/**
 * The sharer on the CPU. It uses the kernels' memory as scratch: give it kernels of its own, not those of a party.
 */
export function createCpuSharer(kernels: Kernels): InputSharer {
  return {
    label: kernels.kind === 'wasm' ? 'CPU (WASM)' : 'CPU (TypeScript)',
    kind: kernels.kind,
    async share(inputs, fractionalBits, seeds) {
      if (seeds.some((seed) => seed.length !== SEED_BYTES))
        throw new RangeError(`A seed has ${SEED_BYTES} bytes.`);
      const { memory } = kernels;
      const n = inputs.length;
      const bytes = WORD_BYTES * n;
      const key = memory.base;
      const value = memory.base + 64;
      const stream = value + Math.ceil(bytes / 64) * 64;
      memory.ensure(stream + bytes);
      try {
        encodeInputs(inputs, fractionalBits, new Int32Array(memory.bytes.buffer, value, 2 * n));
        for (const seed of seeds) {
          memory.bytes.set(seed, key);
          kernels.chacha20(stream, key, 0, 0, 0, 0, bytes);
          kernels.subtract(value, value, stream, n);
        }
        return memory.bytes.slice(value, value + bytes);
      } finally {
        memory.bytes.fill(0, key, stream + bytes);
      }
    },
  };
}

/** What party 0 is sent: the seeds of x0 and x1, which are there before x2 is computed from them. */
export function seedShareFor(seeds: readonly [Uint8Array, Uint8Array], count: number): InputShare {
  return { count, first: new SeedPart(seeds[0]), second: new SeedPart(seeds[1]) };
}

/** Who is sent what: party 0 the seeds of x0 and x1, party 1 the seed of x1 and x2, party 2 x2 and the seed of x0. */
export function inputSharesFor(
  seeds: readonly [Uint8Array, Uint8Array],
  explicit: Uint8Array,
  count: number,
): readonly [InputShare, InputShare, InputShare] {
  const zero = seedShareFor(seeds, count);
  const x2 = new WordsPart(explicit);
  return [zero, { count, first: zero.second, second: x2 }, { count, first: x2, second: zero.first }];
}
