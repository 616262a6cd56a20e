/** The plain TypeScript kernels over an ArrayBuffer: reference, and fallback where WebAssembly SIMD is missing. */
import { Redacted } from '../../random/redacted.js';
import type { Kernels, LinearMemory } from '../kernels.js';
import { chacha20 } from './chacha20.js';
import { appendChecks } from './checks.js';
import { bitPlanes, combineGroup, compareBlock, groupProducts, subsetProducts } from './comparison.js';
import {
  averagePool2d,
  conv2d,
  conv2dNarrow,
  depthwiseConv2d,
  kernelBytes,
  prepareNarrow,
} from './convolution.js';
import { addDigest } from './digest.js';
import {
  compareDigits,
  permuteDigits,
  sampleDigits,
  sampleSwaps,
  shareDigits,
  zeroDigits,
} from './digits.js';
import { compareWithKeys, comparisonKeys, expandRoots } from './distributed.js';
import {
  addOdd,
  compareTargets,
  finishConvert,
  maskConvert,
  sampleOdd,
  shareOdd,
  sumCarry,
} from './odd-ring.js';
import { select, selectMaterial, truncate, truncateMaterial } from './selection.js';
import { add, addBias, addConstant, gather, pack, subtract, unpack, type Views, xor } from './words.js';

const INITIAL_BYTES = 131_072;

class ArrayMemory extends Redacted implements LinearMemory, Views {
  readonly base = 0;
  u8 = new Uint8Array(INITIAL_BYTES);
  u32 = new Uint32Array(this.u8.buffer);
  i32 = new Int32Array(this.u8.buffer);

  get byteLength(): number {
    return this.u8.byteLength;
  }

  toString(): string {
    return `[memory: ${this.byteLength} bytes]`;
  }

  get bytes(): Uint8Array {
    return this.u8;
  }

  ensure(bytes: number): void {
    if (bytes <= this.byteLength) return;
    const grown = new Uint8Array(Math.max(Math.ceil(bytes / 65_536) * 65_536, this.byteLength * 2));
    grown.set(this.u8);
    this.u8 = grown;
    this.u32 = new Uint32Array(grown.buffer);
    this.i32 = new Int32Array(grown.buffer);
  }
}

/** Drops the first parameter of a kernel: the views, which the instance fills in. */
type Rest<F> = F extends (v: Views, ...rest: infer R) => infer G ? (...rest: R) => G : never;

export function createTypeScriptKernels(): Kernels {
  const memory = new ArrayMemory();
  const over = <F extends (v: Views, ...rest: never[]) => unknown>(kernel: F): Rest<F> =>
    ((...rest: never[]) => kernel(memory, ...rest)) as Rest<F>;
  return {
    kind: 'typescript',
    memory,
    add: over(add),
    subtract: over(subtract),
    addConstant: over(addConstant),
    addBias: over(addBias),
    xor: over(xor),
    pack: over(pack),
    unpack: over(unpack),
    gather: over(gather),
    appendChecks: over(appendChecks),
    addDigest: over(addDigest),
    chacha20: over(chacha20),
    conv2d: over(conv2d),
    depthwiseConv2d: over(depthwiseConv2d),
    narrowWeightBytes: kernelBytes,
    narrowScratchBytes: () => 0,
    prepareNarrow: over(prepareNarrow),
    conv2dNarrow: over(conv2dNarrow),
    averagePool2d: over(averagePool2d),
    bitPlanes: over(bitPlanes),
    subsetProducts: over(subsetProducts),
    compareBlock: over(compareBlock),
    groupProducts: over(groupProducts),
    combineGroup: over(combineGroup),
    comparisonKeys: over(comparisonKeys),
    expandRoots: over(expandRoots),
    compareWithKeys: over(compareWithKeys),
    selectMaterial: over(selectMaterial),
    select: over(select),
    truncateMaterial: over(truncateMaterial),
    truncate: over(truncate),
    sampleDigits: over(sampleDigits),
    sampleSwaps: over(sampleSwaps),
    shareDigits: over(shareDigits),
    compareDigits: over(compareDigits),
    permuteDigits: over(permuteDigits),
    zeroDigits: over(zeroDigits),
    sampleOdd: over(sampleOdd),
    maskConvert: over(maskConvert),
    compareTargets: over(compareTargets),
    finishConvert: over(finishConvert),
    addOdd: over(addOdd),
    sumCarry: over(sumCarry),
    shareOdd: over(shareOdd),
  };
}
