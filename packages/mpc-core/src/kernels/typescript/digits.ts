/** Private compare over Z_67 in plain TypeScript: the definition of assembly/digits.ts, one value at a time. */
import type { Pointer } from '../kernels.js';
import type { Views } from './words.js';

const P = 67;

const negate = (digit: number): number => (P - digit) % P;

function bitAt(v: Views, plane: Pointer, lane: number): number {
  return (v.u8[plane + (lane >>> 3)] >>> (lane & 7)) & 1;
}

export function sampleDigits(
  v: Views,
  dst: Pointer,
  src: Pointer,
  bytes: number,
  need: number,
  least: number,
): number {
  const modulus = P - least;
  let count = 0;
  for (let i = 0; i < bytes && count < need; i++) {
    const value = v.u8[src + i];
    if (value < 3 * modulus) v.u8[dst + count++] = (value % modulus) + least;
  }
  return count;
}

export function sampleSwaps(
  v: Views,
  dst: Pointer,
  src: Pointer,
  bytes: number,
  rows: number,
  lanes: number,
): number {
  let count = 0;
  let i = 0;
  for (let choices = rows; choices > 1; choices--) {
    const bound = Math.floor(256 / choices) * choices;
    for (let lane = 0; lane < lanes && i < bytes; i++) {
      const value = v.u8[src + i];
      if (value >= bound) continue;
      v.u8[dst + count++] = value % choices;
      lane++;
    }
  }
  return count;
}

export function shareDigits(
  v: Views,
  dst: Pointer,
  left: Pointer,
  planes: Pointer,
  rows: number,
  lanes: number,
  words: number,
): void {
  for (let row = 0; row < rows; row++) {
    for (let lane = 0; lane < lanes; lane++) {
      const at = row * lanes + lane;
      v.u8[dst + at] = (bitAt(v, planes + row * words * 8, lane) + negate(v.u8[left + at])) % P;
    }
  }
}

export function compareDigits(
  v: Views,
  dst: Pointer,
  digits: Pointer,
  targets: Pointer,
  mode: Pointer,
  forced: Pointer,
  multipliers: Pointer,
  blinds: Pointer,
  rows: number,
  lanes: number,
  words: number,
  holdsConstants: boolean,
): void {
  const constant = holdsConstants ? 1 : 0;
  for (let lane = 0; lane < lanes; lane++) {
    const reverse = bitAt(v, mode, lane);
    const force = bitAt(v, forced, lane) === 1;
    let sum = constant;
    for (let i = rows - 1; i >= 0; i--) {
      const at = i * lanes + lane;
      const target = bitAt(v, targets + i * words * 8, lane);
      const x = v.u8[digits + at];
      const differs = target === 1 ? (negate(x) + constant) % P : x;
      const signed = (target ^ reverse) === 1 ? differs : negate(differs);
      const certain = i === 0 ? 0 : constant;
      const c = force ? certain : (sum + signed) % P;
      sum = (sum + differs) % P;
      const blind = v.u8[blinds + at];
      v.u8[dst + at] = (c * v.u8[multipliers + at] + (holdsConstants ? blind : negate(blind))) % P;
    }
  }
}

export function permuteDigits(v: Views, data: Pointer, swaps: Pointer, rows: number, lanes: number): void {
  let at = swaps;
  for (let row = rows - 1; row > 0; row--) {
    for (let lane = 0; lane < lanes; lane++) {
      const own = data + row * lanes + lane;
      const other = data + v.u8[at++] * lanes + lane;
      [v.u8[own], v.u8[other]] = [v.u8[other], v.u8[own]];
    }
  }
}

export function zeroDigits(
  v: Views,
  dst: Pointer,
  a: Pointer,
  b: Pointer,
  rows: number,
  lanes: number,
  words: number,
): void {
  v.u8.fill(0, dst, dst + words * 8);
  for (let lane = 0; lane < lanes; lane++) {
    let found = 0;
    for (let i = 0; i < rows; i++) {
      const at = i * lanes + lane;
      if ((v.u8[a + at] + v.u8[b + at]) % P === 0) found = 1;
    }
    v.u8[dst + (lane >>> 3)] |= found << (lane & 7);
  }
}
