/** Convolution and pooling over Z_2^64 in plain TypeScript: the definition, one output at a time. */
import type { Conv2DGeometry, PoolGeometry } from '../../graph/plan.js';
import { NARROW_BITS, type Pointer } from '../kernels.js';
import { multiplyHigh, type Views } from './words.js';

export function conv2d(
  v: Views,
  dst: Pointer,
  x: Pointer,
  w: Pointer,
  batch: number,
  g: Conv2DGeometry,
  accumulate: boolean,
): void {
  const m = v.u32;
  let d = dst >>> 2;
  for (let b = 0; b < batch; b++) {
    const image = (x >>> 2) + b * g.inHeight * g.inWidth * g.inChannels * 2;
    for (let oy = 0; oy < g.outHeight; oy++) {
      for (let ox = 0; ox < g.outWidth; ox++) {
        for (let o = 0; o < g.outChannels; o++, d += 2) {
          let low = accumulate ? m[d] : 0;
          let high = accumulate ? m[d + 1] : 0;
          for (let ky = 0; ky < g.kernelHeight; ky++) {
            const iy = oy * g.strideHeight - g.padTop + ky * g.dilationHeight;
            if (iy < 0 || iy >= g.inHeight) continue;
            for (let kx = 0; kx < g.kernelWidth; kx++) {
              const ix = ox * g.strideWidth - g.padLeft + kx * g.dilationWidth;
              if (ix < 0 || ix >= g.inWidth) continue;
              let p = image + (iy * g.inWidth + ix) * g.inChannels * 2;
              let q = (w >>> 2) + ((ky * g.kernelWidth + kx) * g.inChannels * g.outChannels + o) * 2;
              for (let c = 0; c < g.inChannels; c++, p += 2, q += 2 * g.outChannels) {
                const product = Math.imul(m[p], m[q]) >>> 0;
                const cross = Math.imul(m[p], m[q + 1]) + Math.imul(m[p + 1], m[q]);
                low += product;
                high += multiplyHigh(m[p], m[q]) + cross + (low > 0xffffffff ? 1 : 0);
                low >>>= 0;
                high >>>= 0;
              }
            }
          }
          m[d] = low;
          m[d + 1] = high;
        }
      }
    }
  }
}

/** Each channel by itself: what conv2d gives with one input channel and one output channel. */
export function depthwiseConv2d(
  v: Views,
  dst: Pointer,
  x: Pointer,
  w: Pointer,
  batch: number,
  g: Conv2DGeometry,
  accumulate: boolean,
): void {
  const m = v.u32;
  const channels = g.inChannels;
  let d = dst >>> 2;
  for (let b = 0; b < batch; b++) {
    const image = (x >>> 2) + b * g.inHeight * g.inWidth * channels * 2;
    for (let oy = 0; oy < g.outHeight; oy++) {
      for (let ox = 0; ox < g.outWidth; ox++) {
        for (let c = 0; c < channels; c++, d += 2) {
          let low = accumulate ? m[d] : 0;
          let high = accumulate ? m[d + 1] : 0;
          for (let ky = 0; ky < g.kernelHeight; ky++) {
            const iy = oy * g.strideHeight - g.padTop + ky * g.dilationHeight;
            if (iy < 0 || iy >= g.inHeight) continue;
            for (let kx = 0; kx < g.kernelWidth; kx++) {
              const ix = ox * g.strideWidth - g.padLeft + kx * g.dilationWidth;
              if (ix < 0 || ix >= g.inWidth) continue;
              const p = image + ((iy * g.inWidth + ix) * channels + c) * 2;
              const q = (w >>> 2) + ((ky * g.kernelWidth + kx) * channels + c) * 2;
              low += Math.imul(m[p], m[q]) >>> 0;
              high += multiplyHigh(m[p], m[q]) + Math.imul(m[p], m[q + 1]) + Math.imul(m[p + 1], m[q]);
              high += low > 0xffffffff ? 1 : 0;
              low >>>= 0;
              high >>>= 0;
            }
          }
          m[d] = low;
          m[d + 1] = high;
        }
      }
    }
  }
}

/** Bytes of a kernel's words. */
export function kernelBytes(g: Conv2DGeometry): number {
  return g.kernelHeight * g.kernelWidth * g.inChannels * g.outChannels * 8;
}

/** Nothing to prepare here: the words as they are. */
export function prepareNarrow(v: Views, dst: Pointer, w: Pointer, g: Conv2DGeometry): void {
  v.u8.copyWithin(dst, w, w + kernelBytes(g));
}

/** conv2d, reduced modulo 2^42. */
export function conv2dNarrow(
  v: Views,
  dst: Pointer,
  x: Pointer,
  prepared: Pointer,
  _scratch: Pointer,
  batch: number,
  g: Conv2DGeometry,
  accumulate: boolean,
): void {
  conv2d(v, dst, x, prepared, batch, g, accumulate);
  const words = batch * g.outHeight * g.outWidth * g.outChannels;
  for (let i = 0, high = (dst >>> 2) + 1; i < words; i++, high += 2)
    v.u32[high] &= 2 ** (NARROW_BITS - 32) - 1;
}

export function averagePool2d(
  v: Views,
  dst: Pointer,
  x: Pointer,
  batch: number,
  g: PoolGeometry,
  fractionalBits: number,
): void {
  const m = v.u32;
  let d = dst >>> 2;
  for (let b = 0; b < batch; b++) {
    const image = (x >>> 2) + b * g.inHeight * g.inWidth * g.channels * 2;
    for (let oy = 0; oy < g.outHeight; oy++) {
      const top = Math.max(oy * g.strideHeight - g.padTop, 0);
      const bottom = Math.min(oy * g.strideHeight - g.padTop + g.poolHeight, g.inHeight);
      for (let ox = 0; ox < g.outWidth; ox++) {
        const left = Math.max(ox * g.strideWidth - g.padLeft, 0);
        const right = Math.min(ox * g.strideWidth - g.padLeft + g.poolWidth, g.inWidth);
        const cells = (bottom - top) * (right - left);
        const reciprocal = Math.floor((2 ** (fractionalBits + 1) + cells) / (2 * cells));
        for (let c = 0; c < g.channels; c++, d += 2) {
          let low = 0;
          let high = 0;
          for (let iy = top; iy < bottom; iy++) {
            for (let ix = left; ix < right; ix++) {
              const p = image + ((iy * g.inWidth + ix) * g.channels + c) * 2;
              low += m[p];
              high = (high + m[p + 1] + (low > 0xffffffff ? 1 : 0)) >>> 0;
              low >>>= 0;
            }
          }
          m[d] = Math.imul(low, reciprocal);
          m[d + 1] = multiplyHigh(low, reciprocal) + Math.imul(high, reciprocal);
        }
      }
    }
  }
}
