/** The workers' memory over time. */

import { median } from '../bench/statistics.js';
import { readProcessMetrics } from '../bench/worker-metrics.js';

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

export class MemoryLog {
  readonly #samples: [Sample[], Sample[], Sample[]] = [[], [], []];

  constructor(private readonly metricsUrls: readonly [string, string, string]) {}

  /** Reads all three; one that cannot answer now is left out. */
  async read(atMs: number): Promise<void> {
    await Promise.all(
      this.metricsUrls.map(async (url, worker) => {
        const metrics = await readProcessMetrics(url, 2000).catch(() => null);
        if (metrics !== null) this.#samples[worker]!.push({ atMs, bytes: metrics.residentBytes });
      }),
    );
  }

  /** Of each worker the median within a stretch of time; null where nothing was read. */
  within(fromMs: number, toMs: number): (number | null)[] {
    return this.#samples.map((samples) => {
      const read = samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).map(({ bytes }) => bytes);
      return read.length === 0 ? null : median(read);
    });
  }
}
