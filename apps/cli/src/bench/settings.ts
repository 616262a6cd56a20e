/** How long each part of a bench run takes. Times bound the runs, so a slow machine makes fewer, not a longer bench. */
import { TEST_IMAGES } from '@trivet/node';
import type { Budget } from './repeat.js';

export interface BenchSettings {
  /** How long eight clients keep the workers busy before anything is measured: V8 compiles what is hot only by and by. */
  readonly warmUpMs: number;
  /** Once before the workers start and once after they have stopped. */
  readonly plaintextSingle: Budget;
  readonly plaintextBatch: Budget;
  readonly single: Budget;
  /** By digits in the request; the one of 100 is always there. */
  readonly batches: readonly { readonly digits: number; readonly budget: Budget }[];
  /** The first is the headline. */
  readonly loads: readonly {
    readonly clients: number;
    readonly requestSize: number;
    readonly warmUpMs: number;
    readonly measureMs: number;
  }[];
  /** How many test digits one client classifies, the first ones, and how many a request; null: none. */
  readonly allDigits: { readonly digits: number; readonly requestSize: number } | null;
  /** Whether the cost model is held against what was measured; some seconds. */
  readonly estimates: boolean;
  /** Digits after which memory is read, ascending; empty: no soak. */
  readonly soak: readonly number[];
}

const budget = (warmUpMs: number, measureMs: number, minRuns: number, maxRuns: number): Budget => {
  return { warmUpMs, measureMs, minRuns, maxRuns };
};

/** About 20 s of measurement; with further protocols, and what starts and stops around it, under 50 s. */
export const QUICK: BenchSettings = {
  warmUpMs: 4500,
  plaintextSingle: budget(200, 500, 20, 5000),
  plaintextBatch: budget(100, 300, 3, 200),
  single: budget(2000, 2500, 5, 3000),
  batches: [
    { digits: 10, budget: budget(200, 400, 3, 200) },
    { digits: 100, budget: budget(500, 1600, 3, 100) },
  ],
  loads: [
    { clients: 8, requestSize: 100, warmUpMs: 300, measureMs: 1500 },
    { clients: 8, requestSize: 1, warmUpMs: 200, measureMs: 1000 },
  ],
  allDigits: null,
  estimates: false,
  soak: [],
};

/** Each protocol after the first of a quick run: the figures of its line, in about 9 s. */
export const QUICK_FURTHER: BenchSettings = {
  ...QUICK,
  warmUpMs: 1500,
  single: budget(2500, 1000, 5, 3000),
  batches: [{ digits: 100, budget: budget(0, 0, 1, 1) }],
  loads: [{ clients: 2, requestSize: 25, warmUpMs: 200, measureMs: 1200 }],
};

export const FULL: BenchSettings = {
  warmUpMs: 15_000,
  plaintextSingle: budget(1000, 3000, 100, 20_000),
  plaintextBatch: budget(500, 2000, 10, 1000),
  // Of that, those under `fss` wait half the time for the pool; and what only a lone request runs through, the load has not warmed up.
  single: budget(15_000, 20_000, 30, 5000),
  batches: [
    { digits: 10, budget: budget(1000, 5000, 10, 500) },
    { digits: 100, budget: budget(2000, 10_000, 10, 200) },
    { digits: 1000, budget: budget(2000, 20_000, 5, 30) },
  ],
  loads: [
    { clients: 8, requestSize: 100, warmUpMs: 3000, measureMs: 15_000 },
    { clients: 8, requestSize: 10, warmUpMs: 2000, measureMs: 10_000 },
    { clients: 8, requestSize: 1, warmUpMs: 3000, measureMs: 15_000 },
  ],
  allDigits: { digits: TEST_IMAGES, requestSize: 100 },
  estimates: true,
  soak: [],
};

/** Digits after which a soak reads the workers' memory. */
export const SOAK_POINTS = [5000, 10_000, 20_000, 30_000, 40_000, 50_000] as const;

/** Of each stretch of time of a run under overload. */
export const OVERLOAD_SECONDS = 12;
