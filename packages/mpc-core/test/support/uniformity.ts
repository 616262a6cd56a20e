/**
 * Is every bit of a message a fair coin, over many runs? The statistic is the sum over bit positions of the squared
 * standardised deviation from one half: chi-square with as many degrees of freedom as there are positions.
 */

/** Counts, per bit position, over equally long messages. */
export class BitCounter {
  private ones: Float64Array | null = null;
  private runs = 0;

  add(message: Uint8Array): void {
    this.ones ??= new Float64Array(message.length * 8);
    if (this.ones.length !== message.length * 8) throw new Error('Messages of a counter have one length.');
    this.runs++;
    for (let i = 0; i < message.length; i++) {
      for (let b = 0; b < 8; b++) this.ones[8 * i + b] += (message[i] >> b) & 1;
    }
  }

  /** Standard deviations between chi-square and its mean; about normal(0, 1) for uniform messages. */
  bitDeviation(): number {
    const { runs } = this;
    const ones = this.ones ?? new Float64Array(0);
    const chiSquare = ones.reduce((total, count) => total + (2 * count - runs) ** 2 / runs, 0);
    return (chiSquare - ones.length) / Math.sqrt(2 * ones.length);
  }

  /** Standard deviations between the number of ones in everything and one half. */
  meanDeviation(): number {
    const ones = this.ones ?? new Float64Array(0);
    const total = ones.reduce((sum, count) => sum + count, 0);
    const bits = ones.length * this.runs;
    return (2 * total - bits) / Math.sqrt(bits);
  }

  /** Uniform messages are called uniform but once in about 10^6 tests. */
  get looksUniform(): boolean {
    return Math.abs(this.bitDeviation()) < 5.5 && Math.abs(this.meanDeviation()) < 5;
  }
}
