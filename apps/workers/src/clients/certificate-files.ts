/**
 * The certificate of the client endpoint, and its key. Files that were replaced are noticed within a second or two, a SIGHUP
 * at once; connections that are open go on. What cannot be used is logged, and the certificate of before stays.
 */
import { X509Certificate } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import { readSecretFile } from '@trivet/at-rest';
import { TrivetError } from '@trivet/shared-types';
import { readText } from '../config/load.js';
import type { Logger } from '../observe/logger.js';

const LOOK_EVERY_MS = 1000;

export interface CertificatePaths {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificatePair {
  readonly cert: string;
  readonly key: Buffer;
}

/** @throws TrivetError INVALID_ARGUMENT or FAILED_PRECONDITION when a file cannot be read, or the two do not fit together */
export async function readCertificate({ certificate, key }: CertificatePaths): Promise<CertificatePair> {
  const pair = { cert: await readText(certificate), key: await readSecretFile(key) };
  try {
    // A file that is just being written is empty for a moment, which createSecureContext takes for "no certificate" and
    // accepts: every handshake would fail until the next change.
    new X509Certificate(pair.cert);
    createSecureContext(pair);
  } catch (error) {
    // OpenSSL's words name the fault, and never quote the key.
    const why = error instanceof Error ? error.message : 'unknown error';
    const sentence = `The certificate ${certificate} cannot be used with the key ${key}: ${why}.`;
    throw new TrivetError('FAILED_PRECONDITION', sentence);
  }
  return pair;
}

export class CertificateFiles {
  #reloading: Promise<void> = Promise.resolve();
  #used: CertificatePair;
  readonly #onChange = () => void this.reload();

  constructor(
    private readonly paths: CertificatePaths,
    first: CertificatePair,
    private readonly server: Server,
    private readonly log: Logger,
  ) {
    this.#used = first;
    for (const file of [paths.certificate, paths.key]) {
      watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, this.#onChange);
    }
  }

  /** Resolves when new connections get what is in the files now, or the reason why not is in the log. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload());
    return this.#reloading;
  }

  async close(): Promise<void> {
    for (const file of [this.paths.certificate, this.paths.key]) unwatchFile(file, this.#onChange);
    await this.#reloading;
  }

  async #reload(): Promise<void> {
    try {
      const pair = await readCertificate(this.paths);
      if (pair.cert === this.#used.cert && pair.key.equals(this.#used.key)) return;
      this.server.setSecureContext(pair);
      this.#used = pair;
      this.log.info({ certificate: this.paths.certificate }, 'clients get a new certificate');
    } catch (error) {
      this.log.error({ err: error }, "the clients' certificate cannot be changed; the one of before stays");
    }
  }
}
