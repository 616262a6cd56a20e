/**
 * The kernels: all arithmetic on shares, over one linear memory.
 *
 * A kernel works on byte offsets (`Pointer`) into that memory, allocates nothing, keeps no state, samples nothing and
 * never branches or indexes on a secret. There are two implementations, WASM (AssemblyScript, SIMD) and plain TypeScript;
 * tests hold them equal bit for bit. "Words" are 64-bit ring elements, little-endian; a "plane" holds one bit of
 * every value: value i is bit i mod 64 of word i / 64, `planeWords(n)` words in all.
 */
import type { Conv2DGeometry, PoolGeometry } from '../graph/plan.js';

/** Byte offset into the kernels' memory, a multiple of 16 unless a kernel says otherwise. */
export type Pointer = number;

/** Memory that grows and never moves within itself; views are taken anew after growth. */
export interface LinearMemory {
  /** First byte the host may use. */
  readonly base: Pointer;
  readonly byteLength: number;
  /** The current bytes. Do not keep across an allocation: growth detaches the view. */
  readonly bytes: Uint8Array;
  /** Makes `byteLength` at least `bytes`. */
  ensure(bytes: number): void;
}

export interface Kernels {
  readonly kind: 'wasm' | 'typescript';
  readonly memory: LinearMemory;

  /** dst = a + b, n words. dst may be a or b. */
  add(dst: Pointer, a: Pointer, b: Pointer, n: number): void;
  /** dst = a - b, n words. dst may be a or b. */
  subtract(dst: Pointer, a: Pointer, b: Pointer, n: number): void;
  /** dst = a + (high * 2^32 + low), n words. */
  addConstant(dst: Pointer, a: Pointer, low: number, high: number, n: number): void;
  /** dst[r, c] = a[r, c] + bias[c]. */
  addBias(dst: Pointer, a: Pointer, bias: Pointer, rows: number, channels: number): void;
  /** dst = a xor b; `bytes` is a multiple of 16. */
  xor(dst: Pointer, a: Pointer, b: Pointer, bytes: number): void;
  /** The low `width` (1 to 8) bytes of n words, back to back. */
  pack(dst: Pointer, src: Pointer, n: number, width: number): void;
  /** Inverse of pack, zero-extending. */
  unpack(dst: Pointer, src: Pointer, n: number, width: number): void;
  /** dst[b, i] = src[b, indices[i]] (int32 indices; -1 gives 0), n words a sample, srcStride words a source sample. */
  gather(dst: Pointer, src: Pointer, indices: Pointer, n: number, batch: number, srcStride: number): void;

  /**
   * Rows of `size` words shifted left by `shift` (0 to 63), each followed by its check word (ring/checks.ts): dst takes
   * rows * (size + 1) words and overlaps nothing.
   */
  appendChecks(dst: Pointer, src: Pointer, rows: number, size: number, shift: number): void;

  /**
   * Adds the digest of `bytes` bytes under a public seed to the word at dst. src may be any address. For faults only: see
   * typescript/digest.ts.
   */
  addDigest(dst: Pointer, src: Pointer, bytes: number, seedLow: number, seedHigh: number): void;

  /** ChaCha20 key stream (RFC 8439): 32-byte key at `key`, nonce (n0, n1, n2), blocks from `counter`. */
  chacha20(
    dst: Pointer,
    key: Pointer,
    n0: number,
    n1: number,
    n2: number,
    counter: number,
    bytes: number,
  ): void;

  /** dst = conv(x, w), or dst += when `accumulate`. Shapes: see Conv2DGeometry; x and dst are [batch, ...]. */
  conv2d(
    dst: Pointer,
    x: Pointer,
    w: Pointer,
    batch: number,
    geometry: Conv2DGeometry,
    accumulate: boolean,
  ): void;
  /** The same for each channel by itself: w is [kernelHeight, kernelWidth, channels], and inChannels = outChannels. */
  depthwiseConv2d(
    dst: Pointer,
    x: Pointer,
    w: Pointer,
    batch: number,
    geometry: Conv2DGeometry,
    accumulate: boolean,
  ): void;
  /** Bytes of a kernel prepared for conv2dNarrow. */
  narrowWeightBytes(geometry: Conv2DGeometry): number;
  /** Bytes of conv2dNarrow's scratch. */
  narrowScratchBytes(geometry: Conv2DGeometry, batch: number): number;
  /** Lays a kernel out for conv2dNarrow, once; the layout is the implementation's own. */
  prepareNarrow(dst: Pointer, w: Pointer, geometry: Conv2DGeometry): void;
  /** dst = conv(x, w) mod 2^42 (or dst += ...), zero-extended, for geometries that `fitsNarrow` accepts. */
  conv2dNarrow(
    dst: Pointer,
    x: Pointer,
    prepared: Pointer,
    scratch: Pointer,
    batch: number,
    geometry: Conv2DGeometry,
    accumulate: boolean,
  ): void;
  /** dst = window sum * round(2^f / cells in the window). */
  averagePool2d(
    dst: Pointer,
    x: Pointer,
    batch: number,
    geometry: PoolGeometry,
    fractionalBits: number,
  ): void;

