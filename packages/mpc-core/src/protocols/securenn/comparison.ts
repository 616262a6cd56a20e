/**
 * Private compare (SecureNN, Algorithm 3): the evaluators share the bits of x modulo 67 and know t; the helper, which
 * made x, learns whether x > t, or t > x, as the evaluators' secret mode bit says, and so nothing.
 *
 * From the top bit down, w_i = x_i xor t_i is linear in x_i, and c_i = 1 + sum_{j > i} w_j +- w_i is zero in exactly one
 * place if the comparison holds, the highest that differs, and nowhere else; it is at most l + 1 < 67. The evaluators
 * multiply each c_i by a common random number from 1 to 66, shuffle the places, and send their shares to the helper. It
 * adds them and looks for a zero.
 *
 * The paper sends the shares as they are. But the helper dealt the shares of x, so from the quotient of two shares, in
 * which the multiplier cancels, it could tell bits of t. Here a common random digit is added to one share and taken from
 * the other, so that each alone is uniform.
 */
import type { Pointer } from '../../kernels/kernels.js';
import { type Link, Purpose } from '../../random/session-streams.js';
import type { ReplicatedContext } from '../replicated/context.js';
import type { Roles } from '../replicated/roles.js';
import type { RectifyLayout } from './layout.js';
import { fillDigits, fillSwaps } from './sampling.js';

/** The link between the evaluators. */
export function evaluatorLink(roles: Roles): Link {
  return roles.isLeft ? 'next' : 'previous';
}

/** What the evaluators know in common, and the helper does not. */
export interface ComparisonMasks {
  /** Plane of the bits that hide from the helper which way a comparison went. */
  readonly flip: Pointer;
  readonly multipliers: Pointer;
  readonly blinds: Pointer;
  readonly swaps: Pointer;
}

export function comparisonMasks(
  context: ReplicatedContext,
  roles: Roles,
  operation: number,
  { digitBytes, ringBits, lanes, planeBytes }: RectifyLayout,
): ComparisonMasks {
  const link = evaluatorLink(roles);
  const flip = context.arena.allocate(planeBytes);
  context.fill(flip, link, operation, Purpose.Flip, planeBytes);
  return {
    flip,
    multipliers: fillDigits(context, { link, operation, purpose: Purpose.Multiplier }, digitBytes, 1),
    blinds: fillDigits(context, { link, operation, purpose: Purpose.Blind }, digitBytes),
    swaps: fillSwaps(context, { link, operation, purpose: Purpose.Shuffle }, ringBits, lanes),
  };
}

export interface ComparisonInput {
  /** This evaluator's share of x's bits. */
  readonly digits: Pointer;
  /** Words of the number to compare with, before the flip; its `step` (1 or -1) is added where the flip bit is set. */
  readonly r: Pointer;
  readonly step: 1 | -1;
  /** Plane: 0 asks for x > t, 1 for t > x. */
  readonly mode: Pointer;
  readonly masks: ComparisonMasks;
}

/**
 * An evaluator's side: one message to the helper. Where t = r - 1 would be -1, x > t is certain, and is sent as such.
 */
export function sendComparison(
  context: ReplicatedContext,
  roles: Roles,
  layout: RectifyLayout,
  { digits, r, step, mode, masks }: ComparisonInput,
): void {
  const { kernels, arena } = context;
  const { n, ringBits, lanes, words, planeBytes, digitBytes } = layout;
  const mark = arena.mark();
  const targets = arena.words(n);
  const forced = arena.allocate(planeBytes);
  kernels.compareTargets(targets, forced, r, masks.flip, n, ringBits, step, words);
  const planes = arena.allocate(ringBits * planeBytes);
  kernels.bitPlanes(planes, targets, n, 0, ringBits, words);
  const sent = arena.allocate(digitBytes);
  const { multipliers, blinds } = masks;
  kernels.compareDigits(
    sent,
    digits,
    planes,
    mode,
    forced,
    multipliers,
    blinds,
    ringBits,
    lanes,
    words,
    roles.isLeft,
  );
  kernels.permuteDigits(sent, masks.swaps, ringBits, lanes);
  context.send(roles.helper, sent, digitBytes);
  arena.rewind(mark);
}

/** The helper's side. @returns the plane of how the comparisons went, in the evaluators' mode */
export async function receiveComparison(
  context: ReplicatedContext,
  roles: Roles,
  { digitBytes, ringBits, lanes, words, planeBytes }: RectifyLayout,
): Promise<Pointer> {
  const { kernels, arena } = context;
  const plane = arena.allocate(planeBytes);
  const mark = arena.mark();
  const left = await context.receive(roles.leftEvaluator, arena.allocate(digitBytes), digitBytes);
  const right = await context.receive(roles.rightEvaluator, arena.allocate(digitBytes), digitBytes);
  kernels.zeroDigits(plane, left, right, ringBits, lanes, words);
  arena.rewind(mark);
  return plane;
}
