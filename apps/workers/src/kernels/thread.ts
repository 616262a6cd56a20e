/** A kernel thread's program: what `startKernels` starts on each thread besides the worker's own. */
import { workerData } from 'node:worker_threads';
import { type KernelThread, runKernelThread } from '@trivet/mpc-core';

await runKernelThread(workerData as KernelThread);
