/** A worker's own certificate, checked when it starts: what is wrong with it would else show as silence on the mesh. */
import { X509Certificate } from 'node:crypto';
import { TrivetError } from '@trivet/shared-types';
import { meshIdentity } from '../mesh/identity.js';
import type { WorkerConfig } from './schema.js';

const DAY_MS = 86_400_000;

/**
 * @returns days for which it is still valid
 * @throws TrivetError FAILED_PRECONDITION when it is another worker's, or not valid now
 */
export function checkCertificate(pem: string, config: WorkerConfig): number {
  const { clusterId, mesh, name } = config;
  const refuse = (what: string) =>
    new TrivetError('FAILED_PRECONDITION', `The certificate ${mesh.certificate} ${what}.`);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw refuse('is no PEM certificate');
  }
  if (certificate.subjectAltName !== `DNS:${meshIdentity(clusterId, name)}`) {
    throw refuse(`is not that of ${name} in the cluster ${clusterId}`);
  }
  const now = Date.now();
  if (now < Date.parse(certificate.validFrom)) {
    throw refuse(`is valid from ${certificate.validFrom} only: check the clock`);
  }
  const left = Date.parse(certificate.validTo) - now;
  if (left <= 0) throw refuse(`expired on ${certificate.validTo}: issue a new one`);
  return left / DAY_MS;
}
