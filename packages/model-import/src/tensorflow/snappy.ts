/**
 * Decompresses Snappy blocks (google/snappy, format_description.txt): the length, then literals and copies of what came
 * before. Strict: every copy lies within what is there, and the length is met exactly.
 */

/** A byte of compressed data stands for at most so many: a copy of 64 bytes takes three. */
const MAX_RATIO = 64;

/** @throws what `fail` makes of a problem */
export function decompressSnappy(data: Uint8Array, fail: (problem: string) => Error): Uint8Array {
  let at = 0;
  const take = (): number => {
    const byte = data[at++];
    if (byte === undefined) throw fail('compressed data is cut short');
    return byte;
  };
  const number = (bytes: number): number => {
    let value = 0;
    for (let index = 0; index < bytes; index++) value += take() * 2 ** (8 * index);
    return value;
  };

  let length = 0;
  for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
    if (shift > 28) throw fail('the length of compressed data has no end');
    byte = take();
    length += (byte & 0x7f) * 2 ** shift;
  }
  if (length > data.length * MAX_RATIO) throw fail('compressed data claims to be larger than it can be');

  const output = new Uint8Array(length);
  let filled = 0;
  while (at < data.length) {
    const tag = take();
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const size = 1 + (short < 60 ? short : number(short - 59));
      if (at + size > data.length || filled + size > length) throw fail('compressed data is malformed');
      output.set(data.subarray(at, at + size), filled);
      at += size;
      filled += size;
      continue;
    }
    const size = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const back = kind === 1 ? (tag >> 5) * 256 + take() : number(kind === 2 ? 2 : 4);
    if (back === 0 || back > filled || filled + size > length) throw fail('compressed data is malformed');
    // What is copied may overlap with where it goes.
    for (let index = 0; index < size; index++, filled++) output[filled] = output[filled - back]!;
  }
  if (filled !== length) throw fail('compressed data is cut short');
  return output;
}
