/**
 * The cluster's own certificate authority. It serves the mesh between workers only: each worker trusts this one
 * authority and no other, and a certificate names the worker and the cluster, nothing else.
 * EC P-256 keys, ECDSA with SHA-256 (TLS 1.3 supports it everywhere).
 *
 * X.509 encoding comes from @peculiar/x509 on WebCrypto. Rejected: the openssl program (not on every machine),
 * node-forge (no EC certificates).
 */
import 'reflect-metadata';
import { type webcrypto as WebCryptoTypes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { meshIdentity } from '../mesh/identity.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

/** A certificate and its private key (PKCS #8), both PEM. */
export interface PemPair {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateAuthority extends PemPair {
  /** A certificate for one worker, good for both ends of a connection. */
  issue(name: string): Promise<PemPair>;
}

/** Makes a certificate authority for one cluster; everything it issues is valid for `validityDays` from now. */
export async function createCertificateAuthority(
  clusterId: string,
  validityDays: number,
): Promise<CertificateAuthority> {
  // Clocks of three hosts differ a little.
  const notBefore = new Date(Date.now() - DAY_MS);
  const notAfter = new Date(Date.now() + validityDays * DAY_MS);
  const keys = await generateKeys();
  const authority = await X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=Trivet CA, O=${clusterId}`,
      notBefore,
      notAfter,
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto as never),
      ],
    },
    webcrypto as never,
  );

  async function issue(name: string): Promise<PemPair> {
    const workerKeys = await generateKeys();
    const certificate = await X509CertificateGenerator.create(
      {
        subject: `CN=${name}, O=${clusterId}`,
        issuer: authority.subject,
        notBefore,
        notAfter,
        publicKey: workerKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          new SubjectAlternativeNameExtension([{ type: 'dns', value: meshIdentity(clusterId, name) }]),
          await AuthorityKeyIdentifierExtension.create(authority, false, webcrypto as never),
          await SubjectKeyIdentifierExtension.create(workerKeys.publicKey, false, webcrypto as never),
        ],
      },
      webcrypto as never,
    );
    return toPem(certificate, workerKeys.privateKey);
  }

  return { ...(await toPem(authority, keys.privateKey)), issue };
}

function generateKeys(): Promise<WebCryptoTypes.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function toPem(certificate: X509Certificate, key: WebCryptoTypes.CryptoKey): Promise<PemPair> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', key);
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `${PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
  };
}
