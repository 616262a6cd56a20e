/**
 * Check words. A row of words w_0 … w_{m-1} is followed by w_0 M^{m-1} + … + w_{m-2} M + w_{m-1} modulo 2^64, with an
 * odd M. That is linear, so the check words of shares add up to that of their sum; and since powers of M are odd, a row in
 * which one word is wrong, whichever and however, never fits its check word. A random row fits with probability 2^-64.
 * It is a check against faults, not against somebody who chooses what to add.
 */

/** 2^64 over the golden ratio, odd. */
export const CHECK_MULTIPLIER = 0x9e37_79b9_7f4a_7c15n;

/** The check word of a row. */
export function checkWord(row: readonly bigint[]): bigint {
  return row.reduce((check, word) => BigInt.asUintN(64, check * CHECK_MULTIPLIER + word), 0n);
}
