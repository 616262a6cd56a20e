/** Repeats a measured piece of work: first unrecorded, until it runs at its speed, then recorded. */

export interface Budget {
  /** Unrecorded runs last at least this long; at least one is made. */
  readonly warmUpMs: number;
  /** Recorded runs begin until this is over, or `maxRuns` are done. */
  readonly measureMs: number;
  readonly maxRuns: number;
  /** As many are made even when the time is over. */
  readonly minRuns: number;
}

/**
 * @param work one run; resolves with the milliseconds that count
 * @returns the milliseconds of each recorded run
 */
export async function repeat(
  work: () => Promise<number> | number,
  budget: Budget,
  onMeasure?: () => Promise<void>,
): Promise<number[]> {
  const warmUntil = performance.now() + budget.warmUpMs;
  do await work();
  while (performance.now() < warmUntil);
  await onMeasure?.();
  const until = performance.now() + budget.measureMs;
  const times: number[] = [];
  while (times.length < budget.minRuns || (times.length < budget.maxRuns && performance.now() < until)) {
    times.push(await work());
  }
  return times;
}
