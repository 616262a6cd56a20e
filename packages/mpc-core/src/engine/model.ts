/** A model as a party keeps it: shares expanded once, laid out for the kernels, index lists of public steps. */
import type { PartyIndex } from '../channel/channel.js';
import { resultBits } from '../graph/bits.js';
import type { Plan, PlanStep } from '../graph/plan.js';
import { sizeOf } from '../graph/plan.js';
import type { Allocator } from '../kernels/arena.js';
import type { Kernels, Pointer } from '../kernels/kernels.js';
import { SEED_BYTES } from '../random/entropy.js';
import { WORD_BYTES } from '../ring/words.js';
import type { SharePart } from '../sharing/input.js';
import type { LinearWeights } from '../sharing/values.js';
import { decodeShareFile, weightWords } from '../sharing/weights.js';
import { paddingIndices, windowIndices } from './windows.js';

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

interface Block {
  readonly pointer: Pointer;
  readonly bytes: number;
}

/** Weights and index lists of one model in the kernels' memory. */
export class ModelMemory {
  readonly plan: Plan;
  /** Bits that matter of each step's output. */
  readonly resultBits: readonly number[];
  private readonly blocks: Block[] = [];
  private readonly first: Pointer;
  private readonly sum: Pointer;
  private readonly offsets: number[] = [];
  private readonly indexLists = new Map<PlanStep, readonly Pointer[]>();

  /** @param words gives w_i and w_i + w_{i+1} at the two pointers */
  constructor(
    plan: Plan,
    private readonly kernels: Kernels,
    private readonly allocator: Allocator,
    words: (first: Pointer, sum: Pointer, n: number) => void,
  ) {
    this.plan = plan;
    this.resultBits = resultBits(plan);
    const n = weightWords(plan);
    this.first = this.block(n * WORD_BYTES);
    this.sum = this.block(n * WORD_BYTES);
    let at = 0;
    for (const weight of plan.weights) {
      this.offsets.push(at * WORD_BYTES);
      at += sizeOf(weight.shape);
    }
    words(this.first, this.sum, n);
    for (const step of plan.steps) {
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

  linear(kernel: number, bias: number | null): LinearWeights {
    return {
      first: this.first + this.offsets[kernel],
      sum: this.sum + this.offsets[kernel],
      bias: bias === null ? null : this.first + this.offsets[bias],
    };
  }

  indexList(step: PlanStep): readonly Pointer[] {
    return this.indexLists.get(step) ?? [];
  }

  release(): void {
    for (const block of this.blocks.splice(0)) this.allocator.release(block.pointer, block.bytes);
  }

  private block(bytes: number): Pointer {
    const pointer = this.allocator.allocate(Math.max(bytes, 1));
    this.blocks.push({ pointer, bytes: Math.max(bytes, 1) });
    return pointer;
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
  return new ModelMemory(plan, kernels, allocator, (first, sum, n) => {
    const scratch = allocator.allocate(SEED_BYTES);
    expandPart(kernels, own, first, n, scratch);
    expandPart(kernels, next, sum, n, scratch);
    kernels.add(sum, sum, first, n);
    allocator.release(scratch, SEED_BYTES);
  });
}
