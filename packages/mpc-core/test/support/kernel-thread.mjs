// A kernel thread of the tests: a thread cannot read TypeScript, so it runs what was built.
import { workerData } from 'node:worker_threads';
import { runKernelThread } from '@trivet/mpc-core';

await runKernelThread(workerData);
