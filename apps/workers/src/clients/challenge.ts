/** A worker's challenge to a connection: fresh, good for one try, and not for long. */
import { randomBytes } from 'node:crypto';
import { TrivetError } from '@trivet/shared-types';

const CHALLENGE_BYTES = 32;
const CHALLENGE_LIFE_MS = 60_000;

export class Challenge {
  #open: { readonly hex: string; readonly until: number } | null = null;

  constructor(private readonly worker: string) {}

  /** A fresh one, in hex, in place of any before. */
  issue(): string {
    const hex = randomBytes(CHALLENGE_BYTES).toString('hex');
    this.#open = { hex, until: performance.now() + CHALLENGE_LIFE_MS };
    return hex;
  }

  /** The one that was issued, spent from here on. @throws TrivetError FAILED_PRECONDITION when there is none */
  take(): string {
    const open = this.#open;
    this.#open = null;
    if (open !== null && performance.now() <= open.until) return open.hex;
    throw new TrivetError(
      'FAILED_PRECONDITION',
      'Ask for a challenge first, and answer that one.',
      this.worker,
    );
  }
}
