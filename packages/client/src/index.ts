/**
 * Trivet's client, for browsers and Node.js: `PredictionClient` for those who have data, `ModelOwner` for those who
 * have models, `watchWorkers` for those who only look. What each message tells its receiver is in `docs/wire.md`.
 */
export type { WorkerAddress } from './link.js';
export * from './model-owner.js';
export type { ModelState, SharedModel } from './models.js';
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
export {
  type StatusListener,
  type Triple,
  type WorkerLinksOptions,
  type WorkerView,
  watchWorkers,
} from './worker-links.js';
