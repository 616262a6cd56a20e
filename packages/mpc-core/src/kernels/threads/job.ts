/**
 * One kernel call cut into pieces, in memory that threads share. The host writes the job, then its ticket; whoever takes a piece
 * counts the ticket down, works, and counts the piece done. The host takes pieces like any other thread, so that a thread that is
 * slow to wake costs nothing but its help. A job holds numbers that are public: sizes, addresses and nonces.
 *
 * A ticket is the job's number, from 1, and how many of its pieces nobody has taken: 24 and 8 bits. It changes with every job, so a thread
 * that read one job and slept through it can take no piece of the next with what it has read: unless it slept through
 * 2^24 jobs between two instructions.
 */
import type { Exports } from '../wasm/bind.js';
import { SPLIT_KERNELS, SPLITS, type SplitKernel } from './splits.js';

const TICKET = 0;
const DONE = 1;
const FAILED = 2;
const KERNEL = 3;
const ARGUMENTS = 4;
/** Units of a piece; the last one has what is left. */
const UNITS = 5;
/** Pieces that other threads than the host's have taken, since the beginning. */
const HELPED = 6;
const VALUES = 7;
const STEPS = 32;
const MOST_ARGUMENTS = 24;
const LENGTH = STEPS + MOST_ARGUMENTS;

const PIECE_BITS = 8;
const MOST_PIECES = 2 ** PIECE_BITS - 1;
const LAST_JOB = 2 ** 24 - 1;
/** No job has the number 0. */
const STOPPED = MOST_PIECES;
/** Looks at a number that is about to change, before the thread sleeps for it: about 20 microseconds. */
const LOOKS = 2000;

/** The shared part of a job, as a thread is given it. */
export type JobMemory = Int32Array<SharedArrayBuffer>;

export function createJobMemory(): JobMemory {
  return new Int32Array(new SharedArrayBuffer(4 * LENGTH));
}

/** Calls of one host, one at a time. */
export class Job {
  private number = 0;
  private readonly steps: Int32Array;

  constructor(
    private readonly memory: JobMemory,
    private readonly exports: Exports,
  ) {
    this.steps = memory.subarray(STEPS, STEPS + MOST_ARGUMENTS);
  }

  /**
   * Runs a kernel whole, in at most `pieces` pieces, with every thread that comes to help.
   * @throws Error when a thread's kernel has trapped
   */
  run(kernel: SplitKernel, args: readonly number[], pieces: number): void {
    const { memory } = this;
    const { count, unit, steps } = SPLITS[kernel];
    const units = Math.ceil(args[count]! / unit);
    const each = Math.ceil(units / Math.min(pieces, MOST_PIECES));
    const total = Math.ceil(units / each);
    memory[KERNEL] = SPLIT_KERNELS.indexOf(kernel);
    memory[ARGUMENTS] = args.length;
    memory[UNITS] = each;
    for (let i = 0; i < args.length; i++) memory[VALUES + i] = args[i]!;
    this.steps.fill(0);
    steps(args, this.steps);
    Atomics.store(memory, DONE, 0);
    this.number = this.number === LAST_JOB ? 1 : this.number + 1;
    Atomics.store(memory, TICKET, (this.number << PIECE_BITS) | total);
    Atomics.notify(memory, TICKET);
    while (takePiece(memory, this.exports) !== 'none');
    for (;;) {
      const done = wait(memory, DONE, total);
      if (done === total) break;
      Atomics.wait(memory, DONE, done);
    }
    if (Atomics.exchange(memory, FAILED, 0) !== 0) throw new Error(`${kernel} failed on a kernel thread.`);
  }

  /** Pieces that other threads have taken so far, modulo 2^32. */
  get helped(): number {
    return Atomics.load(this.memory, HELPED) >>> 0;
  }

  /** No thread waits for a job any more. */
  stop(): void {
    Atomics.store(this.memory, TICKET, STOPPED);
    Atomics.notify(this.memory, TICKET);
  }
}

/** Takes pieces of every job that comes, until the host stops. */
export function takePieces(memory: JobMemory, exports: Exports): void {
  for (;;) {
    for (let taken = takePiece(memory, exports); taken !== 'none'; taken = takePiece(memory, exports)) {
      if (taken === 'done') Atomics.add(memory, HELPED, 1);
    }
    const ticket = Atomics.load(memory, TICKET);
    if (ticket === STOPPED) return;
    if ((ticket & MOST_PIECES) === 0 && wait(memory, TICKET, ticket, false) === ticket) {
      Atomics.wait(memory, TICKET, ticket);
    }
  }
}

/** @returns 'none' when there was none to take, 'lost' when somebody else took it */
function takePiece(memory: JobMemory, exports: Exports): 'done' | 'lost' | 'none' {
  const ticket = Atomics.load(memory, TICKET);
  const left = ticket & MOST_PIECES;
  if (left === 0 || ticket === STOPPED) return 'none';
  const kernel = SPLIT_KERNELS[memory[KERNEL]!];
  const args = Array.from(memory.subarray(VALUES, VALUES + memory[ARGUMENTS]!));
  const steps = memory.slice(STEPS, STEPS + args.length);
  const first = (left - 1) * memory[UNITS]!;
  const units = memory[UNITS]!;
  // Only if this is still the job that was read above.
  if (Atomics.compareExchange(memory, TICKET, ticket, ticket - 1) !== ticket) return 'lost';
  try {
    const { count, unit } = SPLITS[kernel!];
    const values = Math.min(units * unit, args[count]! - first * unit);
    for (let i = 0; i < args.length; i++) args[i] = args[i]! + first * steps[i]!;
    args[count] = values;
    exports[kernel!]!(...args);
  } catch {
    Atomics.store(memory, FAILED, 1);
  }
  Atomics.add(memory, DONE, 1);
  Atomics.notify(memory, DONE);
  return 'done';
}

/** Looks at a number for a short time. @returns it, as soon as it is `value`, or is it no longer if `is` is false */
function wait(memory: JobMemory, at: number, value: number, is = true): number {
  for (let i = 0; i < LOOKS; i++) {
    const now = Atomics.load(memory, at);
    if ((now === value) === is) return now;
  }
  return Atomics.load(memory, at);
}
