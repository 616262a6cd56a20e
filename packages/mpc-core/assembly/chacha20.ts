// ChaCha20 (RFC 8439, section 2.3): key stream, four blocks at a time, one block a lane.

import { scratch } from './scratch';

// @ts-ignore: decorator
@inline
export function rotate16(x: v128): v128 {
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

// @ts-ignore: decorator
@inline
export function rotate8(x: v128): v128 {
  return i8x16.shuffle(x, x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
}

// @ts-ignore: decorator
@inline
export function rotate(x: v128, n: i32): v128 {
  return v128.or(i32x4.shl(x, n), i32x4.shr_u(x, 32 - n));
}

// Four rows of four lanes in, the same words block by block out: 4x4 transposition of 32-bit lanes.
// @ts-ignore: decorator
@inline
function storeTransposed(dst: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab0 = i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const ab1 = i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const cd0 = i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const cd1 = i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  v128.store(dst, i8x16.shuffle(ab0, cd0, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
  v128.store(dst + 64, i8x16.shuffle(ab0, cd0, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
  v128.store(dst + 128, i8x16.shuffle(ab1, cd1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
  v128.store(dst + 192, i8x16.shuffle(ab1, cd1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
}

function fourBlocks(dst: usize, key: usize, n0: u32, n1: u32, n2: u32, counter: u32): void {
  const c0 = i32x4.splat(0x61707865);
  const c1 = i32x4.splat(0x3320646e);
  const c2 = i32x4.splat(0x79622d32);
  const c3 = i32x4.splat(0x6b206574);
  const i12 = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
  let x0 = c0, x1 = c1, x2 = c2, x3 = c3;
  let x4 = v128.load32_splat(key), x5 = v128.load32_splat(key, 4);
  let x6 = v128.load32_splat(key, 8), x7 = v128.load32_splat(key, 12);
  let x8 = v128.load32_splat(key, 16), x9 = v128.load32_splat(key, 20);
  let x10 = v128.load32_splat(key, 24), x11 = v128.load32_splat(key, 28);
  let x12 = i12, x13 = i32x4.splat(n0), x14 = i32x4.splat(n1), x15 = i32x4.splat(n2);

  for (let round = 0; round < 10; round++) {
    x0 = i32x4.add(x0, x4); x12 = rotate16(v128.xor(x12, x0));
    x1 = i32x4.add(x1, x5); x13 = rotate16(v128.xor(x13, x1));
    x2 = i32x4.add(x2, x6); x14 = rotate16(v128.xor(x14, x2));
    x3 = i32x4.add(x3, x7); x15 = rotate16(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12); x4 = rotate(v128.xor(x4, x8), 12);
    x9 = i32x4.add(x9, x13); x5 = rotate(v128.xor(x5, x9), 12);
    x10 = i32x4.add(x10, x14); x6 = rotate(v128.xor(x6, x10), 12);
    x11 = i32x4.add(x11, x15); x7 = rotate(v128.xor(x7, x11), 12);
    x0 = i32x4.add(x0, x4); x12 = rotate8(v128.xor(x12, x0));
    x1 = i32x4.add(x1, x5); x13 = rotate8(v128.xor(x13, x1));
    x2 = i32x4.add(x2, x6); x14 = rotate8(v128.xor(x14, x2));
    x3 = i32x4.add(x3, x7); x15 = rotate8(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12); x4 = rotate(v128.xor(x4, x8), 7);
    x9 = i32x4.add(x9, x13); x5 = rotate(v128.xor(x5, x9), 7);
    x10 = i32x4.add(x10, x14); x6 = rotate(v128.xor(x6, x10), 7);
    x11 = i32x4.add(x11, x15); x7 = rotate(v128.xor(x7, x11), 7);

    x0 = i32x4.add(x0, x5); x15 = rotate16(v128.xor(x15, x0));
    x1 = i32x4.add(x1, x6); x12 = rotate16(v128.xor(x12, x1));
    x2 = i32x4.add(x2, x7); x13 = rotate16(v128.xor(x13, x2));
    x3 = i32x4.add(x3, x4); x14 = rotate16(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15); x5 = rotate(v128.xor(x5, x10), 12);
    x11 = i32x4.add(x11, x12); x6 = rotate(v128.xor(x6, x11), 12);
    x8 = i32x4.add(x8, x13); x7 = rotate(v128.xor(x7, x8), 12);
    x9 = i32x4.add(x9, x14); x4 = rotate(v128.xor(x4, x9), 12);
    x0 = i32x4.add(x0, x5); x15 = rotate8(v128.xor(x15, x0));
    x1 = i32x4.add(x1, x6); x12 = rotate8(v128.xor(x12, x1));
    x2 = i32x4.add(x2, x7); x13 = rotate8(v128.xor(x13, x2));
    x3 = i32x4.add(x3, x4); x14 = rotate8(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15); x5 = rotate(v128.xor(x5, x10), 7);
    x11 = i32x4.add(x11, x12); x6 = rotate(v128.xor(x6, x11), 7);
    x8 = i32x4.add(x8, x13); x7 = rotate(v128.xor(x7, x8), 7);
    x9 = i32x4.add(x9, x14); x4 = rotate(v128.xor(x4, x9), 7);
  }

  storeTransposed(dst, i32x4.add(x0, c0), i32x4.add(x1, c1), i32x4.add(x2, c2), i32x4.add(x3, c3));
  storeTransposed(
    dst + 16,
    i32x4.add(x4, v128.load32_splat(key)), i32x4.add(x5, v128.load32_splat(key, 4)),
    i32x4.add(x6, v128.load32_splat(key, 8)), i32x4.add(x7, v128.load32_splat(key, 12)),
  );
  storeTransposed(
    dst + 32,
    i32x4.add(x8, v128.load32_splat(key, 16)), i32x4.add(x9, v128.load32_splat(key, 20)),
    i32x4.add(x10, v128.load32_splat(key, 24)), i32x4.add(x11, v128.load32_splat(key, 28)),
  );
  storeTransposed(
    dst + 48,
    i32x4.add(x12, i12), i32x4.add(x13, i32x4.splat(n0)), i32x4.add(x14, i32x4.splat(n1)), i32x4.add(x15, i32x4.splat(n2)),
  );
}

export function chacha20(dst: usize, key: usize, n0: u32, n1: u32, n2: u32, counter: u32, bytes: u32): void {
  while (bytes >= 256) {
    fourBlocks(dst, key, n0, n1, n2, counter);
    dst += 256;
    counter += 4;
    bytes -= 256;
  }
  if (bytes) {
    const tail = scratch;
    fourBlocks(tail, key, n0, n1, n2, counter);
    memory.copy(dst, tail, bytes);
    memory.fill(tail, 0, 256);
  }
}
