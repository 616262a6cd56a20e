/**
 * Fixed-point answers as decimal numbers.
 *
 * The workers compute in multiples of u = 2^-f: inputs and weights are rounded to them, and so is every activation. A
 * decimal that lies within u/2 of the result names the same fixed-point number as the result itself, so digits beyond
 * the shortest such decimal say nothing about the model. This is the rule by which floats are printed (the shortest
 * decimal that reads back as the same float; Steele and White 1990), with u in place of the float's spacing. So
 * `half_plus_two` answers 2.5, 3.0 and 4.5, and 0.1 answers 2.05, though 0.1 is no multiple of u.
 *
 * A probability p = softmax(z) moves by at most u p when a logit moves by u: there u p takes the place of u.
 */

const MOST_DIGITS = 17;

/** The shortest decimal within `unit / 2` of `value`, the nearest of equally short ones. */
export function formatFixed(value: number, unit: number): string {
  for (let digits = 0; digits < MOST_DIGITS; digits++) {
    const candidate = Number(value.toFixed(digits));
    if (Math.abs(candidate - value) <= unit / 2) return withPoint(candidate);
  }
  return withPoint(value);
}

/** The same for a precision that is relative to the value: the shortest decimal within `value * unit / 2`. */
export function formatRelative(value: number, unit: number): string {
  for (let digits = 1; digits < MOST_DIGITS; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.abs(candidate - value) <= (Math.abs(value) * unit) / 2) return withPoint(candidate);
  }
  return withPoint(value);
}

/** As TensorFlow Serving writes floats: never without a decimal point or an exponent, so that 3 stays a float. */
function withPoint(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
