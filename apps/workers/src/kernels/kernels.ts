/**
 * A worker's kernels, on as many threads as it may use. One thread talks to peers and clients and calls the kernels; the others only
 * help with calls that are long. Where that wins: docs/decisions/0025-kernel-threads.md.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createKernels, createSharedKernels, type Kernels, type SharedKernels } from '@trivet/mpc-core';
import { isLoopbackAddress } from '../access/this-machine.js';
import type { WorkerConfig } from '../config/schema.js';

/** More were never measured. */
const MOST_CHOSEN = 4;

export interface RunningKernels {
  readonly kernels: Kernels;
  /** The worker's own among them. */
  readonly threads: number;
  /** Pieces of long calls that the others have taken so far. */
  helped(): number;
  close(): Promise<void>;
}

/**
 * How many threads a worker's kernels run on: what its configuration says, or its part of the machine's cores, where workers on this
 * machine share them.
 */
export function kernelThreads(
  config: Pick<WorkerConfig, 'kernelThreads' | 'mesh'>,
  cores = availableParallelism(),
): number {
  if (config.kernelThreads !== 'auto') return config.kernelThreads;
  const neighbours = config.mesh.peers.filter(
    ({ host }) => host === 'localhost' || isLoopbackAddress(host),
  ).length;
  return Math.max(1, Math.min(Math.floor(cores / (1 + neighbours)), MOST_CHOSEN));
}

/**
 * Where the runtime cannot share memory between threads, there is one, and `threads` says so.
 * @param threads 1 or more
 * @param onFailure told when a thread cannot be had, or has ended by itself; the kernels work without it
 */
export async function startKernels(
  threads: number,
  onFailure: (error: Error) => void,
): Promise<RunningKernels> {
  const shared = threads === 1 ? null : await sharedKernels(threads, onFailure);
  if (shared === null) {
    return { kernels: await createKernels(), threads: 1, helped: () => 0, close: async () => {} };
  }
  const { kernels, others, helped, stop } = shared;
  // By the package's own name: a thread runs what was built, also where this file is read as TypeScript.
  const program = pathToFileURL(createRequire(import.meta.url).resolve('@trivet/workers/kernel-thread'));
  const workers = others.map((thread) => {
    const worker = new Worker(program, { workerData: thread, execArgv: [], env: {} });
    worker.on('error', onFailure);
    // What keeps the process alive are its sockets.
    worker.unref();
    return worker;
  });
  const close = async () => {
    stop();
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
  return { kernels, threads, helped, close };
}

async function sharedKernels(
  threads: number,
  onFailure: (error: Error) => void,
): Promise<SharedKernels | null> {
  try {
    return await createSharedKernels(threads);
  } catch (error) {
    onFailure(error as Error);
    return null;
  }
}
