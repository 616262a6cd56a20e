// Element-wise kernels on little-endian 64-bit ring words, and their packed form.
// Loops run two words at a time; the tail is scalar, so no buffer needs padding.

export function add(dst: usize, a: usize, b: usize, n: u32): void {
  const pairs: usize = (<usize>n >> 1) << 4;
  for (let i: usize = 0; i < pairs; i += 16) v128.store(dst + i, i64x2.add(v128.load(a + i), v128.load(b + i)));
  if (n & 1) store<u64>(dst + pairs, load<u64>(a + pairs) + load<u64>(b + pairs));
}

export function subtract(dst: usize, a: usize, b: usize, n: u32): void {
  const pairs: usize = (<usize>n >> 1) << 4;
  for (let i: usize = 0; i < pairs; i += 16) v128.store(dst + i, i64x2.sub(v128.load(a + i), v128.load(b + i)));
  if (n & 1) store<u64>(dst + pairs, load<u64>(a + pairs) - load<u64>(b + pairs));
}

export function addConstant(dst: usize, a: usize, low: u32, high: u32, n: u32): void {
  const constant = (<u64>high << 32) | <u64>low;
  for (let i: usize = 0, end: usize = <usize>n << 3; i < end; i += 8) store<u64>(dst + i, load<u64>(a + i) + constant);
}

// rows x channels words plus one bias word a channel
export function addBias(dst: usize, a: usize, bias: usize, rows: u32, channels: u32): void {
  const row: usize = <usize>channels << 3;
  for (let r: u32 = 0; r < rows; r++) {
    add(dst, a, bias, channels);
    dst += row;
    a += row;
  }
}

// bytes is a multiple of 16
export function xor(dst: usize, a: usize, b: usize, bytes: u32): void {
  for (let i: usize = 0; i < <usize>bytes; i += 16) v128.store(dst + i, v128.xor(v128.load(a + i), v128.load(b + i)));
}

// Two words of `width` bytes, back to back, from or to two whole words: the index vector of one swizzle.
// An index of 128 gives zero.
function swizzleIndices(width: u32, packing: bool): v128 {
  let low: u64 = 0, high: u64 = 0;
  for (let i: u32 = 0; i < 16; i++) {
    let index: u32;
    if (packing) index = i < width ? i : i < 2 * width ? 8 + i - width : 128;
    else index = (i & 7) < width ? (i >> 3) * width + (i & 7) : 128;
    if (i < 8) low |= <u64>index << <u64>(8 * i);
    else high |= <u64>index << <u64>(8 * (i - 8));
  }
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

// The low `width` bytes of each word, one after the other.
export function pack(dst: usize, src: usize, n: u32, width: u32): void {
  if (width == 8) {
    memory.copy(dst, src, <usize>n << 3);
    return;
  }
  // A store of 16 bytes spills into the places of later elements, which are written later: only the last words,
  // whose spill would leave the buffer, go byte by byte.
  const spill: u32 = (16 + width - 1) / width;
  const indices = swizzleIndices(width, true);
  let i: u32 = 0;
  for (; i + spill <= n; i += 2, dst += 2 * width, src += 16) v128.store(dst, i8x16.swizzle(v128.load(src), indices));
  for (; i < n; i++, src += 8) {
    let word = load<u64>(src);
    for (let b: u32 = 0; b < width; b++, dst++, word >>= 8) store<u8>(dst, <u8>word);
  }
}

// The inverse of pack: words are zero-extended.
export function unpack(dst: usize, src: usize, n: u32, width: u32): void {
  if (width == 8) {
    memory.copy(dst, src, <usize>n << 3);
    return;
  }
  const spill: u32 = (16 + width - 1) / width;
  const indices = swizzleIndices(width, false);
  let i: u32 = 0;
  for (; i + spill <= n; i += 2, dst += 16, src += 2 * width) v128.store(dst, i8x16.swizzle(v128.load(src), indices));
  for (; i < n; i++, dst += 8) {
    let word: u64 = 0;
    for (let b: u32 = 0; b < width; b++, src++) word |= <u64>load<u8>(src) << (<u64>b << 3);
    store<u64>(dst, word);
  }
}

// dst[b, i] = src[b, indices[i]], or 0 where the index is -1; the indices come from public geometry.
export function gather(dst: usize, src: usize, indices: usize, n: u32, batch: u32, srcStride: u32): void {
  for (let b: u32 = 0; b < batch; b++, src += <usize>srcStride << 3) {
    for (let i: u32 = 0; i < n; i++, dst += 8) {
      const index = load<i32>(indices + (<usize>i << 2));
      store<u64>(dst, index < 0 ? 0 : load<u64>(src + (<usize>index << 3)));
    }
  }
}
