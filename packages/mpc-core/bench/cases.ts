/**
 * Every kernel with a size that occurs in the tutorial's CNN, the unit its cost is told in, and a lower bound in clock
 * cycles of what the units of a current x86-64 core can do at best, with the reasoning: two loads, one store and four
 * micro-operations a cycle, one 64-bit multiplication a cycle, 128-bit vectors, everything in the first-level cache.
 * A kernel at twice its bound is good; at five times it is worth a look.
 */
import type { Conv2DGeometry, Kernels, PoolGeometry } from '@trivet/mpc-core';
import {
  align,
  at,
  BITS,
  COLUMN,
  type KernelCase,
  lanes,
  PLANE_WORDS,
  SHIFT,
  VALUES,
  words,
} from './case.js';
import { DISTRIBUTED_CASES } from './cases-distributed.js';
import { SECURENN_CASES } from './cases-securenn.js';

/** Blocks of five bits and a group of five: as the comparison uses them. */
const BLOCK = 5;
const SUBSETS = 2 ** BLOCK - 1;
const GROUP = 5;
const GROUP_MASKS = 2 * GROUP - 2;
const GROUP_PRODUCTS = 37;
const PACKED_WIDTH = 5;
const STREAM_BYTES = 64 * 256;

/** The second convolution of the tutorial's CNN with its pooling folded in: 4 x 4 x 10 to 32, stride 2. */
const CONVOLUTION: Conv2DGeometry = {
  inHeight: 13,
  inWidth: 13,
  inChannels: 10,
  outHeight: 5,
  outWidth: 5,
  outChannels: 32,
  kernelHeight: 4,
  kernelWidth: 4,
  strideHeight: 2,
  strideWidth: 2,
  dilationHeight: 1,
  dilationWidth: 1,
  padTop: 0,
  padLeft: 0,
};
const DENSE: Conv2DGeometry = {
  ...CONVOLUTION,
  inHeight: 1,
  inWidth: 1,
  inChannels: 64,
  outHeight: 1,
  outWidth: 1,
  outChannels: 10,
  kernelHeight: 1,
  kernelWidth: 1,
  strideHeight: 1,
  strideWidth: 1,
};
const POOL: PoolGeometry = {
  inHeight: 26,
  inWidth: 26,
  channels: 10,
  outHeight: 13,
  outWidth: 13,
  poolHeight: 2,
  poolWidth: 2,
  strideHeight: 2,
  strideWidth: 2,
  padTop: 0,
  padLeft: 0,
};

function multiplyAdds(g: Conv2DGeometry, batch: number): number {
  return batch * g.outHeight * g.outWidth * g.outChannels * g.kernelHeight * g.kernelWidth * g.inChannels;
}

function convolution(name: string, g: Conv2DGeometry, batch: number): KernelCase {
  const inputs = 8 * batch * g.inHeight * g.inWidth * g.inChannels;
  const weights = 8 * g.kernelHeight * g.kernelWidth * g.inChannels * g.outChannels;
  const outputs = 8 * batch * g.outHeight * g.outWidth * g.outChannels;
  return {
    name,
    unit: 'multiply-add',
    units: multiplyAdds(g, batch),
    bound: 1,
    because: 'one 64-bit multiplication a cycle',
    bytes: () => align(inputs) + align(weights) + align(outputs),
    run: (kernels, base) => {
      const w = base + align(inputs);
      kernels.conv2d(w + align(weights), base, w, batch, g, false);
    },
  };
}

/** As a worker runs it: the weights are prepared once, before. */
function narrowConvolution(name: string, g: Conv2DGeometry, batch: number): KernelCase {
  const inputs = 8 * batch * g.inHeight * g.inWidth * g.inChannels;
  const weights = 8 * g.kernelHeight * g.kernelWidth * g.inChannels * g.outChannels;
  const outputs = 8 * batch * g.outHeight * g.outWidth * g.outChannels;
  const w = align(inputs);
  const prepared = w + align(weights);
  const dst = (kernels: Kernels) => prepared + align(kernels.narrowWeightBytes(g));
  const scratch = (kernels: Kernels) => dst(kernels) + align(outputs);
  return {
    name,
    unit: 'multiply-add',
    units: multiplyAdds(g, batch),
    bound: 0.5,
    because:
      'six products of 16-bit digits and six additions for eight multiply-adds, three vector operations a cycle',
    bytes: (kernels) => scratch(kernels) + kernels.narrowScratchBytes(g, batch),
    prepare: (kernels, base) => kernels.prepareNarrow(base + prepared, base + w, g),
    run: (kernels, base) =>
      kernels.conv2dNarrow(
        base + dst(kernels),
        base,
        base + prepared,
        base + scratch(kernels),
        batch,
        g,
        false,
      ),
  };
}

