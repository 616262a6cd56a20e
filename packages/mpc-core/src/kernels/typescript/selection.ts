/**
 * Selection and truncation from a masked opening, plain TypeScript. These run once a value, outside the inner loops of a
 * network, so BigInt's clarity is worth its cost here; all values are taken modulo 2^64.
 */
import type { Pointer } from '../kernels.js';
import type { Views } from './words.js';

class Words {
  private readonly view: DataView;

  constructor(v: Views) {
    this.view = new DataView(v.u8.buffer);
  }

  get(pointer: Pointer, index: number): bigint {
    return this.view.getBigUint64(pointer + 8 * index, true);
  }

  set(pointer: Pointer, index: number, value: bigint): void {
    this.view.setBigUint64(pointer + 8 * index, BigInt.asUintN(64, value), true);
  }

  bit(plane: Pointer, index: number): bigint {
    return (this.get(plane, index >>> 6) >> BigInt(index & 63)) & 1n;
  }
}

export function selectMaterial(
  v: Views,
  dst: Pointer,
  r: Pointer,
  sigma: Pointer,
  n: number,
  shift: number,
  k: number,
): void {
  const words = new Words(v);
  for (let i = 0; i < n; i++) {
    const masked = BigInt.asUintN(k, words.get(r, i) >> BigInt(shift));
    const top = masked >> BigInt(k - 1);
    const bit = words.bit(sigma, i);
    words.set(dst, i, bit);
    words.set(dst, n + i, masked);
    words.set(dst, 2 * n + i, masked * bit);
    words.set(dst, 3 * n + i, top);
    words.set(dst, 4 * n + i, top * bit);
  }
}

export function select(
  v: Views,
  dst: Pointer,
  c: Pointer,
  opened: Pointer,
  material: Pointer,
  n: number,
  shift: number,
  k: number,
  holdsConstants: boolean,
): void {
  const words = new Words(v);
  const one = holdsConstants ? 1n : 0n;
  for (let i = 0; i < n; i++) {
    const value = BigInt.asUintN(k, words.get(c, i) >> BigInt(shift));
    const clear = 1n - (value >> BigInt(k - 1));
    const flip = 1n - words.bit(opened, i);
    const whole =
      one * value - words.get(material, n + i) + ((clear * words.get(material, 3 * n + i)) << BigInt(k));
    const part =
      words.get(material, i) * value -
      words.get(material, 2 * n + i) +
      ((clear * words.get(material, 4 * n + i)) << BigInt(k));
    words.set(dst, i, part + flip * (whole - 2n * part));
  }
}

export function truncateMaterial(
  v: Views,
  dst: Pointer,
  r: Pointer,
  n: number,
  shift: number,
  k: number,
): void {
  const words = new Words(v);
  for (let i = 0; i < n; i++) {
    const masked = BigInt.asUintN(k, words.get(r, i) >> BigInt(shift));
    words.set(dst, i, masked);
    words.set(dst, n + i, masked >> BigInt(k - 1));
  }
}

export function truncate(
  v: Views,
  dst: Pointer,
  c: Pointer,
  material: Pointer,
  n: number,
  shift: number,
  k: number,
  holdsConstants: boolean,
): void {
  const words = new Words(v);
  const one = holdsConstants ? 1n : 0n;
  for (let i = 0; i < n; i++) {
    const value = BigInt.asUintN(k, words.get(c, i) >> BigInt(shift));
    const clear = 1n - (value >> BigInt(k - 1));
    const own = one * (value - (1n << BigInt(k - 2)));
    words.set(dst, i, own - words.get(material, i) + ((clear * words.get(material, n + i)) << BigInt(k)));
  }
}
