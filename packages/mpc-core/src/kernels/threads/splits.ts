/**
 * Kernels whose calls can be cut into pieces that do not touch each other, and how: a kernel takes its values in units, and each of
 * its arguments is a number that moves by a fixed step from unit to unit. All of them are public sizes and addresses.
 */
import { comparisonKeyBytes } from '../kernels.js';
import { narrowScratchBytes } from '../wasm/bind.js';

/** In the order of their numbers in a job. */
export const SPLIT_KERNELS = [
  'chacha20',
  'conv2d',
  'depthwiseConv2d',
  'conv2dNarrow',
  'comparisonKeys',
  'expandRoots',
  'compareWithKeys',
] as const;

export type SplitKernel = (typeof SPLIT_KERNELS)[number];

export interface Split {
  /** The argument that says how many values there are. */
  readonly count: number;
  /** Values a unit. */
  readonly unit: number;
  /** About how long a unit takes, on the machine of docs/benchmarks.md. */
  readonly nanoseconds: (args: readonly number[]) => number;
  /** Writes what each argument moves by a unit; `steps` comes filled with 0. */
  readonly steps: (args: readonly number[], steps: Int32Array) => void;
}

const WORD = 8;
const SEED = 16;
/** A plane's bits are read a word at a time. */
const GATES = 64;

/** The arguments of the convolutions from `batch` on, see assembly/convolution.ts and assembly/narrow.ts. */
function convolution(args: readonly number[], batch: number, depthwise = false) {
  const [inHeight, inWidth, inChannels, outHeight, outWidth] = args.slice(batch + 1, batch + 6) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const [outChannels, kernelHeight, kernelWidth] = (
    depthwise ? [inChannels, ...args.slice(batch + 6, batch + 8)] : args.slice(batch + 6, batch + 9)
  ) as [number, number, number];
  const inputs = inHeight * inWidth * inChannels;
  const outputs = outHeight * outWidth * outChannels;
  return { inputs, outputs, products: outputs * kernelHeight * kernelWidth * (depthwise ? 1 : inChannels) };
}

export const SPLITS: Readonly<Record<SplitKernel, Split>> = {
  chacha20: {
    count: 6,
    unit: 256,
    nanoseconds: () => 220,
    steps: (_, steps) => {
      steps[0] = 256;
      steps[5] = 4;
    },
  },
  conv2d: {
    count: 3,
    unit: 1,
    nanoseconds: (args) => 0.5 * convolution(args, 3).products,
    steps: (args, steps) => {
      const { inputs, outputs } = convolution(args, 3);
      steps[0] = WORD * outputs;
      steps[1] = WORD * inputs;
    },
  },
  depthwiseConv2d: {
    count: 3,
    unit: 1,
    nanoseconds: (args) => 0.5 * convolution(args, 3, true).products,
    steps: (args, steps) => {
      const { inputs, outputs } = convolution(args, 3, true);
      steps[0] = WORD * outputs;
      steps[1] = WORD * inputs;
    },
  },
  conv2dNarrow: {
    count: 4,
    unit: 1,
    nanoseconds: (args) => 0.2 * convolution(args, 4).products,
    steps: (args, steps) => {
      const { inputs, outputs } = convolution(args, 4);
      steps[0] = WORD * outputs;
      steps[1] = WORD * inputs;
      steps[3] = narrowScratchBytes(inputs);
    },
  },
  comparisonKeys: {
    count: 4,
    unit: GATES,
    nanoseconds: () => 350 * GATES,
    steps: (args, steps) => {
      steps[0] = GATES * comparisonKeyBytes(args[7]!);
      steps[1] = GATES * WORD;
      steps[2] = GATES * SEED;
      steps[3] = GATES * SEED;
      steps[5] = GATES;
    },
  },
  expandRoots: {
    count: 2,
    unit: GATES,
    nanoseconds: () => 25 * GATES,
    steps: (args, steps) => {
      steps[0] = GATES * comparisonKeyBytes(args[4]!);
      steps[1] = GATES * SEED;
      steps[3] = GATES;
    },
  },
  compareWithKeys: {
    count: 5,
    unit: GATES,
    nanoseconds: () => 120 * GATES,
    steps: (args, steps) => {
      steps[0] = GATES * WORD;
      steps[1] = GATES * WORD;
      steps[2] = GATES * comparisonKeyBytes(args[8]!);
      steps[3] = GATES * SEED;
      steps[4] = GATES / 8;
      steps[6] = GATES;
    },
  },
};
