/** A progress bar on stderr; silent where stderr is no terminal, so that logs and pipes stay clean. */

export interface Progress {
  update(done: number, total: number): void;
  /** Clears the line. */
  end(): void;
}

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_CELLS = 30;
const REDRAW_MS = 50;

/** @param unit printed after the counts, for example "images" */
export function createProgress(label: string, unit: string, output: Output = process.stderr): Progress {
  if (output.isTTY !== true) return { update() {}, end() {} };
  const start = performance.now();
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    update(done, total) {
      const now = performance.now();
      if (done < total && now - drawn < REDRAW_MS) return;
      drawn = now;
      const line = progressLine(label, unit, done, total, (now - start) / 1000);
      output.write(`\r\x1b[K${line.slice(0, (output.columns ?? 80) - 1)}`);
    },
    end: () => output.write('\r\x1b[K'),
  };
}

/** One line, for example "Classifying ███████░░░  700/1000 images  12 s left". */
export function progressLine(
  label: string,
  unit: string,
  done: number,
  total: number,
  seconds: number,
): string {
  const fraction = total === 0 ? 1 : Math.min(1, done / total);
  const cells = Math.round(fraction * BAR_CELLS);
  const bar = '█'.repeat(cells) + '░'.repeat(BAR_CELLS - cells);
  const left =
    fraction > 0 && fraction < 1 ? `  ${Math.ceil((seconds * (1 - fraction)) / fraction)} s left` : '';
  return `${label} ${bar}  ${done}/${total} ${unit}${left}`;
}
