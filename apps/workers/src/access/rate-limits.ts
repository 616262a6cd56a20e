/** How fast each token may ask: a token bucket each, filled by the clock, in memory. */
import { type TokenGrant, TrivetError } from '@trivet/shared-types';

interface Bucket {
  /** Samples that may be asked for now. */
  level: number;
  at: number;
}

export class RateLimits {
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    private readonly worker: string,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes `count` samples out of the token's bucket. @throws TrivetError RESOURCE_EXHAUSTED, with nothing taken */
  spend({ id, name, rate }: TokenGrant, count: number): void {
    if (rate === null) return;
    const { burst, perSecond } = rate;
    if (count > burst) {
      throw this.#error(
        `The token "${name}" may ask for ${burst} samples at once, and this request has ${count}: split it.`,
      );
    }
    const now = this.now();
    const before = this.#buckets.get(id) ?? { level: burst, at: now };
    const level = Math.min(burst, before.level + ((now - before.at) / 1000) * perSecond);
    if (level < count) {
      this.#buckets.set(id, { level, at: now });
      const wait = Math.max(0.1, Math.ceil(((count - level) / perSecond) * 10) / 10);
      throw this.#error(
        `The token "${name}" may ask for ${perSecond} samples a second; try again in ${wait} s.`,
      );
    }
    this.#buckets.set(id, { level: level - count, at: now });
  }

  /** Forgets those that are in use no more. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#buckets.keys()) if (!ids.has(id)) this.#buckets.delete(id);
  }

  #error(message: string): TrivetError {
    return new TrivetError('RESOURCE_EXHAUSTED', message, this.worker);
  }
}
