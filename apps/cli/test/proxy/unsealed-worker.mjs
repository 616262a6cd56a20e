/**
 * Has a worker's program run without sealing: `node --import unsealed-worker.mjs main.js`. It is here, and nowhere in what is
 * shipped: one module of shared-types is exchanged for the plain one beside this file as the program loads it.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const SEALED = /\/shared-types\/dist\/sealing\/worker-channel\.js$/;
const PLAIN = new URL('./plain-worker-channel.mjs', import.meta.url).href;

// Node runs hooks in a thread of their own, which loads this file as well.
if (isMainThread) register(import.meta.url);

export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context);
  return SEALED.test(resolved.url) ? { ...resolved, url: PLAIN } : resolved;
}
