// Digest of a message: the definition, and what it is good for, are in kernels/typescript/digest.ts.

const P0: u64 = 0x9e3779b97f4a7c15;
const P1: u64 = 0xbf58476d1ce4e5b9;
const P2: u64 = 0x94d049bb133111eb;
const P3: u64 = 0xd6e8feb86659fd93;

// @ts-ignore: decorator
@inline
function mix(lane: u64, word: u64, multiplier: u64): u64 {
  const product = (lane ^ word) * multiplier;
  return product ^ (product >> 32);
}

export function addDigest(dst: usize, src: usize, bytes: u32, seedLow: u32, seedHigh: u32): void {
  const seed = (<u64>seedHigh << 32) | <u64>seedLow;
  let a = seed ^ P0, b = seed ^ P1, c = seed ^ P2, d = seed ^ P3;
  const end = src + <usize>bytes;
  for (; src + 32 <= end; src += 32) {
    a = mix(a, load<u64>(src), P0);
    b = mix(b, load<u64>(src, 8), P1);
    c = mix(c, load<u64>(src, 16), P2);
    d = mix(d, load<u64>(src, 24), P3);
  }
  for (; src + 8 <= end; src += 8) a = mix(a, load<u64>(src), P1);
  let last: u64 = 0;
  for (let shift: u64 = 0; src < end; src++, shift += 8) last |= <u64>load<u8>(src) << shift;
  a = mix(a, last, P2);
  store<u64>(dst, load<u64>(dst) + mix(mix(mix(mix(a, b, P3), c, P0), d, P1), <u64>bytes, P2));
}
