/**
 * Uniform digits, shuffles and residues from the session's streams, by rejection. A stream is drawn once, with so many
 * bytes to spare that it does not suffice with a probability below 2^-128; if it did not, the session would fail.
 */
import type { Pointer } from '../../kernels/kernels.js';
import type { Link, Purpose } from '../../random/session-streams.js';
import type { ReplicatedContext } from '../replicated/context.js';

/** Where a stream comes from. */
export interface Source {
  readonly link: Link;
  readonly operation: number;
  readonly purpose: Purpose;
}

/**
 * Bytes of which `need` are accepted, each with a probability of accepted / 256. With m bytes and p = accepted / 256 the
 * chance of fewer is at most exp(-2 (mp - need)^2 / m) (Hoeffding), and less than 2^-180 for these m and p > 0.77.
 */
function bytesFor(need: number, accepted: number): number {
  return Math.ceil((need * 256) / accepted) + 12 * Math.ceil(Math.sqrt(need)) + 128;
}

function enough(found: number, need: number): void {
  if (found < need) throw new Error('A random stream was too short.');
}

/** Digits modulo 67, from `least` (0 or 1) up. */
export function fillDigits(
  context: ReplicatedContext,
  { link, operation, purpose }: Source,
  need: number,
  least: 0 | 1 = 0,
): Pointer {
  const bytes = bytesFor(need, 3 * (67 - least));
  const digits = context.arena.allocate(bytes);
  context.fill(digits, link, operation, purpose, bytes);
  enough(context.kernels.sampleDigits(digits, digits, bytes, need, least), need);
  return digits;
}

/** What `Kernels.permuteDigits` takes. At most 49 rows: of 256 values, 215 or more are accepted. */
export function fillSwaps(
  context: ReplicatedContext,
  { link, operation, purpose }: Source,
  rows: number,
  lanes: number,
): Pointer {
  const need = (rows - 1) * lanes;
  const bytes = bytesFor(need, 215);
  const swaps = context.arena.allocate(bytes);
  context.fill(swaps, link, operation, purpose, bytes);
  enough(context.kernels.sampleSwaps(swaps, swaps, bytes, rows, lanes), need);
  return swaps;
}

/** Words modulo 2^bits - 1; one of 2^bits words is refused, and bits is 17 or more. */
export function fillOdd(
  context: ReplicatedContext,
  { link, operation, purpose }: Source,
  need: number,
  bits: number,
): Pointer {
  const { arena, kernels } = context;
  const words = arena.words(need);
  const count = need + Math.ceil(need / 1024) + 32;
  const bytes = count * Math.ceil(bits / 8);
  const mark = arena.mark();
  const packed = context.fill(arena.allocate(bytes), link, operation, purpose, bytes);
  enough(kernels.sampleOdd(words, packed, count, need, bits), need);
  arena.rewind(mark);
  return words;
}
