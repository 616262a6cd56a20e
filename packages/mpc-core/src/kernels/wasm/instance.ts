/** The WASM kernels: binds the AssemblyScript module of assembly/ to the Kernels interface. */
import { Redacted } from '../../random/redacted.js';
import type { Kernels, LinearMemory } from '../kernels.js';
import { MODULE_BASE64 } from './module.generated.js';

type Numeric = (...values: number[]) => void;
type Export = (...values: (number | bigint)[]) => number;

const PAGE = 65_536;
const LEAST_GROWTH_BYTES = 16 * 1024 * 1024;
const ALL_ONES = -1n;

class WasmMemory extends Redacted implements LinearMemory {
  private view: Uint8Array;

  constructor(
    private readonly memory: WebAssembly.Memory,
    readonly base: number,
  ) {
    super();
    this.view = new Uint8Array(memory.buffer);
  }

  get byteLength(): number {
    return this.memory.buffer.byteLength;
  }

  toString(): string {
    return `[memory: ${this.byteLength} bytes]`;
  }

  get bytes(): Uint8Array {
    if (this.view.buffer !== this.memory.buffer) this.view = new Uint8Array(this.memory.buffer);
    return this.view;
  }

  /**
   * Grows in large steps: V8 takes each growth for so many bytes more to collect, and collects its whole heap. What is
   * never touched takes no memory but addresses.
   */
  ensure(bytes: number): void {
    const missing = bytes - this.byteLength;
    if (missing <= 0) return;
    const ample = Math.max(missing, LEAST_GROWTH_BYTES, this.byteLength / 2);
    try {
      this.memory.grow(Math.ceil(ample / PAGE));
    } catch {
      // There may be room for what is needed, and not for more.
      this.memory.grow(Math.ceil(missing / PAGE));
    }
  }
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @throws when the runtime has no WebAssembly SIMD, or its policy forbids compiling. */
export async function createWasmKernels(): Promise<Kernels> {
  const { instance } = await WebAssembly.instantiate(decodeBase64(MODULE_BASE64), {});
  const raw = instance.exports as unknown as Record<string, Export>;
  const direct = instance.exports as unknown as Record<
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
  const memory = new WasmMemory(instance.exports.memory as WebAssembly.Memory, align(raw.heapBase!()));

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
      raw.conv2d!(
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
      raw.depthwiseConv2d!(
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
    narrowScratchBytes: (g, batch) => (batch * g.inHeight * g.inWidth * g.inChannels + 2) * 6,
    prepareNarrow: (dst, w, g) => {
      raw.prepareNarrow!(dst, w, g.kernelWidth * g.inChannels, g.kernelHeight, g.outChannels);
    },
    conv2dNarrow: (dst, x, prepared, scratch, batch, g, accumulate) => {
      raw.conv2dNarrow!(
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
      raw.averagePool2d!(
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
      raw.compareBlock!(less, equal, c, products, m, words, holdsConstants ? ALL_ONES : 0n);
    },
    combineGroup: (less, equal, opened, masks, products, lessTop, g, low, words, holdsConstants) => {
      const one = holdsConstants ? ALL_ONES : 0n;
      raw.combineGroup!(less, equal, opened, masks, products, lessTop, g, low, words, one);
    },
    expandRoots: (keys, seeds, n, k, tag, salt0, salt1, isLeft) => {
      raw.expandRoots!(keys, seeds, n, k, tag, salt0, salt1, isLeft ? 1 : 0);
    },
    compareWithKeys: (dst, c, keys, seeds, bits, n, shift, k, tag, salt0, salt1, isLeft) => {
      raw.compareWithKeys!(dst, c, keys, seeds, bits, n, shift, k, tag, salt0, salt1, isLeft ? 1 : 0);
    },
    select: (dst, c, opened, material, n, shift, k, holdsConstants) => {
      raw.select!(dst, c, opened, material, n, shift, k, holdsConstants ? 1 : 0);
    },
    truncate: (dst, c, material, n, shift, k, holdsConstants) => {
      raw.truncate!(dst, c, material, n, shift, k, holdsConstants ? 1 : 0);
    },
    compareDigits: (dst, digits, targets, mode, forced, multipliers, blinds, rows, lanes, words, holds) => {
      const one = holds ? 1 : 0;
      raw.compareDigits!(dst, digits, targets, mode, forced, multipliers, blinds, rows, lanes, words, one);
    },
    maskConvert: (masked, y, r, v, left, right, n, bits, isLeft) => {
      raw.maskConvert!(masked, y, r, v, left, right, n, bits, isLeft ? 1 : 0);
    },
    finishConvert: (dst, y, delta, eta, x, flip, n, bits, isLeft) => {
      raw.finishConvert!(dst, y, delta, eta, x, flip, n, bits, isLeft ? 1 : 0);
    },
  };
}

function align(pointer: number): number {
  return Math.ceil(pointer / 64) * 64;
}
