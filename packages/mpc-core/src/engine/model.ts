/** A model as a party keeps it: shares expanded once, laid out for the kernels, index lists of public steps. */
import type { PartyIndex } from '../channel/channel.js';
import { resultBits, unreducedValues } from '../graph/bits.js';
import { type InputDependence, inputDependence } from '../graph/dependence.js';
import type { Conv2DGeometry, PiecewiseLinearStep, Plan, PlanStep } from '../graph/plan.js';
import { sizeOf, valueSizes } from '../graph/plan.js';
import type { Allocator } from '../kernels/arena.js';
import { fitsNarrow, type Kernels, type Pointer } from '../kernels/kernels.js';
import { SEED_BYTES } from '../random/entropy.js';
import { WORD_BYTES } from '../ring/words.js';
import type { SharePart } from '../sharing/input.js';
import type { KernelForm, LinearWeights, WeightForm } from '../sharing/values.js';
import { decodeShareFile, weightWords } from '../sharing/weights.js';
import { type ClassTables, type LoadedMap, loadClassTables, type PublicMap } from './classes/index.js';
import { planOperations } from './operations.js';
import { joinIndices, paddingIndices, windowIndices } from './windows.js';

/** Writes the words that a share part stands for to `dst`. `scratch`: 32 bytes for a key. */
export function expandPart(
  kernels: Kernels,
  part: SharePart,
  dst: Pointer,
  words: number,
  scratch: Pointer,
): void {
  const { bytes } = kernels.memory;
  if (part.kind === 'explicit') {
    bytes.set(part.words, dst);
    return;
  }
  bytes.set(part.seed, scratch);
  kernels.chacha20(dst, scratch, 0, 0, 0, 0, words * WORD_BYTES);
  kernels.memory.bytes.fill(0, scratch, scratch + SEED_BYTES);
}

/** The slopes of a piecewise linear step, and this party's summands of its offsets. */
export interface PieceWords {
  readonly slopes: Pointer;
  readonly offsets: Pointer;
}

interface Block {
  readonly pointer: Pointer;
  readonly bytes: number;
}

/** One linear step's weights: forms are summed and laid out on first use, then kept. */
class StepWeights implements LinearWeights {
  private readonly forms: Partial<Record<WeightForm, KernelForm>> = {};

  constructor(
    private readonly kernels: Kernels,
    private readonly block: (bytes: number) => Pointer,
    private readonly geometry: Conv2DGeometry,
    private readonly first: Pointer,
    private readonly second: Pointer,
    readonly bias: Pointer | null,
    readonly depthwise: boolean,
  ) {}

  form(which: WeightForm): KernelForm {
    const form = this.forms[which] ?? this.make(which);
    this.forms[which] = form;
    return form;
  }

  private make(which: WeightForm): KernelForm {
    const { kernels, geometry, first, second } = this;
    let words = which === 'second' ? second : first;
    if (which === 'sum') {
      const inChannels = this.depthwise ? 1 : geometry.inChannels;
      const n = geometry.kernelHeight * geometry.kernelWidth * inChannels * geometry.outChannels;
      words = this.block(n * WORD_BYTES);
      kernels.add(words, first, second, n);
    }
    if (this.depthwise || !fitsNarrow(geometry)) return { words, narrow: null };
    const narrow = this.block(kernels.narrowWeightBytes(geometry));
    kernels.prepareNarrow(narrow, words, geometry);
    return { words, narrow };
  }
}

/** Weights and index lists of one model in the kernels' memory. */
export class ModelMemory {
  /** Bits that matter of each step's output. */
  readonly resultBits: readonly number[];
  readonly dependence: InputDependence;
  /** Truncations and rectifications of each step. */
  readonly operations: readonly number[];
  private readonly blocks: Block[] = [];
  private readonly weights = new Map<PlanStep, StepWeights>();
  private readonly indexLists = new Map<PlanStep, readonly Pointer[]>();
  private readonly classTables = new Map<PlanStep, ClassTables>();
  private readonly pieceWords = new Map<PlanStep, PieceWords>();

