// Convolution and pooling over Z_2^64, channels last, without im2col: the inner loop broadcasts one input word
// over a tile of output channels held in registers. Images [batch, height, width, channels], kernels
// [kernelHeight, kernelWidth, inChannels, outChannels]. Padding is implied by skipping what lies outside.

export function conv2d(
  dst: usize, x: usize, w: usize, batch: u32,
  inHeight: i32, inWidth: i32, inChannels: u32, outHeight: i32, outWidth: i32, outChannels: u32,
  kernelHeight: i32, kernelWidth: i32, strideHeight: i32, strideWidth: i32,
  dilationHeight: i32, dilationWidth: i32, padTop: i32, padLeft: i32, accumulate: bool,
): void {
  const outBytes: usize = <usize>outChannels << 3;
  const inBytes: usize = <usize>inChannels << 3;
  const rowBytes: usize = <usize>inWidth * inBytes;
  const kernelRow: usize = <usize>inChannels * outBytes;
  const wide: usize = (<usize>outChannels & ~7) << 3;
  const pairs: usize = (<usize>outChannels & ~1) << 3;

  for (let b: u32 = 0; b < batch; b++, x += <usize>inHeight * rowBytes) {
    for (let oy: i32 = 0; oy < outHeight; oy++) {
      for (let ox: i32 = 0; ox < outWidth; ox++, dst += outBytes) {
        const y0 = oy * strideHeight - padTop;
        const x0 = ox * strideWidth - padLeft;
        let o: usize = 0;
        for (; o < wide; o += 64) {
          let a0 = i64x2.splat(0), a1 = i64x2.splat(0), a2 = i64x2.splat(0), a3 = i64x2.splat(0);
          for (let ky: i32 = 0; ky < kernelHeight; ky++) {
            const iy = y0 + ky * dilationHeight;
            if (<u32>iy >= <u32>inHeight) continue;
            for (let kx: i32 = 0; kx < kernelWidth; kx++) {
              const ix = x0 + kx * dilationWidth;
              if (<u32>ix >= <u32>inWidth) continue;
              let p = x + <usize>iy * rowBytes + <usize>ix * inBytes;
              let q = w + <usize>(ky * kernelWidth + kx) * kernelRow + o;
              for (const end = p + inBytes; p < end; p += 8, q += outBytes) {
                const v = v128.load64_splat(p);
                a0 = i64x2.add(a0, i64x2.mul(v, v128.load(q)));
                a1 = i64x2.add(a1, i64x2.mul(v, v128.load(q, 16)));
                a2 = i64x2.add(a2, i64x2.mul(v, v128.load(q, 32)));
                a3 = i64x2.add(a3, i64x2.mul(v, v128.load(q, 48)));
              }
            }
          }
          if (accumulate) {
            a0 = i64x2.add(a0, v128.load(dst + o));
            a1 = i64x2.add(a1, v128.load(dst + o, 16));
            a2 = i64x2.add(a2, v128.load(dst + o, 32));
            a3 = i64x2.add(a3, v128.load(dst + o, 48));
          }
          v128.store(dst + o, a0);
          v128.store(dst + o, a1, 16);
          v128.store(dst + o, a2, 32);
          v128.store(dst + o, a3, 48);
        }
        for (; o < pairs; o += 16) {
          let a0 = i64x2.splat(0);
          for (let ky: i32 = 0; ky < kernelHeight; ky++) {
            const iy = y0 + ky * dilationHeight;
            if (<u32>iy >= <u32>inHeight) continue;
            for (let kx: i32 = 0; kx < kernelWidth; kx++) {
              const ix = x0 + kx * dilationWidth;
              if (<u32>ix >= <u32>inWidth) continue;
              let p = x + <usize>iy * rowBytes + <usize>ix * inBytes;
              let q = w + <usize>(ky * kernelWidth + kx) * kernelRow + o;
              for (const end = p + inBytes; p < end; p += 8, q += outBytes) {
                a0 = i64x2.add(a0, i64x2.mul(v128.load64_splat(p), v128.load(q)));
              }
            }
          }
          if (accumulate) a0 = i64x2.add(a0, v128.load(dst + o));
          v128.store(dst + o, a0);
        }
        for (; o < outBytes; o += 8) {
          let a: u64 = 0;
          for (let ky: i32 = 0; ky < kernelHeight; ky++) {
            const iy = y0 + ky * dilationHeight;
            if (<u32>iy >= <u32>inHeight) continue;
            for (let kx: i32 = 0; kx < kernelWidth; kx++) {
              const ix = x0 + kx * dilationWidth;
              if (<u32>ix >= <u32>inWidth) continue;
              let p = x + <usize>iy * rowBytes + <usize>ix * inBytes;
              let q = w + <usize>(ky * kernelWidth + kx) * kernelRow + o;
              for (const end = p + inBytes; p < end; p += 8, q += outBytes) a += load<u64>(p) * load<u64>(q);
            }
          }
          if (accumulate) a += load<u64>(dst + o);
          store<u64>(dst + o, a);
        }
      }
    }
  }
}

