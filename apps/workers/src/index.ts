/** The worker service as a library: what the command line uses. */
export {
  type ClusterOptions,
  type ClusterWorkerOptions,
  type CreatedCluster,
  createCluster,
  DEFAULT_WORKERS,
} from './cluster/create.js';
export { keepOrMakeSealingKey, type SealingKeyFile } from './cluster/sealing-key.js';
export { type UpgradedCluster, upgradeCluster } from './cluster/upgrade.js';
export { loadWorkerConfig } from './config/load.js';
export { DEFAULT_SETTINGS, type WorkerConfig, workerConfigSchema } from './config/schema.js';
export { createLogger, type Logger } from './observe/logger.js';
export { POOL_LOW_WATER } from './serving/pool/dealer.js';
export { createProtocols, type ProtocolTable } from './serving/protocols.js';
export { type RotatedKeys, type RotateOptions, rotateStoreKeys } from './store/rotate-keys.js';
export { type RunningWorker, startWorker, type WorkerOptions } from './worker.js';
