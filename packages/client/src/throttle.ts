/**
 * Refuses requests here, before anything is shared or sealed, while the workers refuse most of what they are sent: saying
 * no costs them time as well, and a load of refusals leaves them none to answer anybody. Adaptive throttling, after
 * Beyer, Jones, Petoff and Murphy, "Site Reliability Engineering", chapter 21, "Client-side throttling": of the requests
 * of the latest seconds, those refused here included, `K` times what was answered may be sent, and what goes beyond is
 * refused with the probability that leaves just so many.
 *
 * Two things are added. A few refusals are free, so that who asks now and then is never refused here. And K is small
 * while workers refuse, so that nearly all they are sent can be answered; but once they have refused nothing for a while K is
 * large, and only that while counts. What is sent grows by K a window: with one small K and one long window it would take
 * minutes to come back.
 */
import { TrivetError } from '@trivet/shared-types';

/** What is older counts no more. */
export const WINDOW_MS = 10_000;
const SLOTS = 20;
const SLOT_MS = WINDOW_MS / SLOTS;
/** Requests for each one that is answered, while workers refuse. */
const K_REFUSED = 1.2;
/** The same when they have refused nothing for `CALM_MS`, and answered what was sent in that time. */
const K_CALM = 2;
const CALM_MS = 2000;
/** Unanswered requests of a window for which nobody is refused here. */
const FREE = 3;
const LEAST_RETRY_MS = 500;
/** Of what is sent; where less is refused, questions cost more than they save. */
const REFUSED_PART = 0.1;

/** A request that was refused on this device: RESOURCE_EXHAUSTED, and no worker was asked. */
export class RefusedHereError extends TrivetError {
  /** Milliseconds after which another try is likely to be sent, whatever the workers say to it then. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number, cause?: TrivetError) {
    super('RESOURCE_EXHAUSTED', message, null, { cause });
    this.name = 'RefusedHereError';
    this.retryAfterMs = retryAfterMs;
  }
}

export interface ThrottleSources {
  /** Milliseconds, never running back. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

interface Slot {
  readonly number: number;
  answered: number;
  refused: number;
  /** In vain too, but for want of time. */
  late: number;
  refusedHere: number;
}

/** Of one model, as one client sees it. */
export class Throttle {
  /** Oldest first. */
  #slots: Slot[] = [];
  #inFlight = 0;
  /** Of those that were answered, when the last was sent. */
  #answeredSentAt = Number.NEGATIVE_INFINITY;
  #lastRefusal: { readonly at: number; readonly error: TrivetError } | null = null;

  /** @param model its name, for the sentence */
  constructor(
    private readonly model: string,
    private readonly sources: ThrottleSources = { now: () => performance.now(), random: secureRandom },
  ) {}

  /** Whether workers refuse so much of what they are sent that to ask whether there is room costs less than it saves. */
  get mayHaveNoRoom(): boolean {
    this.#slot();
    const { answered, refused, late } = this.#total();
    return refused > REFUSED_PART * (answered + refused + late);
  }

  /**
   * Before each request. One that passes is in flight until `ended`.
   * @returns when it passed, for `answered`
   * @throws RefusedHereError when it is not to be sent; it is counted then
   */
  check(): number {
    const slot = this.#slot();
    const probability = this.#probability();
    if (probability === 0 || this.sources.random() >= probability) {
      this.#inFlight += 1;
      return this.sources.now();
    }
    slot.refusedHere += 1;
    const retryAfterMs = Math.max(LEAST_RETRY_MS, Math.ceil((probability * WINDOW_MS) / 2));
    const { answered, refused } = this.#total();
    const last = this.#lastRefusal?.error;
    const why = last === undefined ? '' : ` They last said: ${last.message}`;
    const sentence =
      `The request was refused on this device and not sent: the workers refused ${refused} and answered ${answered} of the latest ` +
      `for "${this.model}". Try again in ${Math.ceil(retryAfterMs / 1000)} s.${why}`;
    throw new RefusedHereError(sentence, retryAfterMs, last);
  }

  /** A request that has passed is not in flight any more, however it ended. */
  ended(): void {
    this.#inFlight -= 1;
  }

  /** A request that was sent has its answer. */
  answered(sentAt: number): void {
    this.#slot().answered += 1;
    this.#answeredSentAt = Math.max(this.#answeredSentAt, sentAt);
  }

  /** A worker has refused a request for want of room. */
  refused(error: TrivetError): void {
    this.#slot().refused += 1;
    this.#lastRefusal = { at: this.sources.now(), error };
  }

  /**
   * A request that was sent had no answer in time. While workers refuse as well, that is for the same reason; otherwise its
   * time may have been short, and it does not count.
   */
  late(): void {
    this.#slot().late += 1;
  }

  #probability(): number {
    const { at } = this.#lastRefusal ?? { at: Number.NEGATIVE_INFINITY };
    // Where answers take long, that no refusal comes says nothing yet.
    const quietMs = this.sources.now() - at;
    const isCalm = quietMs >= WINDOW_MS || (quietMs >= CALM_MS && this.#answeredSentAt > at);
    // What was before the last refusal says nothing of the room that there is now.
    const { answered, refused, late, refusedHere } = this.#total(isCalm ? slotOf(at) + 1 : 0);
    // While workers refuse, more requests in flight than were answered in a whole window count as unanswered.
    const unanswered = isCalm ? 0 : late + Math.max(0, this.#inFlight - answered);
    const requests = answered + refused + refusedHere + unanswered;
    return Math.max(0, (requests - (isCalm ? K_CALM : K_REFUSED) * answered - FREE) / (requests + 1));
  }

  /** @param from number of the first slot that counts */
  #total(from = 0): Omit<Slot, 'number'> {
    const total = { answered: 0, refused: 0, late: 0, refusedHere: 0 };
    for (const { number, answered, refused, late, refusedHere } of this.#slots) {
      if (number < from) continue;
      total.answered += answered;
      total.refused += refused;
      total.late += late;
      total.refusedHere += refusedHere;
    }
    return total;
  }

  /** The newest, once those that are too old are gone. */
  #slot(): Slot {
    const number = slotOf(this.sources.now());
    while (this.#slots.length > 0 && this.#slots[0]!.number <= number - SLOTS) this.#slots.shift();
    let newest = this.#slots.at(-1);
    if (newest?.number !== number) {
      newest = { number, answered: 0, refused: 0, late: 0, refusedHere: 0 };
      this.#slots.push(newest);
    }
    return newest;
  }
}

function slotOf(now: number): number {
  return Math.floor(now / SLOT_MS);
}

/** Uniform in [0, 1), of 32 bits. */
function secureRandom(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}
