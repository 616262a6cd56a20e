/** Order statistics of measured times. */

/** What is told of a list of measured milliseconds. */
export interface Summary {
  readonly samples: number;
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * The quantile of some values by linear interpolation between the two nearest ranks (Hyndman and Fan's type 7, as in
 * NumPy and R).
 * @param fraction 0 (the least) to 1 (the largest)
 * @throws RangeError when there are no values, one is not finite, or the fraction is out of range
 */
export function quantile(values: readonly number[], fraction: number): number {
  if (values.length === 0) throw new RangeError('No values have no quantile.');
  if (!(fraction >= 0 && fraction <= 1)) throw new RangeError(`${fraction} is not between 0 and 1.`);
  if (!values.every(Number.isFinite)) throw new RangeError('A measured value is finite.');
  const sorted = [...values].sort((left, right) => left - right);
  const position = fraction * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @throws RangeError as {@link quantile} */
export function summarise(values: readonly number[]): Summary {
  return {
    samples: values.length,
    min: quantile(values, 0),
    p50: median(values),
    p95: quantile(values, 0.95),
    p99: quantile(values, 0.99),
    max: quantile(values, 1),
  };
}
