// Convolution modulo 2^42 on 16-bit multipliers: where a result counts modulo 2^42 or less, three balanced digits of
// 14 bits stand for a word, x = x0 + 2^14 x1 + 2^28 x2 (mod 2^42), |digit| <= 2^13, and one SIMD instruction
// (i32x4.dot_i16x8_s) makes eight digit products and adds them in pairs. Six digit products a multiplication:
//   level 0: x0 w0, exact: at most 15 pair sums of 2^27 each fit 31 bits, then they are added up in 64 bits;
//   level 1: x0 w1 + x1 w0, which counts modulo 2^28, and level 2: x0 w2 + x1 w1 + x2 w0, modulo 2^14: both wrap harmlessly.
// Against i64x2.mul (about nine instructions for two products without AVX-512) this halves the work.
//
// A kernel row is a contiguous run of kernelWidth * inChannels inputs, taken in pairs; an odd run is padded with a
// zero weight. So there must be no clipping at the sides and no horizontal dilation.

const DIGITS: u32 = 3;
const FLUSH: u32 = 15;
const MASK: u64 = (<u64>1 << 42) - 1;

// @ts-ignore: decorator
@inline
function low14(v: i64): i64 {
  return (v << 50) >> 50;
}

// @ts-ignore: decorator
@inline
function storeDigits(at: usize, stride: usize, value: i64): void {
  const d0 = low14(value);
  const r1 = (value - d0) >> 14;
  const d1 = low14(r1);
  store<i16>(at, <i16>d0);
  store<i16>(at + stride, <i16>d1);
  store<i16>(at + 2 * stride, <i16>low14((r1 - d1) >> 14));
}

