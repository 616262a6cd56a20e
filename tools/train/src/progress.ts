/** One line of progress on a terminal, redrawn in place; on anything else, one line a finished epoch. */

const BAR_WIDTH = 24;
const REDRAW_MS = 200;

export class Progress {
  readonly #started = performance.now();
  #drawn = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly total: number,
    private readonly stream: NodeJS.WriteStream = process.stderr,
  ) {}

  /** Redraws the bar, at most five times a second. */
  update(done: number, note: string): void {
    const now = performance.now();
    if (!this.stream.isTTY || now - this.#drawn < REDRAW_MS) return;
    this.#drawn = now;
    const filled = Math.round((BAR_WIDTH * done) / this.total);
    const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
    const left = ((now - this.#started) / done) * (this.total - done);
    const percent = ((100 * done) / this.total).toFixed(1).padStart(5);
    this.stream.write(`\r\x1b[K${bar} ${percent} %  ${formatDuration(left)} left  ${note}`);
  }

  /** Prints a line that stays, above the bar. */
  line(text: string): void {
    this.stream.write(this.stream.isTTY ? `\r\x1b[K${text}\n` : `${text}\n`);
  }

  get elapsedMs(): number {
    return performance.now() - this.#started;
  }
}

/** For example "4 min 05 s". */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}
