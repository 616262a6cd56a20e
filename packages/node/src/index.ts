/**
 * Trivet on Node.js: what programs need that have disks and processes, and browsers do not. Cluster directories, model
 * files, MNIST, and three worker processes on this machine.
 */
export { type Calibration, readCalibration } from './calibration.js';
export { DEFAULT_CLUSTER_DIRECTORY, findOwnerKey, readCluster, readOwnerKey } from './cluster-directory.js';
export { type Interrupt, interruptible, onInterrupt } from './interrupt.js';
export { findFreePorts } from './local-cluster/free-ports.js';
export * from './local-cluster/local-cluster.js';
export type { WorkerExit, WorkerProcess } from './local-cluster/worker-process.js';
export {
  loadTestImages,
  looksLikeMnist,
  MNIST_CLASSES,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  PLAIN_INPUT_RANGE,
  TEST_IMAGES,
  toModelInputs,
} from './mnist-inputs.js';
export {
  type CompiledModelFile,
  compileModel,
  compileModelFile,
  type OpenOptions,
  openModelFile,
} from './model-file.js';
export {
  decryptModel,
  encryptModel,
  modelFiles,
  type OnProgress,
  resealModel,
  type SealedModel,
} from './seal-model.js';
export { Client, type ConnectOptions } from './tutorial/client.js';
export { Cluster, type ClusterStartOptions } from './tutorial/cluster.js';
export {
  Model,
  type ModelLoadOptions,
  type ServeModelOptions,
  type ShareModelOptions,
} from './tutorial/model.js';
export { Worker, type WorkerOptions } from './tutorial/worker.js';
