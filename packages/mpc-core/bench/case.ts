/** What a case of the benchmark says, and the sizes that cases have in common. */
import { type Kernels, randomBytes } from '@trivet/mpc-core';

export interface KernelCase {
  readonly name: string;
  readonly unit: string;
  /** Units of one call. */
  readonly units: number;
  /** Clock cycles a unit, at best. */
  readonly bound: number;
  readonly because: string;
  /** Bytes of memory from `base` on that the call uses. */
  bytes(kernels: Kernels): number;
  /** Runs once, unmeasured, on random memory. */
  prepare?(kernels: Kernels, base: number): void;
  /** @param base first free byte, aligned */
  run(kernels: Kernels, base: number): void;
}

/** Values of the first ReLU of the tutorial's CNN, for one digit: 13 x 13 x 10. */
export const VALUES = 1690;
/** 64-bit words of a plane of so many bits: whole 128-bit lanes. */
export const PLANE_WORDS = Math.ceil(VALUES / 128) * 2;
export const PLANE_BYTES = 8 * PLANE_WORDS;
export const LANES = PLANE_WORDS / 2;
/** Bytes from one vector to the next in memory; no multiple of a page, or stores would wait for loads of other vectors. */
export const COLUMN = 8 * VALUES + 128;
/** k and f of the tutorial's CNN. */
export const SHIFT = 16;
export const BITS = 24;

export const at = (base: number, column: number): number => base + COLUMN * column;
export const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;

export function words(
  name: string,
  bound: number,
  because: string,
  run: (kernels: Kernels, column: (index: number) => number) => void,
): KernelCase {
  return {
    name,
    unit: 'value',
    units: VALUES,
    bound,
    because,
    bytes: () => 16 * COLUMN,
    run: (kernels, base) => run(kernels, (index) => at(base, index)),
  };
}

/** @param planes the unit is 128 values of one plane */
export function lanes(
  name: string,
  planes: number,
  bound: number,
  because: string,
  run: (kernels: Kernels, plane: (index: number) => number) => void,
): KernelCase {
  return {
    name,
    unit: 'lane',
    units: LANES * planes,
    bound,
    because,
    bytes: () => 256 * PLANE_BYTES,
    run: (kernels, base) => run(kernels, (index) => base + PLANE_BYTES * index),
  };
}

const RANDOM_CHUNK = 65_536;

/** A case's call on random memory: no kernel's time may depend on data, but zeros must not help either. */
export function onRandomMemory(kernels: Kernels, { bytes, prepare, run }: KernelCase): () => void {
  const { memory } = kernels;
  const base = Math.ceil(memory.base / 64) * 64;
  const end = base + bytes(kernels);
  memory.ensure(end);
  for (let at = base; at < end; at += RANDOM_CHUNK) {
    memory.bytes.set(randomBytes(Math.min(RANDOM_CHUNK, end - at)), at);
  }
  prepare?.(kernels, base);
  return () => run(kernels, base);
}
