/** Limits of the gateway; those with a default can be set. */

/** About 6,000 MNIST images as nested lists. */
export const DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024;
/** A body becomes one string, and V8's longest is a little shorter than this. */
export const MOST_BODY_BYTES = 500 * 1024 * 1024;
export const DEFAULT_TIMEOUT_MS = 60_000;
/** Predictions under way at once; each may hold a body in memory. Further ones are answered 429. */
export const MAX_PREDICTIONS = 16;
export const MAX_CONNECTIONS = 256;
export const HEADERS_TIMEOUT_MS = 10_000;
/** For all of a request to arrive. */
export const REQUEST_TIMEOUT_MS = 60_000;
/** What is open when the gateway is stopped may take this long. */
export const DRAIN_MS = 10_000;
