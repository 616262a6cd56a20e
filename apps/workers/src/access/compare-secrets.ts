/** The one comparison of secret values: how long it takes does not depend on where they differ. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { tokenProofMessage } from '@trivet/shared-types';

/** Values of another length are unequal; a length is no secret. */
export function equalSecrets(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

export interface TokenProof {
  readonly id: string;
  readonly challenge: string;
  /** Hex. */
  readonly proof: string;
}

/** Whether a proof (see shared-types' client-token.ts) is that of the token with this verifier, at this worker. */
export function isProofOf(
  verifier: string,
  { id, challenge, proof }: TokenProof,
  clusterId: string,
  workerIndex: number,
): boolean {
  const expected = Buffer.from(verifier, 'hex');
  const message = tokenProofMessage(clusterId, workerIndex, id, challenge);
  const mask = createHmac('sha256', expected).update(message).digest();
  const sent = Buffer.from(proof, 'hex');
  const key = mask.map((byte, index) => byte ^ (sent[index] ?? 0));
  const found = createHash('sha256').update(key).digest();
  key.fill(0);
  return sent.length === mask.length && equalSecrets(found, expected);
}
