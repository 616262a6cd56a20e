/**
 * The one batch that may run before it is known that the followers hold its request: a lone request that the leader has, or one
 * that its client announced and that has come here. It is small, and it is given up soon, so that whoever sends a request to
 * the leader alone holds nothing up: such a batch does not count as one in flight.
 */
import { TrivetError } from '@trivet/shared-types';
import type { Session } from '../mesh/session.js';
import type { RunningBatch } from './batch-runs.js';
import type { Gathering } from './gatherings.js';
import { EARLY_MS } from './parked.js';
import { withResolvers } from './with-resolvers.js';

/** After one that never reached the followers none begins early for so long: each takes something out of the pool. */
const PAUSE_MS = 1000;

interface Early {
  readonly gathering: Gathering;
  readonly running: RunningBatch;
  /** The followers hold the same request: its answer may leave. */
  readonly agree: () => void;
  readonly timer: NodeJS.Timeout;
}

export class EarlyBatch {
  #one: Early | null = null;
  /** Until then none begins, for the last one that did was for nothing. */
  #noneUntil = 0;

  constructor(private readonly worker: string) {}

  /** The batch; null: there is none. */
  get running(): RunningBatch | null {
    return this.#one?.running ?? null;
  }

  get isPaused(): boolean {
    return performance.now() < this.#noneUntil;
  }

  isOf(gathering: Gathering): boolean {
    return this.#one?.gathering === gathering;
  }

  /**
   * @param begin is given what its answer must wait for; it gives undefined when it can't begin
   * @returns whether it has begun
   */
  begin(gathering: Gathering, begin: (agreed: Promise<void>) => RunningBatch | undefined): boolean {
    const { promise: agreed, resolve: agree, reject } = withResolvers();
    const running = begin(agreed);
    if (running === undefined) return false;
    const { session } = running;
    session.signal.addEventListener('abort', () => reject(session.error), { once: true });
    const timer = setTimeout(() => {
      const message = 'The request did not arrive at all three workers in time.';
      session.fail(new TrivetError('UNAVAILABLE', message, this.worker), true);
    }, EARLY_MS);
    this.#one = { gathering, running, agree, timer };
    return true;
  }

  /** The followers hold its request, the same: from now on it is a batch as any other. */
  agree(now: number): void {
    if (this.#one === null) return;
    this.#one.running.startedAt = now;
    this.#one.agree();
    this.#clear();
  }

  /** A batch has ended. @returns whether it was this one, before the followers had its request */
  ended(session: Session): boolean {
    if (this.#one?.running.session !== session) return false;
    this.#noneUntil = performance.now() + PAUSE_MS;
    this.#clear();
    return true;
  }

  #clear(): void {
    clearTimeout(this.#one?.timer);
    this.#one = null;
  }
}
