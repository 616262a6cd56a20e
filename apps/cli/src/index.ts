/** What benchmarks, end-to-end tests and the demo need of the command line. */
export { servePage } from './demo/page-server.js';
export { findFreePorts } from './local-cluster/free-ports.js';
export * from './local-cluster/local-cluster.js';
export type { WorkerExit, WorkerProcess } from './local-cluster/worker-process.js';
export { MNIST_CLASSES, MNIST_INPUT_RANGE, MNIST_PREPROCESSING } from './mnist-inputs.js';
export { compileModelFile } from './model-file.js';
