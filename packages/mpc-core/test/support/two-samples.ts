/**
 * Do two secrets give messages of one distribution? Every bit of every message is counted over many runs with either; what a
 * protocol's messages look like (words, planes, digits modulo a prime) does not matter. The statistic is the sum over bit
 * positions of the squared standardised difference of the two frequencies: chi-square, were the bits independent.
 */

/** Bits of a message depend on each other (digits modulo 67), so the statistic spreads wider than chi-square. */
const LIMIT = 10;

/** Counts for named messages under two secrets. */
export class TwoSamples {
  private readonly counts = new Map<string, readonly [Float64Array, Float64Array]>();
  private readonly runs = new Map<string, [number, number]>();

  add(secret: 0 | 1, name: string, message: Uint8Array): void {
    const bits = message.length * 8;
    const known = this.counts.get(name) ?? ([new Float64Array(bits), new Float64Array(bits)] as const);
    if (known[0].length !== bits) throw new Error(`Messages called "${name}" have one length.`);
    this.counts.set(name, known);
    const runs = this.runs.get(name) ?? [0, 0];
    runs[secret]++;
    this.runs.set(name, runs);
    const ones = known[secret];
    for (let bit = 0; bit < bits; bit++) ones[bit]! += (message[bit >> 3]! >> (bit & 7)) & 1;
  }

  /** Names of the messages that tell the secrets apart. */
  different(): string[] {
    return [...this.counts.keys()].filter((name) => this.deviation(name) > LIMIT);
  }

  get messages(): number {
    return this.counts.size;
  }

  /** Standard deviations of chi-square above its mean. */
  deviation(name: string): number {
    const [a, b] = this.counts.get(name)!;
    const [runsOfA, runsOfB] = this.runs.get(name)!;
    let [statistic, positions] = [0, 0];
    for (let bit = 0; bit < a.length; bit++) {
      const mean = (a[bit]! + b[bit]!) / (runsOfA + runsOfB);
      if (mean === 0 || mean === 1) continue;
      const variance = mean * (1 - mean) * (1 / runsOfA + 1 / runsOfB);
      statistic += (a[bit]! / runsOfA - b[bit]! / runsOfB) ** 2 / variance;
      positions++;
    }
    return positions === 0 ? 0 : (statistic - positions) / Math.sqrt(2 * positions);
  }
}
