/** Measurements as people read them. */
import { loadavg } from 'node:os';

/** The value that `part` of the values, 0 to 1, are at most. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

const milliseconds = (value: number) => `${value.toFixed(1)} ms`;

/** Median, 95th percentile and largest of some milliseconds. */
export function spread(values: readonly number[]): string {
  const [median, most, largest] = [0.5, 0.95, 1].map((part) => milliseconds(quantile(values, part)));
  return `median ${median}, 95th percentile ${most}, longest ${largest} (${values.length})`;
}

/** What else the machine is busy with belongs beside each figure. */
export function report(title: string, rows: Readonly<Record<string, string>>): void {
  const width = Math.max(...Object.keys(rows).map((name) => name.length));
  const lines = Object.entries(rows).map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  console.log([`${title} (load ${loadavg()[0]!.toFixed(1)})`, ...lines].join('\n'));
}
