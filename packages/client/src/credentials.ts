/** Showing a client token to a worker: what is sent is good for that worker and that challenge alone. */
import { type ClientToken, challengeSchema, EVENTS, emptySchema } from '@trivet/shared-types';
import type { WorkerLink } from './link.js';

/** @throws TrivetError UNAUTHENTICATED when the worker does not take it, RESOURCE_EXHAUSTED after too many failures */
export async function presentToken(link: WorkerLink, clusterId: string, token: ClientToken): Promise<void> {
  const { challenge } = await link.call(EVENTS.tokenChallenge, {}, challengeSchema);
  const proof = token.proof(clusterId, link.index, challenge);
  await link.call(EVENTS.token, { id: token.id, proof }, emptySchema);
}
