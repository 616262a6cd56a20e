/** The wire contract of Trivet. */
export * from './errors.js';
export * from './manifest.js';
export * from './messages.js';