// Each channel by itself: kernels [kernelHeight, kernelWidth, channels]. Two channels at a time, for all windows.
export function depthwiseConv2d(
  dst: usize, x: usize, w: usize, batch: u32,
  inHeight: i32, inWidth: i32, channels: u32, outHeight: i32, outWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideHeight: i32, strideWidth: i32,
  dilationHeight: i32, dilationWidth: i32, padTop: i32, padLeft: i32, accumulate: bool,
): void {
  const pixel: usize = <usize>channels << 3;
  const pairs: usize = (<usize>channels & ~1) << 3;
  const rowBytes: usize = <usize>inWidth * pixel;
  for (let b: u32 = 0; b < batch; b++, x += <usize>inHeight * rowBytes) {
    for (let oy: i32 = 0; oy < outHeight; oy++) {
      const y0 = oy * strideHeight - padTop;
      for (let ox: i32 = 0; ox < outWidth; ox++, dst += pixel) {
        const x0 = ox * strideWidth - padLeft;
        for (let c: usize = 0; c < pixel; c += 16) {
          const single = c >= pairs;
          let pair = i64x2.splat(0);
          let one: u64 = 0;
          for (let ky: i32 = 0; ky < kernelHeight; ky++) {
            const iy = y0 + ky * dilationHeight;
            if (<u32>iy >= <u32>inHeight) continue;
            for (let kx: i32 = 0; kx < kernelWidth; kx++) {
              const ix = x0 + kx * dilationWidth;
              if (<u32>ix >= <u32>inWidth) continue;
              const p = x + <usize>iy * rowBytes + <usize>ix * pixel + c;
              const q = w + <usize>(ky * kernelWidth + kx) * pixel + c;
              if (single) one += load<u64>(p) * load<u64>(q);
              else pair = i64x2.add(pair, i64x2.mul(v128.load(p), v128.load(q)));
            }
          }
          if (single) store<u64>(dst + c, accumulate ? one + load<u64>(dst + c) : one);
          else v128.store(dst + c, accumulate ? i64x2.add(pair, v128.load(dst + c)) : pair);
        }
      }
    }
  }
}

// Sum over each window, clipped to the image, times round(2^fractionalBits / cells): a public linear map.
export function averagePool2d(
  dst: usize, x: usize, batch: u32,
  inHeight: i32, inWidth: i32, channels: u32, outHeight: i32, outWidth: i32,
  poolHeight: i32, poolWidth: i32, strideHeight: i32, strideWidth: i32, padTop: i32, padLeft: i32, fractionalBits: u32,
): void {
  const pixel: usize = <usize>channels << 3;
  const image: usize = <usize>inHeight * <usize>inWidth * pixel;
  for (let b: u32 = 0; b < batch; b++, x += image) {
    for (let oy: i32 = 0; oy < outHeight; oy++) {
      const top = max(oy * strideHeight - padTop, 0);
      const bottom = min(oy * strideHeight - padTop + poolHeight, inHeight);
      for (let ox: i32 = 0; ox < outWidth; ox++) {
        const left = max(ox * strideWidth - padLeft, 0);
        const right = min(ox * strideWidth - padLeft + poolWidth, inWidth);
        const cells = <u64>((bottom - top) * (right - left));
        const reciprocal = ((<u64>2 << <u64>fractionalBits) + cells) / (cells << 1);
        for (let c: usize = 0; c < pixel; c += 8, dst += 8) {
          let sum: u64 = 0;
          for (let iy = top; iy < bottom; iy++) {
            for (let ix = left; ix < right; ix++) sum += load<u64>(x + <usize>(iy * inWidth + ix) * pixel + c);
          }
          store<u64>(dst, sum * reciprocal);
        }
      }
    }
  }
}
