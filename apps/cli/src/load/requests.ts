/**
 * Clients that ask without end: closed, each asking as soon as it was answered, which finds the capacity; or open, at
 * a rate that does not care for the answers, as many people who do not know of each other. Every answer is checked.
 */
import { PredictionClient, RefusedHereError } from '@trivet/client';
import type { SeededRandom } from '@trivet/seeded-random';
import { type Cluster, TrivetError } from '@trivet/shared-types';
import type { Reference } from './reference.js';
import { emptyTally, type Tally } from './tally.js';

export interface RequestsOptions {
  readonly cluster: Cluster;
  readonly model: string;
  readonly reference: Reference;
  readonly connections: number;
  /** Of each request, until `setRate` says otherwise. */
  readonly timeoutMs: number;
  /** One request in so many has `largeDigits` digits, the others one. */
  readonly largeEvery: number;
  readonly largeDigits: number;
  /** One request in so many is cancelled by its client a moment after it was sent; 0: none. */
  readonly cancelEvery: number;
  /** Of the clients; true unless told. */
  readonly throttling?: boolean;
  readonly random: SeededRandom;
}

/** How long after its deadline a request that has not ended counts as hung, on a busy machine too. */
const HUNG_AFTER_MS = 5000;
/** Requests that begin in one breath; what comes back is read before the next. */
const AT_ONCE = 20;
/** A load that cannot keep up begins so much later what was due in the meantime, and drops the rest. */
const MOST_OWED_MS = 200;

interface Mark {
  readonly at: number;
  readonly tell: (afterMs: number) => void;
}

export class Requests {
  readonly tally: Tally = emptyTally();
  /** Milliseconds of right answers; taken out by who reads them. */
  times: number[] = [];
  #open = 0;
  #marks: Mark[] = [];
  #rate = 0;
  #dueAt = 0;
  #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;
  #next = 0;

  private constructor(
    private readonly options: RequestsOptions,
    private readonly clients: readonly PredictionClient[],
  ) {
    this.#timeoutMs = options.timeoutMs;
  }

  /** @throws TrivetError when a worker cannot be reached */
  static async connect(options: RequestsOptions): Promise<Requests> {
    const { workers, clusterId, ownerKey } = options.cluster;
    const { throttling = true } = options;
    const clients = await Promise.all(
      Array.from({ length: options.connections }, () =>
        PredictionClient.connect({ workers, clusterId, ownerKey, throttling, timeoutMs: 60_000 }),
      ),
    );
    return new Requests(options, clients);
  }

  get open(): number {
    return this.#open;
  }

  /**
   * Keeps so many requests open for so long.
   * @param digits in each of them; by chance unless told
   * @returns right answers a second, and digits
   */
  async closed(
    lanes: number,
    ms: number,
    digits?: number,
  ): Promise<{ requestsPerSecond: number; digitsPerSecond: number }> {
    const start = performance.now();
    const before = { right: this.tally.right, digits: this.tally.digits };
    const lane = async () => {
      while (performance.now() - start < ms) await this.#ask({ digits });
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const seconds = (performance.now() - start) / 1000;
    return {
      requestsPerSecond: (this.tally.right - before.right) / seconds,
      digitsPerSecond: (this.tally.digits - before.digits) / seconds,
    };
  }

  /** Asks at this rate from now on, at random moments (a Poisson process); 0: no more. */
  setRate(perSecond: number, timeoutMs = this.#timeoutMs): void {
    this.#rate = perSecond;
    this.#timeoutMs = timeoutMs;
    clearTimeout(this.#timer);
    if (perSecond <= 0) return;
    this.#dueAt = performance.now() + this.#gap();
    this.#askWhenDue();
  }

  /** Calls back with the time until the first right answer to a request that begins from now on. */
  mark(tell: (afterMs: number) => void): void {
    this.#marks.push({ at: performance.now(), tell });
  }

  close(): void {
    this.setRate(0);
    for (const client of this.clients) client.close();
  }

  #gap(): number {
    return (-Math.log(1 - this.options.random.next()) * 1000) / this.#rate;
  }

  #askWhenDue(): void {
    const now = performance.now();
    for (; this.#dueAt <= now - MOST_OWED_MS; this.#dueAt += this.#gap()) this.tally.dropped += 1;
    for (let begun = 0; this.#dueAt <= now && begun < AT_ONCE; begun++) {
      void this.#ask({ dueAt: this.#dueAt });
      this.#dueAt += this.#gap();
    }
    this.#timer = setTimeout(() => this.#askWhenDue(), Math.max(1, this.#dueAt - now));
  }

  /**
   * One request; never rejects.
   * @param dueAt what its time is counted from, so that clients that lag behind make nothing look faster; now unless told
   */
  async #ask({ digits, dueAt }: { digits?: number | undefined; dueAt?: number }): Promise<void> {
    const { model, reference, random, largeEvery, largeDigits, cancelEvery } = this.options;
    const timeoutMs = this.#timeoutMs;
    const client = this.clients[this.#next++ % this.clients.length]!;
    const count = digits ?? (random.below(largeEvery) === 0 ? largeDigits : 1);
    const from = random.below(reference.images - count + 1);
    const cancelled = cancelEvery > 0 && random.below(cancelEvery) === 0;
    const signal = cancelled ? AbortSignal.timeout(random.below(50)) : undefined;
    const start = dueAt ?? performance.now();
    this.#open += 1;
    this.tally.requests += 1;
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      this.tally.hung += 1;
      this.#open -= 1;
    }, timeoutMs + HUNG_AFTER_MS);
    try {
      const prediction = await client.predict(model, reference.inputs(from, count), {
        timeoutMs,
        requestSize: count,
        ...(signal !== undefined && { signal }),
      });
      if (hung) return;
      if (reference.isRight(prediction, from)) this.#right(start, count, timeoutMs);
      else this.tally.wrong += 1;
    } catch (error) {
      if (hung) return;
      const code = error instanceof TrivetError ? error.code : null;
      // Whatever has no code was not foreseen: as bad as a wrong answer.
      if (code === null) this.tally.wrong += 1;
      else this.tally.refused[code] = (this.tally.refused[code] ?? 0) + 1;
      if (error instanceof RefusedHereError) this.tally.refusedHere += 1;
    } finally {
      clearTimeout(timer);
      if (!hung) {
        this.#open -= 1;
        this.tally.longestMs = Math.max(this.tally.longestMs, performance.now() - start);
      }
    }
  }

  #right(start: number, count: number, timeoutMs: number): void {
    const now = performance.now();
    this.tally.right += 1;
    if (now - start > timeoutMs) this.tally.late += 1;
    this.tally.digits += count;
    this.times.push(now - start);
    const reached = this.#marks.filter(({ at }) => at <= start);
    this.#marks = this.#marks.filter(({ at }) => at > start);
    for (const { at, tell } of reached) tell(now - at);
  }
}