// dst: for each quad of output channels, kernel row and pair of inputs: three vectors of 4 channels x 2 inputs.
export function prepareNarrow(dst: usize, w: usize, run: u32, rows: u32, outChannels: u32): void {
  const pairs = (run + 1) >> 1;
  const quads = (outChannels + 3) >> 2;
  memory.fill(dst, 0, <usize>(quads * rows * pairs * DIGITS) << 4);
  for (let row: u32 = 0; row < rows; row++) {
    for (let i: u32 = 0; i < run; i++) {
      for (let o: u32 = 0; o < outChannels; o++, w += 8) {
        const vector = ((o >> 2) * rows + row) * pairs + (i >> 1);
        const lane = ((o & 3) << 1) | (i & 1);
        storeDigits(dst + (<usize>(vector * DIGITS) << 4) + (<usize>lane << 1), 16, load<i64>(w));
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function finish(dst: usize, low0: v128, high0: v128, a1: v128, a2: v128, count: u32, accumulate: bool): void {
  const first = i64x2.add(
    low0,
    i64x2.add(i64x2.shl(i64x2.extend_low_i32x4_s(a1), 14), i64x2.shl(i64x2.extend_low_i32x4_s(a2), 28)),
  );
  const second = i64x2.add(
    high0,
    i64x2.add(i64x2.shl(i64x2.extend_high_i32x4_s(a1), 14), i64x2.shl(i64x2.extend_high_i32x4_s(a2), 28)),
  );
  storeWord(dst, i64x2.extract_lane(first, 0), accumulate);
  if (count > 1) storeWord(dst + 8, i64x2.extract_lane(first, 1), accumulate);
  if (count > 2) storeWord(dst + 16, i64x2.extract_lane(second, 0), accumulate);
  if (count > 3) storeWord(dst + 24, i64x2.extract_lane(second, 1), accumulate);
}

// @ts-ignore: decorator
@inline
function storeWord(dst: usize, value: u64, accumulate: bool): void {
  store<u64>(dst, (accumulate ? value + load<u64>(dst) : value) & MASK);
}

// scratch: DIGITS planes of the batch's inputs as i16, each followed by one spare pair.
export function conv2dNarrow(
  dst: usize, x: usize, prepared: usize, scratch: usize, batch: u32,
  inHeight: i32, inWidth: u32, inChannels: u32, outHeight: i32, outWidth: u32, outChannels: u32,
  kernelHeight: i32, kernelWidth: u32, strideHeight: i32, strideWidth: u32, dilationHeight: i32, padTop: i32,
  accumulate: bool,
): void {
  const inputs = batch * <u32>inHeight * inWidth * inChannels;
  const plane: usize = (<usize>inputs + 2) << 1;
  for (let i: u32 = 0; i < inputs; i++) storeDigits(scratch + (<usize>i << 1), plane, load<i64>(x + (<usize>i << 3)));
  for (let d: usize = 1; d <= DIGITS; d++) store<u32>(scratch + d * plane - 4, 0);

  const run = kernelWidth * inChannels;
  const pairs = (run + 1) >> 1;
  const rowBytes: usize = <usize>(inWidth * inChannels) << 1;
  const weightRow: usize = <usize>(pairs * DIGITS) << 4;
  const weightQuad: usize = <usize>kernelHeight * weightRow;
  const zero = i64x2.splat(0);

  for (let b: u32 = 0; b < batch; b++) {
    const image = scratch + <usize>b * <usize>inHeight * rowBytes;
    for (let oy: i32 = 0; oy < outHeight; oy++) {
      for (let ox: u32 = 0; ox < outWidth; ox++) {
        const left: usize = <usize>(ox * strideWidth * inChannels) << 1;
        let weights = prepared;
        let o: u32 = 0;
        // Two quads share the loads of x.
        for (; o + 4 < outChannels; o += 8, weights += 2 * weightQuad) {
          let la = zero, ha = zero, lb = zero, hb = zero;
          let a1 = zero, a2 = zero, b1 = zero, b2 = zero;
          for (let ky: i32 = 0; ky < kernelHeight; ky++) {
            const iy = oy * strideHeight - padTop + ky * dilationHeight;
            if (<u32>iy >= <u32>inHeight) continue;
            let p = image + <usize>iy * rowBytes + left;
            let q = weights + <usize>ky * weightRow;
            for (let left0 = pairs; left0 != 0; ) {
              const steps = min(left0, FLUSH);
              left0 -= steps;
              let a0 = zero, b0 = zero;
              for (const end = p + (<usize>steps << 2); p < end; p += 4, q += 48) {
                const x0 = v128.load32_splat(p);
                const x1 = v128.load32_splat(p + plane);
                const x2 = v128.load32_splat(p + 2 * plane);
                const r = q + weightQuad;
                let w0 = v128.load(q), w1 = v128.load(q, 16), w2 = v128.load(q, 32);
                a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x0, w0));
                a1 = i32x4.add(a1, i32x4.add(i32x4.dot_i16x8_s(x0, w1), i32x4.dot_i16x8_s(x1, w0)));
                a2 = i32x4.add(
                  i32x4.add(a2, i32x4.dot_i16x8_s(x0, w2)),
                  i32x4.add(i32x4.dot_i16x8_s(x1, w1), i32x4.dot_i16x8_s(x2, w0)),
                );
                w0 = v128.load(r), w1 = v128.load(r, 16), w2 = v128.load(r, 32);
                b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x0, w0));
                b1 = i32x4.add(b1, i32x4.add(i32x4.dot_i16x8_s(x0, w1), i32x4.dot_i16x8_s(x1, w0)));
                b2 = i32x4.add(
                  i32x4.add(b2, i32x4.dot_i16x8_s(x0, w2)),
                  i32x4.add(i32x4.dot_i16x8_s(x1, w1), i32x4.dot_i16x8_s(x2, w0)),
                );
              }
              la = i64x2.add(la, i64x2.extend_low_i32x4_s(a0));
              ha = i64x2.add(ha, i64x2.extend_high_i32x4_s(a0));
              lb = i64x2.add(lb, i64x2.extend_low_i32x4_s(b0));
              hb = i64x2.add(hb, i64x2.extend_high_i32x4_s(b0));
            }
          }
          finish(dst + (<usize>o << 3), la, ha, a1, a2, 4, accumulate);
          finish(dst + (<usize>(o + 4) << 3), lb, hb, b1, b2, min(outChannels - o - 4, 4), accumulate);
        }
        if (o < outChannels) {
          let la = zero, ha = zero, a1 = zero, a2 = zero;
          for (let ky: i32 = 0; ky < kernelHeight; ky++) {
            const iy = oy * strideHeight - padTop + ky * dilationHeight;
            if (<u32>iy >= <u32>inHeight) continue;
            let p = image + <usize>iy * rowBytes + left;
            let q = weights + <usize>ky * weightRow;
            for (let left0 = pairs; left0 != 0; ) {
              const steps = min(left0, FLUSH);
              left0 -= steps;
              let a0 = zero;
              for (const end = p + (<usize>steps << 2); p < end; p += 4, q += 48) {
                const x0 = v128.load32_splat(p);
                const x1 = v128.load32_splat(p + plane);
                const x2 = v128.load32_splat(p + 2 * plane);
                const w0 = v128.load(q), w1 = v128.load(q, 16), w2 = v128.load(q, 32);
                a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x0, w0));
                a1 = i32x4.add(a1, i32x4.add(i32x4.dot_i16x8_s(x0, w1), i32x4.dot_i16x8_s(x1, w0)));
                a2 = i32x4.add(
                  i32x4.add(a2, i32x4.dot_i16x8_s(x0, w2)),
                  i32x4.add(i32x4.dot_i16x8_s(x1, w1), i32x4.dot_i16x8_s(x2, w0)),
                );
              }
              la = i64x2.add(la, i64x2.extend_low_i32x4_s(a0));
              ha = i64x2.add(ha, i64x2.extend_high_i32x4_s(a0));
            }
          }
          finish(dst + (<usize>o << 3), la, ha, a1, a2, min(outChannels - o, 4), accumulate);
        }
        dst += <usize>outChannels << 3;
      }
    }
  }
}
