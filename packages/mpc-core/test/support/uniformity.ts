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

/**
 * Is every place of a list of digits uniform modulo a number, over many runs? Chi-square over all places together, with
 * (modulus - 1) degrees of freedom a place.
 */
export class DigitCounter {
  private readonly counts: Float64Array[] = [];
  private runs = 0;

  constructor(private readonly modulus: number) {}

  add(digits: ArrayLike<number>): void {
    this.runs++;
    for (let i = 0; i < digits.length; i++) {
      this.counts[i] ??= new Float64Array(this.modulus);
      this.counts[i]![digits[i]!]!++;
    }
  }

  deviation(): number {
    const mean = this.runs / this.modulus;
    const chiSquare = this.counts.reduce(
      (total, row) => total + row.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0),
      0,
    );
    const freedom = (this.modulus - 1) * this.counts.length;
    return (chiSquare - freedom) / Math.sqrt(2 * freedom);
  }

  /** As `BitCounter.looksUniform`. */
  get looksUniform(): boolean {
    return Math.abs(this.deviation()) < 6;
  }
}
