/** What is shown to a worker, so that it knows whom it answers: good for that worker and that challenge alone. */
import {
  type ClientToken,
  challengeSchema,
  EVENTS,
  emptySchema,
  signOwnerChallenge,
} from '@trivet/shared-types';
import type { CallOptions, WorkerLink } from './link.js';
import type { OwnerKey } from './owner-key.js';

/** @throws TrivetError UNAUTHENTICATED when the worker does not take it, RESOURCE_EXHAUSTED after too many failures */
export async function presentToken(
  link: WorkerLink,
  clusterId: string,
  token: ClientToken,
  options: CallOptions = {},
): Promise<void> {
  const { challenge } = await link.call(EVENTS.tokenChallenge, {}, challengeSchema, options);
  const proof = token.proof(clusterId, link.index, challenge);
  await link.call(EVENTS.token, { id: token.id, proof }, emptySchema, options);
}

/** @throws TrivetError PERMISSION_DENIED when it is not the owner's key, RESOURCE_EXHAUSTED after too many failures */
export async function proveOwner(link: WorkerLink, clusterId: string, key: OwnerKey): Promise<void> {
  const { challenge } = await link.call(EVENTS.challenge, {}, challengeSchema);
  const signature = signOwnerChallenge(key.secretKey, clusterId, link.index, challenge);
  await link.call(EVENTS.authenticate, { signature }, emptySchema);
}