/** The first convolution, channel by channel. */
const DEPTHWISE: Conv2DGeometry = {
  ...CONVOLUTION,
  outChannels: CONVOLUTION.inChannels,
};

function depthwiseConvolution(name: string, g: Conv2DGeometry): KernelCase {
  const inputs = align(8 * g.inHeight * g.inWidth * g.inChannels);
  const weights = align(8 * g.kernelHeight * g.kernelWidth * g.inChannels);
  return {
    name,
    unit: 'multiply-add',
    units: multiplyAdds(g, 1) / g.inChannels,
    bound: 1,
    because: 'one 64-bit multiplication a cycle',
    bytes: () => inputs + weights + 8 * g.outHeight * g.outWidth * g.outChannels,
    run: (kernels, base) =>
      kernels.depthwiseConv2d(base + inputs + weights, base, base + inputs, 1, g, false),
  };
}

function stream(name: string, bytes: number): KernelCase {
  return {
    name,
    unit: 'block',
    units: bytes / 64,
    bound: 107,
    because: '320 vector operations a block (80 quarter-rounds of 16 for four blocks), three a cycle',
    bytes: () => bytes + 64,
    run: (kernels, base) => kernels.chacha20(base + 64, base, 1, 2, 3, 0, bytes),
  };
}

export const CASES: readonly KernelCase[] = [
  convolution('conv2d, batch 1', CONVOLUTION, 1),
  convolution('conv2d, batch 100', CONVOLUTION, 100),
  convolution('conv2d as dense, batch 1', DENSE, 1),
  narrowConvolution('conv2dNarrow, batch 1', CONVOLUTION, 1),
  narrowConvolution('conv2dNarrow, batch 100', CONVOLUTION, 100),
  narrowConvolution('conv2dNarrow as dense, batch 1', DENSE, 1),
  depthwiseConvolution('depthwiseConv2d, batch 1', DEPTHWISE),
  {
    name: 'prepareNarrow',
    unit: 'weight',
    units:
      CONVOLUTION.kernelHeight * CONVOLUTION.kernelWidth * CONVOLUTION.inChannels * CONVOLUTION.outChannels,
    bound: 3,
    because: 'three 16-bit stores, one a cycle; once a model',
    bytes: (kernels) => 8 * 4 * 4 * 10 * 32 + kernels.narrowWeightBytes(CONVOLUTION),
    run: (kernels, base) => kernels.prepareNarrow(base + 8 * 4 * 4 * 10 * 32, base, CONVOLUTION),
  },
  stream('chacha20', STREAM_BYTES),
  stream('chacha20, 1 MiB', 1 << 20),
  {
    name: 'addDigest',
    unit: '8 bytes',
    units: STREAM_BYTES / 8,
    bound: 1.5,
    because:
      'six cycles one after the other (xor, multiply in three, shift, xor) for a word of each of four lanes',
    bytes: () => STREAM_BYTES + 64,
    run: (kernels, base) => kernels.addDigest(base, base + 64, STREAM_BYTES, 1, 0),
  },
  {
    name: 'appendChecks',
    unit: 'word',
    units: VALUES,
    bound: 4,
    because: 'a multiplication in three cycles and an addition, one after the other',
    bytes: () => 2 * COLUMN + 8,
    run: (kernels, base) => kernels.appendChecks(base, base + COLUMN + 8, 1, VALUES, 16),
  },
  words('add', 0.5, 'one 16-byte store a cycle', (kernels, c) => kernels.add(c(2), c(0), c(1), VALUES)),
  words('subtract', 0.5, 'one 16-byte store a cycle', (kernels, c) =>
    kernels.subtract(c(2), c(0), c(1), VALUES),
  ),
  words('addConstant', 0.5, 'one 16-byte store a cycle', (kernels, c) =>
    kernels.addConstant(c(2), c(0), 0, 64, VALUES),
  ),
  words('addBias', 0.5, 'one 16-byte store a cycle', (kernels, c) =>
    kernels.addBias(c(2), c(0), c(1), VALUES / 10, 10),
  ),
  words(`pack to ${PACKED_WIDTH} bytes`, 0.5, 'two values a 16-byte shuffle and store', (kernels, c) =>
    kernels.pack(c(2), c(0), VALUES, PACKED_WIDTH),
  ),
  words(`unpack ${PACKED_WIDTH} bytes`, 0.5, 'two values a 16-byte shuffle and store', (kernels, c) =>
    kernels.unpack(c(2), c(0), VALUES, PACKED_WIDTH),
  ),
  {
    ...words(
      'gather',
      1,
      'one store a value; the index, a compare and the word fit beside it',
      (kernels, c) => kernels.gather(c(2), c(0), c(1), VALUES, 1, VALUES),
    ),
    prepare: (kernels, base) => {
      const indices = Int32Array.from({ length: VALUES }, (_, index) => VALUES - 1 - index);
      kernels.memory.bytes.set(new Uint8Array(indices.buffer), at(base, 1));
    },
  },
  {
    name: 'averagePool2d 2 x 2',
    unit: 'value',
    units: VALUES,
    bound: 2,
    because: 'four loads, two a cycle',
    bytes: () => 8 * (26 * 26 * 10 + VALUES) + 64,
    run: (kernels, base) => kernels.averagePool2d(base, base + 8 * VALUES + 16, 1, POOL, SHIFT),
  },
  {
    name: 'xor',
    unit: 'byte',
    units: COLUMN,
    bound: 1 / 16,
    because: 'one 16-byte store a cycle',
    bytes: () => 3 * COLUMN,
    run: (kernels, base) => kernels.xor(at(base, 2), at(base, 0), at(base, 1), COLUMN),
  },
  {
    name: `bitPlanes of ${BITS} bits`,
    unit: 'value',
    units: VALUES,
    bound: 4.5,
    because:
      'a 64 x 64 bit transposition is 6 x 32 exchanges of about 6 operations, four a cycle, for 64 values',
    bytes: () => 16 * COLUMN,
    run: (kernels, base) => kernels.bitPlanes(at(base, 2), base, VALUES, SHIFT, BITS, PLANE_WORDS),
  },
  lanes(`subsetProducts of ${BLOCK} planes`, SUBSETS, 1, 'one store a product of 128 bits', (kernels, p) =>
    kernels.subsetProducts(p(BLOCK), p(0), BLOCK, PLANE_WORDS),
  ),
  lanes(
    `compareBlock of ${BLOCK} bits`,
    1,
    52,
    '155 vector operations (five for each of 31 pairs), three a cycle',
    (kernels, p) => kernels.compareBlock(p(0), p(1), p(2), p(2 + BLOCK), BLOCK, PLANE_WORDS, true),
  ),
  lanes(`groupProducts of ${GROUP}`, GROUP_PRODUCTS, 1, 'one store a product of 128 bits', (kernels, p) =>
    kernels.groupProducts(p(GROUP_MASKS), p(0), GROUP, 1, PLANE_WORDS),
  ),
  lanes(`combineGroup of ${GROUP}`, 1, 35, '105 vector operations, three a cycle', (kernels, p) =>
    kernels.combineGroup(p(0), p(1), p(2), p(12), p(24), p(80), GROUP, 1, PLANE_WORDS, true),
  ),
  words('selectMaterial', 2.5, 'five columns, one 16-byte store a cycle', (kernels, c) =>
    kernels.selectMaterial(c(2), c(0), c(1), VALUES, SHIFT, BITS),
  ),
  words('select', 5, 'some twenty operations a value, four a cycle', (kernels, c) =>
    kernels.select(c(8), c(0), c(1), c(2), VALUES, SHIFT, BITS, true),
  ),
  words('truncateMaterial', 1, 'two columns, one 16-byte store a cycle', (kernels, c) =>
    kernels.truncateMaterial(c(2), c(0), VALUES, SHIFT, BITS),
  ),
  words('truncate', 2.5, 'some ten operations a value, four a cycle', (kernels, c) =>
    kernels.truncate(c(5), c(0), c(2), VALUES, SHIFT, BITS, true),
  ),
  ...DISTRIBUTED_CASES,
  ...SECURENN_CASES,
];
