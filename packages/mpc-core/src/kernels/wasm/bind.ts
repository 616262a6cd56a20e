/** The Kernels interface over what a WASM module of assembly/ exports. */
import type { Kernels, LinearMemory } from '../kernels.js';

type Numeric = (...values: number[]) => void;
type Export = (...values: (number | bigint)[]) => number;

/** What a module exports, by name. */
export type Exports = Readonly<Record<string, Export>>;

const ALL_ONES = -1n;

/** Bytes of conv2dNarrow's scratch for one sample of so many values: three digits of 16 bits each, and a spare pair behind them. */
export function narrowScratchBytes(inputs: number): number {
  return 6 * (inputs + 2);
}

export function bindKernels(exports: Exports, memory: LinearMemory): Kernels {
  const direct = exports as unknown as Record<
    | 'add'
    | 'subtract'
    | 'addConstant'
    | 'addBias'
    | 'xor'
    | 'pack'
    | 'unpack'
    | 'gather'
    | 'appendChecks'
    | 'addDigest'
    | 'chacha20'
    | 'bitPlanes'
    | 'subsetProducts'
    | 'groupProducts'
    | 'comparisonKeys'
    | 'selectMaterial'
    | 'truncateMaterial'
    | 'shareDigits'
    | 'permuteDigits'
    | 'zeroDigits'
    | 'compareTargets'
    | 'addOdd'
    | 'sumCarry'
    | 'shareOdd',
    Numeric
  > &
    Record<'sampleDigits' | 'sampleSwaps' | 'sampleOdd', (...values: number[]) => number>;

  return {
    kind: 'wasm',
    memory,
    add: direct.add,
    subtract: direct.subtract,
    addConstant: direct.addConstant,
    addBias: direct.addBias,
    xor: direct.xor,
    pack: direct.pack,
    unpack: direct.unpack,
    gather: direct.gather,
    appendChecks: direct.appendChecks,
    addDigest: direct.addDigest,
    chacha20: direct.chacha20,
    bitPlanes: direct.bitPlanes,
    subsetProducts: direct.subsetProducts,
    groupProducts: direct.groupProducts,
    comparisonKeys: direct.comparisonKeys,
    selectMaterial: direct.selectMaterial,
    truncateMaterial: direct.truncateMaterial,
    sampleDigits: direct.sampleDigits,
    sampleSwaps: direct.sampleSwaps,
    shareDigits: direct.shareDigits,
    permuteDigits: direct.permuteDigits,
    zeroDigits: direct.zeroDigits,
    sampleOdd: direct.sampleOdd,
    compareTargets: direct.compareTargets,
    addOdd: direct.addOdd,
    sumCarry: direct.sumCarry,
    shareOdd: direct.shareOdd,
    conv2d: (dst, x, w, batch, g, accumulate) => {
      exports.conv2d!(
        dst,
        x,
        w,
        batch,
        g.inHeight,
        g.inWidth,
        g.inChannels,
        g.outHeight,
        g.outWidth,
        g.outChannels,
        g.kernelHeight,
        g.kernelWidth,
        g.strideHeight,
        g.strideWidth,
        g.dilationHeight,
        g.dilationWidth,
        g.padTop,
        g.padLeft,
        accumulate ? 1 : 0,
      );
    },
    depthwiseConv2d: (dst, x, w, batch, g, accumulate) => {
      exports.depthwiseConv2d!(
        dst,
        x,
        w,
        batch,
        g.inHeight,
        g.inWidth,
        g.inChannels,
        g.outHeight,
        g.outWidth,
        g.kernelHeight,
        g.kernelWidth,
        g.strideHeight,
        g.strideWidth,
        g.dilationHeight,
        g.dilationWidth,
        g.padTop,
        g.padLeft,
        accumulate ? 1 : 0,
      );
    },
    narrowWeightBytes: (g) => {
      const pairs = Math.ceil((g.kernelWidth * g.inChannels) / 2);
      return Math.ceil(g.outChannels / 4) * g.kernelHeight * pairs * 48;
    },
    narrowScratchBytes: (g, batch) => batch * narrowScratchBytes(g.inHeight * g.inWidth * g.inChannels),
    prepareNarrow: (dst, w, g) => {
      exports.prepareNarrow!(dst, w, g.kernelWidth * g.inChannels, g.kernelHeight, g.outChannels);
    },
    conv2dNarrow: (dst, x, prepared, scratch, batch, g, accumulate) => {
      exports.conv2dNarrow!(
        dst,
        x,
        prepared,
        scratch,
        batch,
        g.inHeight,
        g.inWidth,
        g.inChannels,
        g.outHeight,
        g.outWidth,
        g.outChannels,
        g.kernelHeight,
        g.kernelWidth,
        g.strideHeight,
        g.strideWidth,
        g.dilationHeight,
        g.padTop,
        accumulate ? 1 : 0,
      );
    },
    averagePool2d: (dst, x, batch, g, fractionalBits) => {
      exports.averagePool2d!(
        dst,
        x,
        batch,
        g.inHeight,
        g.inWidth,
        g.channels,
        g.outHeight,
        g.outWidth,
        g.poolHeight,
        g.poolWidth,
        g.strideHeight,
        g.strideWidth,
        g.padTop,
        g.padLeft,
        fractionalBits,
      );
    },
    compareBlock: (less, equal, c, products, m, words, holdsConstants) => {
      exports.compareBlock!(less, equal, c, products, m, words, holdsConstants ? ALL_ONES : 0n);
    },
    combineGroup: (less, equal, opened, masks, products, lessTop, g, low, words, holdsConstants) => {
      const one = holdsConstants ? ALL_ONES : 0n;
      exports.combineGroup!(less, equal, opened, masks, products, lessTop, g, low, words, one);
    },
    expandRoots: (keys, seeds, n, firstGate, k, tag, salt0, salt1, isLeft) => {
      exports.expandRoots!(keys, seeds, n, firstGate, k, tag, salt0, salt1, isLeft ? 1 : 0);
    },
    compareWithKeys: (dst, c, keys, seeds, bits, n, firstGate, shift, k, tag, salt0, salt1, isLeft) => {
      const left = isLeft ? 1 : 0;
      exports.compareWithKeys!(dst, c, keys, seeds, bits, n, firstGate, shift, k, tag, salt0, salt1, left);
    },
    select: (dst, c, opened, material, n, shift, k, holdsConstants) => {
      exports.select!(dst, c, opened, material, n, shift, k, holdsConstants ? 1 : 0);
    },
    truncate: (dst, c, material, n, shift, k, holdsConstants) => {
      exports.truncate!(dst, c, material, n, shift, k, holdsConstants ? 1 : 0);
    },
    compareDigits: (dst, digits, targets, mode, forced, multipliers, blinds, rows, lanes, words, holds) => {
      const one = holds ? 1 : 0;
      exports.compareDigits!(
        dst,
        digits,
        targets,
        mode,
        forced,
        multipliers,
        blinds,
        rows,
        lanes,
        words,
        one,
      );
    },
    maskConvert: (masked, y, r, v, left, right, n, bits, isLeft) => {
      exports.maskConvert!(masked, y, r, v, left, right, n, bits, isLeft ? 1 : 0);
    },
    finishConvert: (dst, y, delta, eta, x, flip, n, bits, isLeft) => {
      exports.finishConvert!(dst, y, delta, eta, x, flip, n, bits, isLeft ? 1 : 0);
    },
  };
}
