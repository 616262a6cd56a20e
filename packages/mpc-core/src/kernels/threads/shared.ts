/**
 * The WASM kernels over a memory that several threads share: large calls are cut into pieces, and every thread takes some. How a
 * thread is started is the host's business; each runs `runKernelThread` with what its `KernelThread` says.
 */
import type { Kernels } from '../kernels.js';
import { bindKernels, type Exports } from '../wasm/bind.js';
import { decodeBase64, placeScratch } from '../wasm/instance.js';
import { INITIAL_PAGES, WasmMemory } from '../wasm/memory.js';
import { createJobMemory, Job, type JobMemory, takePieces } from './job.js';
import { SHARED_MODULE_BASE64 } from './module.generated.js';
import { SPLIT_KERNELS, SPLITS } from './splits.js';

/** All addresses of 32 bits; what is never touched takes no memory. */
const MOST_PAGES = 65_536;
/** A call shorter than this is not worth the waking of a thread. */
const LEAST_NANOSECONDS = 100_000;
/** So many for each thread, so that one which comes late leaves the others something to take. */
const PIECES_A_THREAD = 4;

/** What a thread is started with: all of it can be posted. */
export interface KernelThread {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly job: JobMemory;
  /** From 1; the host itself is 0. */
  readonly thread: number;
  readonly threads: number;
}

export interface SharedKernels {
  readonly kernels: Kernels;
  /** Of the threads besides the host's own. */
  readonly others: readonly KernelThread[];
  /** Pieces that the others have taken so far, modulo 2^32. */
  helped(): number;
  /** Lets every thread end. From then on the host's takes all pieces. */
  stop(): void;
}

/**
 * @param threads 2 or more, the host's own among them
 * @throws when the runtime has no WebAssembly SIMD or threads
 */
export async function createSharedKernels(threads: number): Promise<SharedKernels> {
  const module = await WebAssembly.compile(decodeBase64(SHARED_MODULE_BASE64));
  const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MOST_PAGES, shared: true });
  const exports = await instantiate(module, memory);
  const base = placeScratch(exports, 0, threads);
  const view = new WasmMemory(memory, base);
  view.ensure(base);
  const shared = createJobMemory();
  const job = new Job(shared, exports);
  let stopped = false;
  const split = Object.fromEntries(
    SPLIT_KERNELS.map((name) => {
      const { count, unit, nanoseconds } = SPLITS[name];
      const whole = exports[name]!;
      const call = (...args: number[]): number => {
        if (stopped || (args[count]! / unit) * nanoseconds(args) < LEAST_NANOSECONDS) return whole(...args);
        job.run(name, args, PIECES_A_THREAD * threads);
        return 0;
      };
      return [name, call];
    }),
  ) as unknown as Exports;
  return {
    kernels: bindKernels({ ...exports, ...split }, view),
    others: Array.from({ length: threads - 1 }, (_, i) => ({
      module,
      memory,
      job: shared,
      thread: i + 1,
      threads,
    })),
    helped: () => job.helped,
    stop: () => {
      stopped = true;
      job.stop();
    },
  };
}

/** Takes pieces of the host's calls until it stops; blocks its thread. */
export async function runKernelThread({ module, memory, job, thread, threads }: KernelThread): Promise<void> {
  const exports = await instantiate(module, memory);
  placeScratch(exports, thread, threads);
  takePieces(job, exports);
}

async function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Exports> {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  return exports as unknown as Exports;
}
