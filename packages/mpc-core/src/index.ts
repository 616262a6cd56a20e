/** The public face of mpc-core. What is not exported here is private to the package. */

export * from './channel/channel.js';
export * from './engine/party.js';
export * from './graph/errors.js';
export * from './graph/layers.js';
export * from './graph/plan.js';
export * from './sharing/input-sharer.js';
