/**
 * Encryption at rest, on Node.js: one envelope for model files and for the workers' stores, its keys, and files that are
 * whole or not there at all.
 */
export {
  exists,
  removeDurably,
  removeTemporaries,
  type Write,
  writeAtomically,
} from './atomic.js';
export { isSealed, openBytes, sealBytes } from './envelope.js';
export { type OnBytes, openFile, readKeyId, resealFile, sealFile, unsealFile } from './files.js';
export { lockKeyFile } from './key-lock.js';
export { generateKey, KeyRing, keyId } from './key-ring.js';
export {
  parseKeyRing,
  passphraseRing,
  printKeyRing,
  readKeyRing,
  readPassphraseFile,
  readSecretFile,
  readSecretText,
  writeKeyRing,
} from './key-source.js';
export { SealError, type SealReason } from './seal-error.js';
