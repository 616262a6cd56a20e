// Private compare over Z_67, sixteen values at a time. See src/protocols/securenn/comparison.ts for the algorithm.
// Digits lie row by row: row i holds bit i of every value, one byte a value, `lanes` bytes (a multiple of 16) a row.
// Sampling branches on fresh randomness, never on a share; everything else is independent of the data.

const P: i8 = 67;

// @ts-ignore: decorator
@inline
function reduce(v: v128): v128 {
  return i8x16.min_u(v, i8x16.sub(v, i8x16.splat(P)));
}

// @ts-ignore: decorator
@inline
function negate(v: v128): v128 {
  return reduce(i8x16.sub(i8x16.splat(P), v));
}

// Products of digits: round(t * 489 / 2^15) is t / 67 to the nearest for every t up to 66 * 66.
// @ts-ignore: decorator
@inline
function remainder(t: v128): v128 {
  const r = i16x8.sub(t, i16x8.mul(i16x8.q15mulr_sat_s(t, i16x8.splat(489)), i16x8.splat(<i16>P)));
  return i16x8.add(r, v128.and(i16x8.shr_s(r, 15), i16x8.splat(<i16>P)));
}

// @ts-ignore: decorator
@inline
function multiply(a: v128, b: v128): v128 {
  return i8x16.narrow_i16x8_u(remainder(i16x8.extmul_low_i8x16_u(a, b)), remainder(i16x8.extmul_high_i8x16_u(a, b)));
}

// Sixteen bits to sixteen bytes, each all-ones or zero.
// @ts-ignore: decorator
@inline
function widen(at: usize): v128 {
  const bits = i8x16.swizzle(i16x8.splat(load<i16>(at)), i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  const places = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  return i8x16.eq(v128.and(bits, places), places);
}

// Uniform digits least .. 66 from stream bytes, by rejection; dst may be src. Returns how many there are, at most need.
export function sampleDigits(dst: usize, src: usize, bytes: u32, need: u32, least: u32): u32 {
  const modulus: u32 = <u32>P - least;
  const bound: u32 = 3 * modulus;
  const end = src + <usize>bytes;
  let count: u32 = 0;
  for (; src < end && count < need; src++) {
    const value = <u32>load<u8>(src);
    const digit = value - (value >= modulus ? modulus : 0) - (value >= 2 * modulus ? modulus : 0) + least;
    store<u8>(dst + <usize>count, <u8>digit);
    count += <u32>(value < bound);
  }
  return count;
}

// Partners of a Fisher-Yates shuffle of the rows of every lane: for i = rows - 1 .. 1 and every lane a uniform 0 .. i.
export function sampleSwaps(dst: usize, src: usize, bytes: u32, rows: u32, lanes: u32): u32 {
  const end = src + <usize>bytes;
  let count: u32 = 0;
  for (let row = rows - 1; row > 0; row--) {
    const choices: u32 = row + 1;
    const bound: u32 = (<u32>256 / choices) * choices;
    for (let lane: u32 = 0; lane < lanes && src < end; src++) {
      const value = <u32>load<u8>(src);
      store<u8>(dst + <usize>count, <u8>(value % choices));
      const accepted = <u32>(value < bound);
      count += accepted;
      lane += accepted;
    }
  }
  return count;
}

// The other share of bits whose share `left` is given: bit - left.
export function shareDigits(dst: usize, left: usize, planes: usize, rows: u32, lanes: u32, words: u32): void {
  const one = i8x16.splat(1);
  for (let row: u32 = 0; row < rows; row++, planes += <usize>words << 3) {
    for (let lane: usize = 0; lane < <usize>lanes; lane += 16, dst += 16, left += 16) {
      v128.store(dst, reduce(i8x16.add(v128.and(widen(planes + (lane >> 3)), one), negate(v128.load(left)))));
    }
  }
}

// A share of multiplier * (1 + sum over the higher rows of (x xor t) + or - (x xor t)) + or - blind; see compare.ts.
export function compareDigits(
  dst: usize, digits: usize, targets: usize, mode: usize, forced: usize, multipliers: usize, blinds: usize,
  rows: u32, lanes: u32, words: u32, one: u32,
): void {
  const constant = i8x16.splat(<i8>one);
  const plane: usize = <usize>words << 3;
  const row: usize = <usize>lanes;
  for (let lane: usize = 0; lane < row; lane += 16) {
    const reverse = widen(mode + (lane >> 3));
    const force = widen(forced + (lane >> 3));
    let sum = constant;
    for (let i = <i32>rows - 1; i >= 0; i--) {
      const at = <usize>i * row + lane;
      const target = widen(targets + <usize>i * plane + (lane >> 3));
      const x = v128.load(digits + at);
      const differs = v128.bitselect(reduce(i8x16.add(negate(x), constant)), x, target);
      const signed = v128.bitselect(differs, negate(differs), v128.xor(target, reverse));
      const c = reduce(i8x16.add(sum, signed));
      const certain = i == 0 ? i8x16.splat(0) : constant;
      sum = reduce(i8x16.add(sum, differs));
      const blind = v128.load(blinds + at);
      const masked = multiply(v128.bitselect(certain, c, force), v128.load(multipliers + at));
      v128.store(dst + at, reduce(i8x16.add(masked, one ? blind : negate(blind))));
    }
  }
}

// Shuffles the rows of every lane, with the partners of sampleSwaps.
export function permuteDigits(data: usize, swaps: usize, rows: u32, lanes: u32): void {
  for (let row: usize = <usize>rows - 1; row > 0; row--) {
    let at = data + row * <usize>lanes;
    for (let lane: usize = 0; lane < <usize>lanes; lane++, swaps++, at++) {
      const other = data + <usize>load<u8>(swaps) * <usize>lanes + lane;
      const value = load<u8>(at);
      store<u8>(at, load<u8>(other));
      store<u8>(other, value);
    }
  }
}

// Plane of the values with a + b = 0 in some row.
export function zeroDigits(dst: usize, a: usize, b: usize, rows: u32, lanes: u32, words: u32): void {
  memory.fill(dst, 0, <usize>words << 3);
  const row: usize = <usize>lanes;
  const zero = i8x16.splat(0);
  for (let lane: usize = 0; lane < row; lane += 16) {
    let found = zero;
    for (let i: usize = 0; i < <usize>rows; i++) {
      const at = i * row + lane;
      found = v128.or(found, i8x16.eq(reduce(i8x16.add(v128.load(a + at), v128.load(b + at))), zero));
    }
    store<u16>(dst + (lane >> 3), <u16>i8x16.bitmask(found));
  }
}
