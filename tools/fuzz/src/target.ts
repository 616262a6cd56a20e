/** What is fuzzed: a decoder, valid inputs to begin with, and what it may end in. */

export interface Target {
  /** As in the catalogue. */
  readonly name: string;
  /** How inputs are changed: as bytes, or as a JSON value and as bytes. */
  readonly form: 'bytes' | 'json';
  /** Words of the format that mutations put in. */
  readonly dictionary?: readonly string[];
  /** Most time that one input may take, in milliseconds; {@link DEFAULT_MAX_MS} unless told. */
  readonly maxMs?: number;
  /** Most memory that one input may take: so many bytes a byte of it, beside {@link FREE_BYTES}. */
  readonly bytesPerByte?: number;
  /** Makes what it needs. Only the harness calls it, once, before `run`. */
  prepare(): Promise<PreparedTarget> | PreparedTarget;
}

export interface PreparedTarget {
  /** Inputs that `run` accepts without an error. */
  readonly seeds: readonly Uint8Array[];
  /** Mends what a mutation breaks by the way: checksums, signatures. */
  repair?(input: Uint8Array): Uint8Array;
  /**
   * Decodes one input, and checks what comes out.
   * @throws what the decoder throws; {@link BrokenPromise} when the outcome is wrong
   */
  run(input: Uint8Array): unknown;
  /** Whether the decoder may end in this error. */
  expects(error: unknown): boolean;
  close?(): Promise<void> | void;
}

export const DEFAULT_MAX_MS = 1_000;
export const FREE_BYTES = 48 * 1024 * 1024;
export const DEFAULT_BYTES_PER_BYTE = 256;
/** Longer inputs are cut: what is long is tried where limits are tested. */
export const MAX_INPUT_BYTES = 128 * 1024;

/** The decoder gave a result that it should not have given. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

/** @throws BrokenPromise */
export function promise(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new BrokenPromise(otherwise);
}

export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