  /** Planes of bits shift .. shift + bits - 1 of n words; bits of values past n are 0. */
  bitPlanes(dst: Pointer, src: Pointer, n: number, shift: number, bits: number, words: number): void;
  /** Plane S - 1 = AND of the planes in the bit set S, for S = 1 .. 2^m - 1; m at most 5. */
  subsetProducts(dst: Pointer, planes: Pointer, m: number, words: number): void;
  /** Shares of [c < r] and [c = r] over m bits from the m planes of c and shares of r's subset products. */
  compareBlock(
    less: Pointer,
    equal: Pointer,
    c: Pointer,
    products: Pointer,
    m: number,
    words: number,
    holdsConstants: boolean,
  ): void;
  /** Products of a group's mask planes (2 <= g <= 5, low 0 or 1) in the order that combineGroup reads. */
  groupProducts(dst: Pointer, masks: Pointer, g: number, low: number, words: number): void;
  /** Shares of a group's less and, when low = 0, equal, from its opened masked bits. */
  combineGroup(
    less: Pointer,
    equal: Pointer,
    opened: Pointer,
    masks: Pointer,
    products: Pointer,
    lessTop: Pointer,
    g: number,
    low: number,
    words: number,
    holdsConstants: boolean,
  ): void;

  /** Five columns of n words: sigma, R, sigma R, R's top bit, sigma times it; R = bits shift .. shift + k - 1 of r. */
  selectMaterial(dst: Pointer, r: Pointer, sigma: Pointer, n: number, shift: number, k: number): void;
  /** Share of s t from public c and opened = not (s xor sigma), and shares of selectMaterial's columns. */
  select(
    dst: Pointer,
    c: Pointer,
    opened: Pointer,
    material: Pointer,
    n: number,
    shift: number,
    k: number,
    holdsConstants: boolean,
  ): void;
  /**
   * Keys of n distributed comparisons with R = bits shift .. shift + k - 2 of r, `comparisonKeyBytes(k)` each, from the
   * 16-byte root seeds of the left and the right evaluator. Tweaks are (gate, tag | level, salt0, salt1), the gates numbered
   * from `firstGate`; tag's low 6 bits are 0. See protocols/fss/comparison.ts.
   */
  comparisonKeys(
    dst: Pointer,
    r: Pointer,
    leftSeeds: Pointer,
    rightSeeds: Pointer,
    n: number,
    firstGate: number,
    shift: number,
    k: number,
    tag: number,
    salt0: number,
    salt1: number,
  ): void;
  /**
   * The first level of n trees, which needs no C, in place: an evaluator's root seeds become child 0 of each root, the first three
   * corrections of each key children 1 to 3, and the first four bits of its last words their control bits.
   */
  expandRoots(
    keys: Pointer,
    seeds: Pointer,
    n: number,
    firstGate: number,
    k: number,
    tag: number,
    salt0: number,
    salt1: number,
    isLeft: boolean,
  ): void;
  /**
   * n words, 0 or 1: one evaluator's share of [C' < R'] xor bits, from public c and what `expandRoots` has left of its own root
   * seeds and keys; the left one adds C's top bit. C = bits shift .. shift + k - 1 of c, C' its k - 1 low bits; `bits` is a plane.
   */
  compareWithKeys(
    dst: Pointer,
    c: Pointer,
    keys: Pointer,
    seeds: Pointer,
    bits: Pointer,
    n: number,
    firstGate: number,
    shift: number,
    k: number,
    tag: number,
    salt0: number,
    salt1: number,
    isLeft: boolean,
  ): void;

  /** Two columns of n words: R and its top bit. */
  truncateMaterial(dst: Pointer, r: Pointer, n: number, shift: number, k: number): void;
  /** Share of t from public c (which carries an offset of 2^(shift + k - 2)) and shares of truncateMaterial's columns. */
  truncate(
    dst: Pointer,
    c: Pointer,
    material: Pointer,
    n: number,
    shift: number,
    k: number,
    holdsConstants: boolean,
  ): void;

  // Digits modulo 67 lie row by row, one row a bit, `lanes` bytes (a multiple of 16) a row, one byte a value; planes
  // beside them have `words` words. See protocols/securenn/comparison.ts.

