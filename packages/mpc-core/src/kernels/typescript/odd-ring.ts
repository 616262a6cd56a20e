/**
 * Between Z_{2^bits} and the odd ring Z_{2^bits - 1} in plain TypeScript: the definition of assembly/odd-ring.ts. With at
 * most 49 bits, every intermediate value is an integer that a number holds exactly.
 */
import type { Pointer } from '../kernels.js';
import type { Views } from './words.js';

const HALF = 2 ** 32;

function read(v: Views, words: Pointer, i: number): number {
  return v.u32[(words >>> 2) + 2 * i] + HALF * v.u32[(words >>> 2) + 2 * i + 1];
}

/** The low `bits` bits of a word. */
function readLow(v: Views, words: Pointer, i: number, bits: number): number {
  const low = v.u32[(words >>> 2) + 2 * i];
  if (bits <= 32) return low % 2 ** bits;
  return low + HALF * (v.u32[(words >>> 2) + 2 * i + 1] % 2 ** (bits - 32));
}

function write(v: Views, words: Pointer, i: number, value: number): void {
  v.u32[(words >>> 2) + 2 * i] = value % HALF;
  v.u32[(words >>> 2) + 2 * i + 1] = Math.floor(value / HALF);
}

function bitAt(v: Views, plane: Pointer, i: number): number {
  return (v.u8[plane + (i >>> 3)] >>> (i & 7)) & 1;
}

function setBit(v: Views, plane: Pointer, i: number, bit: number): void {
  v.u8[plane + (i >>> 3)] |= bit << (i & 7);
}

/** v modulo the modulus, for -modulus <= v < 2 modulus. */
function fold(value: number, modulus: number): number {
  const positive = value < 0 ? value + modulus : value;
  return positive >= modulus ? positive - modulus : positive;
}

export function sampleOdd(
  v: Views,
  dst: Pointer,
  src: Pointer,
  count: number,
  need: number,
  bits: number,
): number {
  const width = Math.ceil(bits / 8);
  let found = 0;
  for (let i = 0; i < count && found < need; i++) {
    // From the top, and cut at once: seven bytes are more than a number holds exactly.
    const topBits = bits - 8 * (width - 1);
    let value = v.u8[src + i * width + width - 1] % 2 ** topBits;
    for (let b = width - 2; b >= 0; b--) value = value * 256 + v.u8[src + i * width + b];
    if (value !== 2 ** bits - 1) write(v, dst, found++, value);
  }
  return found;
}

export function maskConvert(
  v: Views,
  masked: Pointer,
  y: Pointer,
  r: Pointer,
  value: Pointer,
  left: Pointer,
  right: Pointer,
  n: number,
  bits: number,
  isLeft: boolean,
): void {
  const size = 2 ** bits;
  for (let i = 0; i < n; i++) {
    const a = 2 * readLow(v, value, i, bits - 1);
    const [rLeft, rRight] = [readLow(v, left, i, bits), readLow(v, right, i, bits)];
    const sum = a + (isLeft ? rLeft : rRight);
    const total = rLeft + rRight;
    const carries = Math.floor(sum / size) - (isLeft ? Math.floor(total / size) : 0);
    write(v, masked, i, sum % size);
    write(v, r, i, total % size);
    write(v, y, i, fold(a - carries, size - 1));
  }
}

export function compareTargets(
  v: Views,
  targets: Pointer,
  forced: Pointer,
  r: Pointer,
  flip: Pointer,
  n: number,
  bits: number,
  step: number,
  words: number,
): void {
  const size = 2 ** bits;
  v.u8.fill(0, forced, forced + words * 8);
  for (let i = 0; i < n; i++) {
    const value = read(v, r, i);
    const flipped = bitAt(v, flip, i);
    write(v, targets, i, (value + step * flipped + size) % size);
    setBit(v, forced, i, flipped === 1 && step < 0 && value === 0 ? 1 : 0);
  }
}

export function finishConvert(
  v: Views,
  dst: Pointer,
  y: Pointer,
  delta: Pointer,
  eta: Pointer,
  x: Pointer,
  flip: Pointer,
  n: number,
  bits: number,
  isLeft: boolean,
): void {
  const modulus = 2 ** bits - 1;
  for (let i = 0; i < n; i++) {
    const given = read(v, eta, i);
    const own = bitAt(v, flip, i) === 1 ? (isLeft ? 1 : 0) - given : given;
    const value = fold(fold(read(v, y, i) - read(v, delta, i), modulus) + own, modulus);
    write(v, dst, i, fold(fold(2 * value, modulus) + read(v, x, i), modulus));
  }
}

export function addOdd(v: Views, dst: Pointer, a: Pointer, b: Pointer, n: number, bits: number): void {
  for (let i = 0; i < n; i++) write(v, dst, i, fold(read(v, a, i) + read(v, b, i), 2 ** bits - 1));
}

export function sumCarry(
  v: Views,
  sum: Pointer,
  carry: Pointer,
  a: Pointer,
  b: Pointer,
  n: number,
  bits: number,
  words: number,
): void {
  const size = 2 ** bits;
  v.u8.fill(0, carry, carry + words * 8);
  for (let i = 0; i < n; i++) {
    const value = read(v, a, i) + read(v, b, i);
    write(v, sum, i, value % size);
    setBit(v, carry, i, value >= size ? 1 : 0);
  }
}

export function shareOdd(
  v: Views,
  dst: Pointer,
  left: Pointer,
  plane: Pointer,
  n: number,
  bits: number,
): void {
  for (let i = 0; i < n; i++) {
    write(v, dst, i, fold(bitAt(v, plane, i) - read(v, left, i), 2 ** bits - 1));
  }
}
