/**
 * Mutations of bytes, after AFL's havoc stage (Zalewski, "american fuzzy lop", technical details): flips, arithmetic,
 * interesting numbers in both byte orders, blocks that are removed, repeated, moved and spliced, words of the format; and
 * attacks on lengths.
 */
import { MAX_INPUT_BYTES } from '../target.js';
import type { Choices } from './random.js';

const NUMBERS = [
  0, 1, 2, 7, 8, 15, 16, 27, 31, 32, 63, 64, 100, 127, 128, 255, 256, 511, 512, 1000, 1023, 1024, 4095, 4096,
  32_767, 32_768, 65_535, 65_536, 1_000_000, 0x7f_ffff, 0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe,
  0xffff_ffff,
];
const WIDE = [
  2n ** 31n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];
/** Base-128 numbers with no end, too large, and of many spellings. */
const VARINTS = [
  'ffffffffffffffffff01',
  'ffffffffffffffffff7f',
  'ffffffff0f',
  'ffffffff07',
  '8000',
  '808080808000',
].map((hex) => Buffer.from(hex, 'hex'));

type Mutation = (bytes: Buffer, choices: Choices, others: Others) => Buffer;

export interface Others {
  /** Another input of the corpus. */
  other(): Uint8Array;
  readonly dictionary: readonly Uint8Array[];
}

const at = (bytes: Buffer, choices: Choices) => choices.below(Math.max(1, bytes.length));

function replaced(bytes: Buffer, from: number, to: number, by: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);
}

function block(bytes: Buffer, choices: Choices): readonly [number, number] {
  const from = at(bytes, choices);
  return [from, Math.min(bytes.length, from + choices.small(Math.max(1, bytes.length)))];
}

/** Writes over what is there, as far as it fits. */
function overwrite(bytes: Buffer, from: number, by: Uint8Array): Buffer {
  bytes.set(by.subarray(0, Math.max(0, bytes.length - from)), from);
  return bytes;
}

function number(choices: Choices): Buffer {
  const width = choices.pick([1, 2, 4, 8]);
  const value =
    width === 8 ? choices.pick(WIDE) : BigInt(choices.pick(NUMBERS) + choices.pick([0, 0, 0, -1, 1]));
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  const little = bytes.subarray(0, width);
  return choices.chance(0.5) ? little : Buffer.from(little).reverse();
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, choices) => {
    const where = at(bytes, choices);
    return overwrite(bytes, where, Uint8Array.of((bytes[where] ?? 0) ^ (1 << choices.below(8))));
  },
  (bytes, choices) => overwrite(bytes, at(bytes, choices), Uint8Array.of(choices.below(256))),
  (bytes, choices) => {
    const where = at(bytes, choices);
    return overwrite(bytes, where, Uint8Array.of((bytes[where] ?? 0) + choices.below(71) - 35));
  },
  (bytes, choices) => overwrite(bytes, at(bytes, choices), number(choices)),
  // Fields of formats are where their size puts them.
  (bytes, choices) => overwrite(bytes, choices.below(1 + (bytes.length >> 2)) * 4, number(choices)),
  (bytes, choices) => {
    const where = at(bytes, choices);
    return replaced(bytes, where, where, number(choices));
  },
  (bytes, choices) => overwrite(bytes, at(bytes, choices), choices.pick(VARINTS)),
  (bytes, choices) => {
    const where = at(bytes, choices);
    return replaced(bytes, where, where + choices.below(2), choices.pick(VARINTS));
  },
  (bytes, choices) => {
    const [from, to] = block(bytes, choices);
    return replaced(bytes, from, to, Buffer.alloc(0));
  },
  (bytes, choices) => {
    const [from, to] = block(bytes, choices);
    const where = at(bytes, choices);
    return replaced(bytes, where, where, bytes.subarray(from, to));
  },
  (bytes, choices) => {
    const [from, to] = block(bytes, choices);
    return overwrite(bytes, at(bytes, choices), Buffer.from(bytes.subarray(from, to)));
  },
  (bytes, choices) => {
    const [from, to] = block(bytes, choices);
    return Buffer.from(bytes.fill(choices.pick([0, 0xff, 0x20, choices.below(256)]), from, to));
  },
  (bytes, choices) => bytes.subarray(0, at(bytes, choices)),
  (bytes, choices) => bytes.subarray(at(bytes, choices)),
  (bytes, choices) => Buffer.concat([bytes, Buffer.alloc(choices.small(512), choices.below(256))]),
  (bytes, choices, { other }) => {
    const second = Buffer.from(other());
    return Buffer.concat([bytes.subarray(0, at(bytes, choices)), second.subarray(at(second, choices))]);
  },
  (bytes, choices, { other }) => {
    const second = Buffer.from(other());
    const [from, to] = block(second, choices);
    return overwrite(bytes, at(bytes, choices), second.subarray(from, to));
  },
  (bytes, choices, { dictionary }) => {
    if (dictionary.length === 0) return bytes;
    return overwrite(bytes, at(bytes, choices), choices.pick(dictionary));
  },
  (bytes, choices, { dictionary }) => {
    if (dictionary.length === 0) return bytes;
    const where = at(bytes, choices);
    return replaced(bytes, where, where, choices.pick(dictionary));
  },
];

/** One to eight mutations, few most often, of a copy. */
export function mutateBytes(input: Uint8Array, choices: Choices, others: Others): Uint8Array {
  let bytes: Buffer = Buffer.from(input);
  for (let left = choices.small(8); left > 0; left--) {
    bytes = choices.pick(MUTATIONS)(bytes, choices, others).subarray(0, MAX_INPUT_BYTES);
  }
  return bytes;
}
