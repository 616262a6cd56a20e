/**
 * How fast batches end, and so how long a request would wait behind others. A queue that is served in the order of arrival
 * gives everybody an answer that comes too late as soon as it is longer than a deadline: what could not be answered in
 * time is better refused at once, so that somebody can be.
 */

/** Of so many batches the median counts: one that stood still, for a peer was lost or frozen, says nothing of the next. */
const REMEMBERED = 9;

export class Pace {
  readonly #msPerImage: number[] = [];
  #lastEndedAt = Number.NEGATIVE_INFINITY;

  /** A batch has ended well; several may have run at once. Times by one clock, in milliseconds. */
  ended(images: number, startedAt: number, now: number): void {
    this.#msPerImage.push((now - Math.max(startedAt, this.#lastEndedAt)) / images);
    if (this.#msPerImage.length > REMEMBERED) this.#msPerImage.shift();
    this.#lastEndedAt = now;
  }

  /** Milliseconds until so many images are done; 0 while nothing is known. */
  waitMs(images: number): number {
    const sorted = [...this.#msPerImage].sort((left, right) => left - right);
    return images * (sorted[(sorted.length - 1) >> 1] ?? 0);
  }
}
