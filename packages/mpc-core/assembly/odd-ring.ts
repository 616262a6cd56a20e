// Share convert and most significant bit between Z_{2^bits} and the odd ring Z_{2^bits - 1}; bits is at most 49.
// See src/protocols/securenn/evaluator.ts. Branch-free in every secret. A plane holds value i in bit i mod 64 of word i / 64.

// @ts-ignore: decorator
@inline
function bitAt(plane: usize, i: u32): u64 {
  return (load<u64>(plane + (<usize>(i >> 6) << 3)) >> <u64>(i & 63)) & 1;
}

// v modulo 2^bits - 1, for -(2^bits - 1) <= v < 2^bits - 1 + (2^bits - 1).
// @ts-ignore: decorator
@inline
function fold(v: i64, modulus: i64): u64 {
  const positive = v + (modulus & (v >> 63));
  const less = positive - modulus;
  return <u64>(less + (modulus & (less >> 63)));
}

// Uniform residues modulo 2^bits - 1 from packed stream words, by rejection; dst must not overlap src.
export function sampleOdd(dst: usize, src: usize, count: u32, need: u32, bits: u32): u32 {
  const width = (bits + 7) >> 3;
  const modulus = (<u64>1 << <u64>bits) - 1;
  let found: u32 = 0;
  for (let i: u32 = 0; i < count && found < need; i++) {
    let value: u64 = 0;
    for (let b: u32 = 0; b < width; b++, src++) value |= <u64>load<u8>(src) << <u64>(b << 3);
    value &= modulus;
    store<u64>(dst + (<usize>found << 3), value);
    found += <u32>(value != modulus);
  }
  return found;
}

// Masks a = 2 v mod 2^bits with the own summand of r = left + right, and begins y = a - carries modulo 2^bits - 1.
export function maskConvert(
  masked: usize, y: usize, r: usize, v: usize, left: usize, right: usize, n: u32, bits: u32, isLeft: u32,
): void {
  const mask = (<u64>1 << <u64>bits) - 1;
  const constant: u64 = 0 - <u64>isLeft;
  const own = isLeft ? left : right;
  for (let i: usize = 0, end: usize = <usize>n << 3; i < end; i += 8) {
    const a = (load<u64>(v + i) << 1) & mask;
    const sum = a + (load<u64>(own + i) & mask);
    const total = (load<u64>(left + i) & mask) + (load<u64>(right + i) & mask);
    store<u64>(masked + i, sum & mask);
    store<u64>(r + i, total & mask);
    const value = <i64>a - <i64>(sum >> <u64>bits) + <i64>((total >> <u64>bits) & constant);
    store<u64>(y + i, fold(value, <i64>mask));
  }
}

// What r is compared as: r, or r + step (1 or -1) where the flip bit is set; forced: flipped by -1 and r = 0.
export function compareTargets(
  targets: usize, forced: usize, r: usize, flip: usize, n: u32, bits: u32, step: i32, words: u32,
): void {
  const mask = (<u64>1 << <u64>bits) - 1;
  const down: u64 = step < 0 ? 1 : 0;
  memory.fill(forced, 0, <usize>words << 3);
  for (let i: u32 = 0; i < n; i++) {
    const at = <usize>i << 3;
    const value = load<u64>(r + at);
    const flipped = bitAt(flip, i);
    store<u64>(targets + at, (value + (<u64>(<i64>step) & (0 - flipped))) & mask);
    const word = forced + (<usize>(i >> 6) << 3);
    const isZero = <u64>(value == 0);
    store<u64>(word, load<u64>(word) | ((flipped & down & isZero) << <u64>(i & 63)));
  }
}

// 2 (y - delta + eta) + x modulo 2^bits - 1, with eta the share of the bit that a share of its flip is given of.
export function finishConvert(
  dst: usize, y: usize, delta: usize, eta: usize, x: usize, flip: usize, n: u32, bits: u32, isLeft: u32,
): void {
  const modulus = <i64>((<u64>1 << <u64>bits) - 1);
  for (let i: u32 = 0; i < n; i++) {
    const at = <usize>i << 3;
    const flipped = 0 - <i64>bitAt(flip, i);
    const given = load<i64>(eta + at);
    const own = given + (flipped & (<i64>isLeft - 2 * given));
    const value = <i64>fold(<i64>fold(load<i64>(y + at) - load<i64>(delta + at), modulus) + own, modulus);
    store<u64>(dst + at, fold(<i64>fold(2 * value, modulus) + load<i64>(x + at), modulus));
  }
}

// a + b modulo 2^bits - 1.
export function addOdd(dst: usize, a: usize, b: usize, n: u32, bits: u32): void {
  const modulus = <i64>((<u64>1 << <u64>bits) - 1);
  for (let i: usize = 0, end: usize = <usize>n << 3; i < end; i += 8) {
    store<u64>(dst + i, fold(load<i64>(a + i) + load<i64>(b + i), modulus));
  }
}

// a + b modulo 2^bits, and the plane of what was carried out.
export function sumCarry(sum: usize, carry: usize, a: usize, b: usize, n: u32, bits: u32, words: u32): void {
  const mask = (<u64>1 << <u64>bits) - 1;
  memory.fill(carry, 0, <usize>words << 3);
  for (let i: u32 = 0; i < n; i++) {
    const at = <usize>i << 3;
    const value = load<u64>(a + at) + load<u64>(b + at);
    store<u64>(sum + at, value & mask);
    const word = carry + (<usize>(i >> 6) << 3);
    store<u64>(word, load<u64>(word) | ((value >> <u64>bits) << <u64>(i & 63)));
  }
}

// The other share of bits whose share `left` is given: bit - left modulo 2^bits - 1.
export function shareOdd(dst: usize, left: usize, plane: usize, n: u32, bits: u32): void {
  const modulus = <i64>((<u64>1 << <u64>bits) - 1);
  for (let i: u32 = 0; i < n; i++) {
    const at = <usize>i << 3;
    store<u64>(dst + at, fold(<i64>bitAt(plane, i) - load<i64>(left + at), modulus));
  }
}
