/** The wire contract of Trivet. */
export * from './access-order.js';
export * from './bytes.js';
export * from './canonical-json.js';
export * from './client-token.js';
export * from './cluster.js';
export * from './errors.js';
export * from './joined-parser.js';
export * from './manifest.js';
export * from './messages.js';
export * from './parse.js';
export * from './predict-codec.js';
export * from './protocols.js';
export * from './redacted.js';
export * from './sealing/index.js';
export * from './serving-order.js';
export * from './signed-text.js';
export * from './signing.js';
