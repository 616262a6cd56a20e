/** Sealed connections between a client and a worker. */
export * from './client-channel.js';
export {
  generateSealingKeys,
  isSealingPublicKey,
  type SealingKeys,
  type SealingWorker,
  sealingKeySchema,
  sealingPublicKey,
  sealingWorker,
  type WorkerIdentity,
} from './keys.js';
export { SEALED_EVENT_BYTES } from './sealed-text.js';
export * from './worker-channel.js';
