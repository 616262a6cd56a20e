/** Check words of replies in plain TypeScript. */
import { CHECK_MULTIPLIER } from '../../ring/checks.js';
import type { Pointer } from '../kernels.js';
import { multiplyHigh, type Views } from './words.js';

const LOW = Number(CHECK_MULTIPLIER & 0xffff_ffffn);
const HIGH = Number(CHECK_MULTIPLIER >> 32n);

export function appendChecks(
  v: Views,
  dst: Pointer,
  src: Pointer,
  rows: number,
  size: number,
  shift: number,
): void {
  const m = v.u32;
  let from = src >>> 2;
  let to = dst >>> 2;
  for (let r = 0; r < rows; r++) {
    let low = 0;
    let high = 0;
    for (let i = 0; i < size; i++, from += 2, to += 2) {
      m[to] = shift < 32 ? m[from] << shift : 0;
      m[to + 1] =
        shift === 0
          ? m[from + 1]
          : shift < 32
            ? (m[from + 1] << shift) | (m[from] >>> (32 - shift))
            : m[from] << (shift - 32);
      high = multiplyHigh(low, LOW) + Math.imul(low, HIGH) + Math.imul(high, LOW) + m[to + 1];
      low = (Math.imul(low, LOW) >>> 0) + m[to];
      high = (high + (low > 0xffff_ffff ? 1 : 0)) >>> 0;
      low >>>= 0;
    }
    m[to] = low;
    m[to + 1] = high;
    to += 2;
  }
}