  /** @param fill writes w_i and w_{i+1}, n words each, to the two pointers */
  constructor(
    readonly plan: Plan,
    party: PartyIndex,
    private readonly kernels: Kernels,
    private readonly allocator: Allocator,
    fill: (first: Pointer, second: Pointer, n: number) => void,
  ) {
    this.resultBits = resultBits(plan);
    this.dependence = inputDependence(plan);
    this.operations = planOperations(plan, 1).map(({ operations }) => operations.length);
    const n = weightWords(plan);
    const first = this.block(n * WORD_BYTES);
    const second = this.block(n * WORD_BYTES);
    fill(first, second, n);
    const offsets: number[] = [];
    let at = 0;
    for (const weight of plan.weights) {
      offsets.push(at * WORD_BYTES);
      at += sizeOf(weight.shape);
    }
    const unreduced = unreducedValues(plan);
    const sizes = valueSizes(plan);
    for (const step of plan.steps) {
      if (step.op === 'conv2d' || step.op === 'depthwiseConv2d') {
        const offset = offsets[step.kernel];
        const bias = step.bias === null ? null : first + offsets[step.bias];
        const block = (bytes: number): Pointer => this.block(bytes);
        const { geometry } = step;
        this.weights.set(
          step,
          new StepWeights(
            kernels,
            block,
            geometry,
            first + offset,
            second + offset,
            bias,
            step.op === 'depthwiseConv2d',
          ),
        );
      }
      if (step.op === 'piecewiseLinear') {
        const scale = plan.fractionalBits * (unreduced.has(step.input) ? 2 : 1);
        this.pieceWords.set(step, this.pieces(step, scale, party));
      }
      if (step.op === 'topClasses') {
        const list = (from: Int32Array): Pointer => this.indices(from);
        const numbers = (from: PublicMap): LoadedMap => this.publicMap(from, party);
        this.classTables.set(step, loadClassTables(step, sizes[step.input]!, list, numbers));
      }
      if (step.op === 'concatenate') {
        const positions = sizes[step.output]! / step.channels.reduce((total, each) => total + each, 0);
        const lists = joinIndices(step.channels, positions).map((list) => this.indices(list));
        this.indexLists.set(step, lists);
      }
      if (step.op === 'pad2d') this.indexLists.set(step, [this.indices(paddingIndices(step.geometry))]);
      if (step.op === 'maxPool2d') {
        const lists = windowIndices(step.geometry).map((list) => this.indices(list));
        this.indexLists.set(step, lists);
      }
    }
  }

  get weightBytes(): number {
    return this.blocks.reduce((total, block) => total + block.bytes, 0);
  }

  linear(step: PlanStep): LinearWeights {
    const weights = this.weights.get(step);
    if (!weights) throw new Error(`Step "${step.name}" has no weights.`);
    return weights;
  }

  indexList(step: PlanStep): readonly Pointer[] {
    return this.indexLists.get(step) ?? [];
  }

  pieceWordsOf(step: PlanStep): PieceWords {
    const words = this.pieceWords.get(step);
    if (!words) throw new Error(`Step "${step.name}" has no pieces.`);
    return words;
  }

  classTablesOf(step: PlanStep): ClassTables {
    const tables = this.classTables.get(step);
    if (!tables) throw new Error(`Step "${step.name}" finds no classes.`);
    return tables;
  }

  release(): void {
    for (const block of this.blocks.splice(0)) this.allocator.release(block.pointer, block.bytes);
  }

  private block(bytes: number): Pointer {
    const size = Math.max(bytes, 1);
    const pointer = this.allocator.allocate(size);
    this.blocks.push({ pointer, bytes: size });
    return pointer;
  }

  /** Public numbers are the first party's to add. */
  private pieces({ pieces }: PiecewiseLinearStep, scale: number, party: PartyIndex): PieceWords {
    const words = new BigUint64Array(2 * pieces.length);
    pieces.forEach(({ slope, offset }, index) => {
      words[index] = BigInt.asUintN(64, BigInt(slope));
      if (party === 0) words[pieces.length + index] = BigInt.asUintN(64, BigInt(offset) << BigInt(scale));
    });
    const slopes = this.block(words.byteLength);
    this.kernels.memory.bytes.set(new Uint8Array(words.buffer), slopes);
    return { slopes, offsets: slopes + WORD_BYTES * pieces.length };
  }

  /** Public offsets are the first party's to add, as those of pieces are. */
  private publicMap({ inputs, outputs, matrix, offsets }: PublicMap, party: PartyIndex): LoadedMap {
    const at = this.block(matrix.byteLength + offsets.byteLength);
    const { bytes } = this.kernels.memory;
    bytes.set(new Uint8Array(matrix.buffer), at);
    const after = at + matrix.byteLength;
    if (party === 0) bytes.set(new Uint8Array(offsets.buffer), after);
    else bytes.fill(0, after, after + offsets.byteLength);
    return { inputs, outputs, matrix: at, offsets: after };
  }

  private indices(list: Int32Array): Pointer {
    const pointer = this.block(list.byteLength);
    this.kernels.memory.bytes.set(new Uint8Array(list.buffer, list.byteOffset, list.byteLength), pointer);
    return pointer;
  }
}

/**
 * Loads party's share file.
 * @throws InvalidModelError when the file does not fit the plan
 */
export function loadShareFile(
  plan: Plan,
  file: Uint8Array,
  party: PartyIndex,
  kernels: Kernels,
  allocator: Allocator,
): ModelMemory {
  const [own, next] = decodeShareFile(file, party, plan);
  return new ModelMemory(plan, party, kernels, allocator, (first, second, n) => {
    const scratch = allocator.allocate(SEED_BYTES);
    expandPart(kernels, own, first, n, scratch);
    expandPart(kernels, next, second, n, scratch);
    allocator.release(scratch, SEED_BYTES);
  });
}
