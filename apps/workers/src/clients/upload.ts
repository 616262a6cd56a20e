/** A share file on its way in, chunk by chunk and in order. It is held in memory: the disk sees it encrypted only. */
import { randomBytes } from 'node:crypto';
import { CLIENT_LIMITS, type SignedManifest, TrivetError } from '@trivet/shared-types';

export class Upload {
  readonly id = randomBytes(16).toString('hex');
  readonly #content: Buffer;
  #received = 0;

  constructor(
    readonly manifest: SignedManifest,
    bytes: number,
    private readonly worker: string,
  ) {
    // Not from the shared pool; zeroed pages cost nothing until they are written.
    this.#content = Buffer.alloc(bytes);
  }

  /** @throws TrivetError INVALID_ARGUMENT when the chunk is not the next one */
  append(offset: number, chunk: Uint8Array): void {
    const { length } = chunk;
    const fits = offset === this.#received && this.#received + length <= this.#content.length;
    if (!fits || length === 0 || length > CLIENT_LIMITS.shareChunkBytes) {
      throw this.#error(
        `The chunk of ${length} bytes at ${offset} is not the next one: ${this.#received} bytes of ${this.#content.length} are here.`,
      );
    }
    this.#content.set(chunk, offset);
    this.#received += length;
  }

  /** The whole file. @throws TrivetError INVALID_ARGUMENT when some of it is missing */
  complete(): Buffer {
    if (this.#received !== this.#content.length) {
      throw this.#error(
        `The share is not complete: ${this.#received} bytes of ${this.#content.length} are here.`,
      );
    }
    return this.#content;
  }

  #error(message: string): TrivetError {
    return new TrivetError('INVALID_ARGUMENT', message, this.worker);
  }
}
