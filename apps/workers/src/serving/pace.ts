/**
 * How fast batches end, and so how long a request would wait behind others. A queue that is served in the order of arrival
 * gives everybody an answer that comes too late as soon as it is longer than a deadline: what could not be answered in
 * time is better refused at once, so that somebody can be.
 */

/** The latest batches; fewer say too little. */
const REMEMBERED = 9;
/** More images than so many times the largest of them are done faster, nobody knows by how much. */
const FAR = 4;

/** What has to be done before a request is answered, in images. */
export interface Ahead {
  /** In batches that run. */
  readonly running: number;
  /** When the first of those has begun. */
  readonly runningSince: number;
  /** Its own and those that wait before it. */
  readonly waiting: number;
}

interface Ended {
  readonly images: number;
  readonly msPerImage: number;
}

export class Pace {
  readonly #ended: Ended[] = [];
  #lastEndedAt = Number.NEGATIVE_INFINITY;

  /** A batch has ended well; several may have run at once. Times by one clock, in milliseconds. */
  ended(images: number, startedAt: number, now: number): void {
    const msPerImage = (now - Math.max(startedAt, this.#lastEndedAt)) / images;
    this.#ended.push({ images, msPerImage });
    if (this.#ended.length > REMEMBERED) this.#ended.shift();
    this.#lastEndedAt = now;
  }

  /**
   * Milliseconds until all of it is done; 0 when what has run does not tell. Of far more images than have run together it
   * says as much as it knows: no less than a part of them takes, so that a queue never grows out of what can be judged.
   * Times by the same clock as `ended`.
   */
  waitMs({ running, runningSince, waiting }: Ahead, now: number): number {
    if (this.#ended.length < REMEMBERED) return 0;
    const judged = FAR * Math.max(...this.#ended.map((batch) => batch.images));
    const ms = this.#msPerImage();
    const elapsed = now - Math.max(runningSince, this.#lastEndedAt);
    // One that should have ended long ago has something in its way.
    const left = Math.max(running * ms - elapsed, (running * ms) / 2);
    return Math.min(left + waiting * ms, judged * ms);
  }

  /**
   * The median over images, not over batches: what waits makes a large batch, in which an image takes a tenth of what it
   * takes alone, so many small ones say little of it. A median, for a batch that stood still, because a peer was lost
   * or frozen, says nothing of the next.
   */
  #msPerImage(): number {
    const sorted = [...this.#ended].sort((left, right) => left.msPerImage - right.msPerImage);
    let left = sorted.reduce((total, { images }) => total + images, 0) / 2;
    for (const { images, msPerImage } of sorted) {
      left -= images;
      if (left <= 0) return msPerImage;
    }
    return 0;
  }
}
