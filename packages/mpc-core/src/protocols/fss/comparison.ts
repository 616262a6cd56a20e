/**
 * Distributed comparison, the evaluators' side: shares of the masked sign without a message.
 *
 * The sign of t = C - R mod 2^k is c_top xor r_top xor [C' < R'], where C' and R' are the k - 1 low bits. The helper knows R
 * and deals the keys of a distributed point function at R' (Boyle, Gilboa, Ishai, CCS 2016, figure 1, with four children a
 * node and early termination). C' < R' if R' lies in a subtree that hangs off the path to C' on its right, and of those
 * the two parties' control bits differ in exactly that one: the sum of these bits along the path is a share of the
 * comparison, so that no level needs a correction of its own for the result (Storrier, Vadapalli, Lyons, Henry, "Grotto",
 * CCS 2023). Within a leaf, the correction holds the bits below R' instead of R' alone.
 *
 * A node is 128 bits: a control bit, bit 0, and a seed. Its four children are one block of ChaCha8 with the node as the key
 * and a tweak (gate, operation and level, session) that is used with no other seed. A key of one gate, `comparisonKeyBytes(k)`:
 *
 *     L = ceil((k - 8) / 2) times 48 bytes: corrections of children 1, 2 and 3; child 0's is their sum, but for bit 0
 *     16 bytes: correction of the leaf, whose position p is bit p + 1
 *     ceil(L / 8) times 4 bytes: for each level four bits, what is added to bit 0 of child 0's correction, and bit 0 of the
 *     other three again
 *
 * The roots are streams, so they are not in it: both evaluators are sent the same bytes.
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
    0,
    shift,
    activationBits,
    tweak.tag,
    salt0,
    salt1,
    isLeft,
  );
}
