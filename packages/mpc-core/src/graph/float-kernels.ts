/**
 * The operations on plain floats (Float64, channels last, one sample): the reference that everything else is
 * measured against, and the arithmetic of the range analysis. Written to be read, fast enough for 10,000 digits.
 */
import type { Conv2DGeometry, PadGeometry, PoolGeometry } from './plan.js';

/** Sum over the window of x * kernel, plus bias; cells outside the image are zero. */
export function convolve(
  g: Conv2DGeometry,
  kernel: Float64Array,
  bias: Float64Array | null,
  input: Float64Array,
): Float64Array {
  const { inChannels, outChannels } = g;
  const output = new Float64Array(g.outHeight * g.outWidth * outChannels);
  for (let outRow = 0; outRow < g.outHeight; outRow++) {
    for (let outColumn = 0; outColumn < g.outWidth; outColumn++) {
      const target = (outRow * g.outWidth + outColumn) * outChannels;
      if (bias !== null) output.set(bias, target);
      for (let kernelRow = 0; kernelRow < g.kernelHeight; kernelRow++) {
        const row = outRow * g.strideHeight + kernelRow * g.dilationHeight - g.padTop;
        if (row < 0 || row >= g.inHeight) continue;
        for (let kernelColumn = 0; kernelColumn < g.kernelWidth; kernelColumn++) {
          const column = outColumn * g.strideWidth + kernelColumn * g.dilationWidth - g.padLeft;
          if (column < 0 || column >= g.inWidth) continue;
          const source = (row * g.inWidth + column) * inChannels;
          let weight = (kernelRow * g.kernelWidth + kernelColumn) * inChannels * outChannels;
          for (let channel = 0; channel < inChannels; channel++) {
            const value = input[source + channel]!;
            if (value === 0) {
              weight += outChannels;
              continue;
            }
            for (let out = 0; out < outChannels; out++) output[target + out]! += value * kernel[weight++]!;
          }
        }
      }
    }
  }
  return output;
}

/** The same for each channel by itself; kernel [kh, kw, channels]. */
export function convolveDepthwise(
  g: Conv2DGeometry,
  kernel: Float64Array,
  bias: Float64Array | null,
  input: Float64Array,
): Float64Array {
  const channels = g.outChannels;
  const output = new Float64Array(g.outHeight * g.outWidth * channels);
  for (let outRow = 0; outRow < g.outHeight; outRow++) {
    for (let outColumn = 0; outColumn < g.outWidth; outColumn++) {
      const target = (outRow * g.outWidth + outColumn) * channels;
      if (bias !== null) output.set(bias, target);
      for (let kernelRow = 0; kernelRow < g.kernelHeight; kernelRow++) {
        const row = outRow * g.strideHeight + kernelRow * g.dilationHeight - g.padTop;
        if (row < 0 || row >= g.inHeight) continue;
        for (let kernelColumn = 0; kernelColumn < g.kernelWidth; kernelColumn++) {
          const column = outColumn * g.strideWidth + kernelColumn * g.dilationWidth - g.padLeft;
          if (column < 0 || column >= g.inWidth) continue;
          const source = (row * g.inWidth + column) * channels;
          const weight = (kernelRow * g.kernelWidth + kernelColumn) * channels;
          for (let c = 0; c < channels; c++) output[target + c]! += input[source + c]! * kernel[weight + c]!;
        }
      }
    }
  }
  return output;
}

/** The sum of values of one size. */
export function sum(inputs: readonly Float64Array[]): Float64Array {
  const total = inputs[0]!.slice();
  for (const input of inputs.slice(1)) {
    for (let index = 0; index < total.length; index++) total[index]! += input[index]!;
  }
  return total;
}

/** For each position the channels of all inputs. */
export function interleave(inputs: readonly Float64Array[], channels: readonly number[]): Float64Array {
  const width = channels.reduce((total, each) => total + each, 0);
  const positions = inputs[0]!.length / channels[0]!;
  const output = new Float64Array(positions * width);
  let at = 0;
  inputs.forEach((input, index) => {
    const own = channels[index]!;
    for (let position = 0; position < positions; position++) {
      output.set(input.subarray(position * own, (position + 1) * own), position * width + at);
    }
    at += own;
  });
  return output;
}

/** Combines the real cells of each window: `combine` over them, then `finish` with their number. */
function pool(
  g: PoolGeometry,
  input: Float64Array,
  initial: number,
  combine: (accumulated: number, value: number) => number,
  finish: (accumulated: number, cells: number) => number,
): Float64Array {
  const output = new Float64Array(g.outHeight * g.outWidth * g.channels);
  let target = 0;
  for (let outRow = 0; outRow < g.outHeight; outRow++) {
    const top = Math.max(0, outRow * g.strideHeight - g.padTop);
    const bottom = Math.min(g.inHeight, outRow * g.strideHeight - g.padTop + g.poolHeight);
    for (let outColumn = 0; outColumn < g.outWidth; outColumn++) {
      const left = Math.max(0, outColumn * g.strideWidth - g.padLeft);
      const right = Math.min(g.inWidth, outColumn * g.strideWidth - g.padLeft + g.poolWidth);
      for (let channel = 0; channel < g.channels; channel++) {
        let accumulated = initial;
        for (let row = top; row < bottom; row++) {
          for (let column = left; column < right; column++) {
            accumulated = combine(accumulated, input[(row * g.inWidth + column) * g.channels + channel]!);
          }
        }
        output[target++] = finish(accumulated, (bottom - top) * (right - left));
      }
    }
  }
  return output;
}

/**
 * The mean of the real cells of each window.
 *
 * @param reciprocal 1 / cells, or a rounding of it
 */
export function averagePool(
  g: PoolGeometry,
  input: Float64Array,
  reciprocal: (cells: number) => number = (cells) => 1 / cells,
): Float64Array {
  return pool(
    g,
    input,
    0,
    (sum, value) => sum + value,
    (sum, cells) => sum * reciprocal(cells),
  );
}

/** The largest real cell of each window. */
export function maxPool(g: PoolGeometry, input: Float64Array): Float64Array {
  return pool(g, input, Number.NEGATIVE_INFINITY, Math.max, (largest) => largest);
}

/** The image with zeros around it. */
export function padImage(g: PadGeometry, input: Float64Array): Float64Array {
  const output = new Float64Array(g.outHeight * g.outWidth * g.channels);
  const rowSize = g.inWidth * g.channels;
  for (let row = 0; row < g.inHeight; row++) {
    const target = ((row + g.padTop) * g.outWidth + g.padLeft) * g.channels;
    output.set(input.subarray(row * rowSize, (row + 1) * rowSize), target);
  }
  return output;
}

/** max(0, x). */
export function rectify(input: Float64Array): Float64Array {
  return input.map((value) => Math.max(0, value));
}
