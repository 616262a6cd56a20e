/**
 * Distributed comparison, the evaluators' side: shares of the masked sign without a message.
 *
 * The sign of t = C - R mod 2^k is c_top xor r_top xor [C' < R'], where C' and R' are the k - 1 low bits. The helper knows R
 * and deals the keys of a distributed point function at R' (Boyle, Gilboa, Ishai, CCS 2016, figure 1, with early
 * termination at 128-bit leaves). C' < R' if R' lies in a subtree that hangs off the path to C' on its right, and of those
 * the two parties' control bits differ in exactly that one: the sum of these bits along the path is a share of the
 * comparison, so that no level needs a correction of its own for the result (Storrier, Vadapalli, Lyons, Henry, "Grotto",
 * CCS 2023). Within a leaf, the correction holds the bits below R' instead of R' alone.
 *
 * A node is a 128-bit seed and a control bit; its children come from one block of ChaCha8 under the seed as the key, with a
 * tweak (gate, operation and level, session) that is used with no other seed. A key of one gate, `comparisonKeyBytes(k)`:
 *
 *     L = k - 8 times 16 bytes: correction of the child that leaves the path, for both children
 *     16 bytes: correction of the leaf
 *     ceil(L / 16) times 4 bytes: for each level two bits, corrections of the left and right child's control bit
 *
 * The root seeds are streams, so they are not in it: both evaluators are sent the same bytes.
 */
import type { Pointer } from '../../kernels/kernels.js';
import type { ReplicatedContext } from '../replicated/context.js';
import type { Roles } from '../replicated/roles.js';
import type { Dealt, EvaluatorPiece } from './material.js';

/**
 * Writes n words, 0 or 1, to dst: this evaluator's share of [t < 0] xor sigma.
 * @param c words of the opened values
 */
export function compare(
  { kernels }: ReplicatedContext,
  { isLeft }: Roles,
  dst: Pointer,
  c: Pointer,
  piece: EvaluatorPiece & Dealt,
): void {
  const { layout, keys, roots, bits, tweak } = piece;
  const { n, shift, activationBits } = layout;
  const [salt0, salt1] = tweak.salt;
  kernels.compareWithKeys(
    dst,
    c,
    keys,
    roots,
    bits,
    n,
    shift,
    activationBits,
    tweak.tag,
    salt0,
    salt1,
    isLeft,
  );
}
