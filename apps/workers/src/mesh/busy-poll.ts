/**
 * Busy polling: while a batch waits for its next frame, which is mostly there within a tenth of a millisecond, the worker keeps
 * asking for it instead of going to sleep. A core that sleeps takes 30 to 50 microseconds to wake, on virtual machines above all, and a
 * batch waits once a round (docs/decisions/0029-busy-polling.md).
 *
 * Polling is of use only where the peers have cores of their own, and are near. Elsewhere it takes the core from them, or
 * waits in vain. So it stops after two waits in vain, and then tries again at every eighth.
 */

/** Waits in vain before it stops. */
const MOST_CREDIT = 2;
/** Of the waits without credit one in so many is polled, to see whether that has changed. */
const TRY_EVERY = 8;

export class BusyPoll {
  readonly #milliseconds: number;
  #credit = MOST_CREDIT;
  #untried = 0;
  /** When the wait under way is given up; 0 while none is polled. */
  #until = 0;
  #turning = false;

  /** @param micros how long a wait is polled at most; 0: never */
  constructor(micros: number) {
    this.#milliseconds = micros / 1000;
  }

  /** A frame is waited for from now on. */
  begin(): void {
    if (this.#milliseconds === 0) return;
    if (this.#credit === 0 && ++this.#untried % TRY_EVERY !== 0) return;
    this.#until = performance.now() + this.#milliseconds;
    if (this.#turning) return;
    this.#turning = true;
    setImmediate(this.#turn);
  }

  /** It has come, or is waited for no more. */
  end(): void {
    if (this.#until === 0) return;
    this.#until = 0;
    this.#credit = Math.min(this.#credit + 1, MOST_CREDIT);
  }

  /** The event loop does not sleep while an immediate is due: between two of them it looks for what has come. */
  readonly #turn = (): void => {
    if (this.#until > performance.now()) {
      setImmediate(this.#turn);
      return;
    }
    this.#turning = false;
    if (this.#until === 0) return;
    this.#until = 0;
    this.#credit = Math.max(this.#credit - 1, 0);
  };
}