  /**
   * Uniform digits from `least` (0 or 1) to 66, from `bytes` bytes of a stream, by rejection; dst may be src.
   * @returns how many there are: `need`, or fewer when the bytes did not suffice
   */
  sampleDigits(dst: Pointer, src: Pointer, bytes: number, need: number, least: number): number;
  /** As sampleDigits: the partners of a Fisher-Yates shuffle of each lane's rows, (rows - 1) * lanes of them. */
  sampleSwaps(dst: Pointer, src: Pointer, bytes: number, rows: number, lanes: number): number;
  /** dst = bits of the planes - left, modulo 67. */
  shareDigits(dst: Pointer, left: Pointer, planes: Pointer, rows: number, lanes: number, words: number): void;
  /**
   * This party's share of multiplier * c + blind, where c is 0 in exactly one row if x > t (mode bit 0) or t > x (mode bit
   * 1), or if forced, and in none else; x in shared digits, t in planes.
   */
  compareDigits(
    dst: Pointer,
    digits: Pointer,
    targets: Pointer,
    mode: Pointer,
    forced: Pointer,
    multipliers: Pointer,
    blinds: Pointer,
    rows: number,
    lanes: number,
    words: number,
    holdsConstants: boolean,
  ): void;
  /** Shuffles each lane's rows with the partners of sampleSwaps. */
  permuteDigits(data: Pointer, swaps: Pointer, rows: number, lanes: number): void;
  /** Plane of the lanes in which a + b is 0 modulo 67 in some row. */
  zeroDigits(dst: Pointer, a: Pointer, b: Pointer, rows: number, lanes: number, words: number): void;

  // Words modulo 2^bits and modulo the odd number 2^bits - 1; bits is 17 to 49.

  /** Uniform residues modulo 2^bits - 1 from `count` packed stream words, by rejection. @returns how many, at most need */
  sampleOdd(dst: Pointer, src: Pointer, count: number, need: number, bits: number): number;
  /** a = 2 v; masked = a + own summand of r = left + right; y = a - its carry (+ the left party: r's carry), odd ring. */
  maskConvert(
    masked: Pointer,
    y: Pointer,
    r: Pointer,
    v: Pointer,
    left: Pointer,
    right: Pointer,
    n: number,
    bits: number,
    isLeft: boolean,
  ): void;
  /** targets = r + step * flip modulo 2^bits; forced = plane of the values where that went below 0. */
  compareTargets(
    targets: Pointer,
    forced: Pointer,
    r: Pointer,
    flip: Pointer,
    n: number,
    bits: number,
    step: number,
    words: number,
  ): void;
  /** dst = 2 (y - delta + (eta xor flip)) + x in the odd ring, on shares. */
  finishConvert(
    dst: Pointer,
    y: Pointer,
    delta: Pointer,
    eta: Pointer,
    x: Pointer,
    flip: Pointer,
    n: number,
    bits: number,
    isLeft: boolean,
  ): void;
  /** dst = a + b in the odd ring. */
  addOdd(dst: Pointer, a: Pointer, b: Pointer, n: number, bits: number): void;
  /** sum = a + b modulo 2^bits, carry = the plane of what was carried out. */
  sumCarry(
    sum: Pointer,
    carry: Pointer,
    a: Pointer,
    b: Pointer,
    n: number,
    bits: number,
    words: number,
  ): void;
  /** dst = bit of the plane - left, in the odd ring. */
  shareOdd(dst: Pointer, left: Pointer, plane: Pointer, n: number, bits: number): void;
}

/** conv2dNarrow computes modulo 2^42. */
export const NARROW_BITS = 42;

/** Whether conv2dNarrow takes this geometry: kernel rows must be contiguous runs of the image. */
export function fitsNarrow(g: Conv2DGeometry): boolean {
  return (
    g.dilationWidth === 1 && g.padLeft === 0 && (g.outWidth - 1) * g.strideWidth + g.kernelWidth <= g.inWidth
  );
}

/** Bits of a comparison that one leaf of its tree decides. */
export const COMPARISON_LEAF_BITS = 7;

/** Levels of the tree of a comparison of k - 1 bits; each decides two of them, and the leaf the last seven. */
export function comparisonLevels(k: number): number {
  return Math.ceil((k - 1 - COMPARISON_LEAF_BITS) / 2);
}

/**
 * Bytes of one key of `Kernels.comparisonKeys`: three corrections of 16 bytes a level, the leaf's 16, and four bits a level in
 * words of 32.
 */
export function comparisonKeyBytes(k: number): number {
  const levels = comparisonLevels(k);
  return 48 * levels + 16 + 4 * Math.ceil(levels / 8);
}

/** Bytes of a row of digits of n values: whole 128-bit lanes. */
export function digitLanes(n: number): number {
  return Math.ceil(n / 16) * 16;
}

/** Words of a plane of n values: whole 128-bit lanes, so that SIMD needs no tail. */
export function planeWords(n: number): number {
  return Math.ceil(n / 128) * 2;
}
