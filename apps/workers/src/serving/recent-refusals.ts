/** Why requests were refused a moment ago, so that a worker that hears of one late is told at once. */
import type { TrivetError } from '@trivet/shared-types';

const REMEMBER_MS = 30_000;
const MAX_REMEMBERED = 10_000;

export class RecentRefusals {
  /** Oldest first. */
  readonly #refusals = new Map<string, { readonly error: TrivetError; readonly until: number }>();

  add(requestId: string, error: TrivetError): void {
    const now = performance.now();
    for (const [id, { until }] of this.#refusals) {
      if (until > now && this.#refusals.size < MAX_REMEMBERED) break;
      this.#refusals.delete(id);
    }
    this.#refusals.set(requestId, { error, until: now + REMEMBER_MS });
  }

  get(requestId: string): TrivetError | undefined {
    const refusal = this.#refusals.get(requestId);
    return refusal !== undefined && refusal.until > performance.now() ? refusal.error : undefined;
  }
}
