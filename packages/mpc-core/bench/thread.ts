/** A thread of `pnpm bench:kernels --threads`. */
import { workerData } from 'node:worker_threads';
import { type KernelThread, runKernelThread } from '@trivet/mpc-core';

await runKernelThread(workerData as KernelThread);
