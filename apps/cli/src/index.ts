/** What benchmarks, end-to-end tests and the demo need of the command line. */
export { findFreePorts } from './local-cluster/free-ports.js';
export * from './local-cluster/local-cluster.js';
export type { WorkerExit, WorkerProcess } from './local-cluster/worker-process.js';
export { compileModelFile } from './model-file.js';
