/** Who is at the other end of a mesh connection: said by its certificate alone. */
import type { PeerCertificate } from 'node:tls';

/** The name in a worker's certificate (its only subject alternative name): the worker and its cluster. */
export function meshIdentity(clusterId: string, worker: string): string {
  return `${worker}.${clusterId}.trivet`;
}

/** Whether a certificate, already verified against the cluster's authority, is that worker's. */
export function isCertificateOf(certificate: PeerCertificate, clusterId: string, worker: string): boolean {
  return (
    certificate.subjectaltname === `DNS:${meshIdentity(clusterId, worker)}` &&
    certificate.subject?.CN === worker &&
    certificate.subject?.O === clusterId
  );
}
