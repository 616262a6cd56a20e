/**
 * Trivet's client, for browsers and Node.js.
 *
 * - `PredictionClient`, for those who have data: connects to three workers, checks that they present the same signed
 *   manifest, shares an input among them, and adds their replies up.
 * - `ModelOwner`, for those who have models: proves to each worker who it is, shares a model, starts and stops serving.
 * - `watchWorkers`, for those who only look: the live state of three workers, whether or not they can be reached.
 *
 * What holds for all of them: errors are `TrivetError`s with a code, a sentence, and the worker that it is about; every
 * call has a deadline and takes an AbortSignal; a lost connection is reported at once and comes back by itself; nothing
 * random is used twice, not even by a retry; `close()` releases everything. No seed, share, input or key is logged or
 * part of an error. What each message tells its receiver is in `docs/wire.md`.
 */
export type { IssuedToken, TokenInfo, TokenRequest, TokenState } from './access-control.js';
export type { WorkerAddress } from './link.js';
export * from './model-owner.js';
export { nameAndVersion, type SharedModel, type VersionChoice } from './models.js';
export {
  argmaxRows,
  type Prediction,
  type PredictionTimings,
  softmaxRows,
  type Transcript,
  type WorkerReport,
} from './prediction.js';
export * from './prediction-client.js';
export type { ServeOptions } from './serve.js';
export { RefusedHereError } from './throttle.js';
export {
  type StatusListener,
  type Triple,
  type WatchOptions,
  type WorkerView,
  watchWorkers,
} from './worker-links.js';
