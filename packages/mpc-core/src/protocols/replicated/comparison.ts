/**
 * The evaluators' comparison: from the public C (k bits of the opened value) and shares of products of the bits of R,
 * which the helper knows, to the opened, masked sign of t = C - R mod 2^k.
 *
 * t is negative if c_top xor r_top xor [C' < R'], where C' and R' are the k - 1 low bits. C' < R' is computed in
 * blocks: for a block of m bits with C public, less and equal are polynomials in R's bits, so shares of the products of
 * every subset of the bits give shares of both without a message (a masked look-up, as in the one-time truth tables of
 * Ishai, Kushilevitz, Meldgaard, Orlandi, Paskin-Cherniavsky 2013). Neighbouring blocks are combined by
 *   less = less_{g-1} + sum_j less_j prod_{i > j} equal_i,   equal = prod_i equal_i   (over GF(2)),
 * in one round a group: all factors are opened under masks whose products were dealt (multi-input Beaver
 * multiplication, as in ABY2.0, Patra, Schneider, Suresh, Yalame 2021). Everything is bit-sliced.
 */
import type { Pointer } from '../../kernels/kernels.js';
import type { ReplicatedContext } from './context.js';
import type { RectifyLayout } from './layout.js';
import type { Roles } from './roles.js';
import type { Group } from './tree.js';

export interface ComparisonInput {
  /** Words of the opened value; its bits shift .. shift + k - 1 are C. */
  readonly c: Pointer;
  /** This evaluator's share of the dealt planes. */
  readonly dealt: Pointer;
  /** This evaluator's share of the mask planes. */
  readonly masks: Pointer;
  readonly layout: RectifyLayout;
}

/** A less and an equal plane a position. */
interface Results {
  readonly less: Pointer;
  readonly equal: Pointer;
}

/** @returns the plane of [t < 0] xor sigma, known to both evaluators */
export async function compare(
  context: ReplicatedContext,
  roles: Roles,
  { c, dealt, masks, layout }: ComparisonInput,
): Promise<Pointer> {
  const { kernels, arena } = context;
  const { tree, planeBytes, words } = layout;
  const cPlanes = arena.allocate(layout.activationBits * planeBytes);
  kernels.bitPlanes(cPlanes, c, layout.n, layout.shift, layout.activationBits, words);

  let results = allocateResults(context, tree.blocks.length, planeBytes);
  let products = dealt;
  let bit = 0;
  tree.blocks.forEach((m, i) => {
    const at = i * planeBytes;
    const block = cPlanes + bit * planeBytes;
    kernels.compareBlock(results.less + at, results.equal + at, block, products, m, words, roles.isLeft);
    products += (2 ** m - 1) * planeBytes;
    bit += m;
  });
  const top = products;
  products += planeBytes;

  let mask = masks;
  for (const groups of tree.levels) {
    const opened = await openMasked(context, roles, results, groups, mask, planeBytes);
    const combined = allocateResults(context, groups.length, planeBytes);
    let item = 0;
    let at = 0;
    groups.forEach((group, i) => {
      const lessTop = results.less + (item + group.size - 1) * planeBytes;
      kernels.combineGroup(
        combined.less + i * planeBytes,
        combined.equal + i * planeBytes,
        opened + at,
        mask,
        products,
        lessTop,
        group.size,
        group.low,
        words,
        roles.isLeft,
      );
      item += group.size;
      at += group.masks * planeBytes;
      mask += group.masks * planeBytes;
      products += group.products * planeBytes;
    });
    results = combined;
  }

  const sign = results.less;
  kernels.xor(sign, sign, top, planeBytes);
  kernels.xor(sign, sign, mask, planeBytes);
  if (roles.isLeft) kernels.xor(sign, sign, cPlanes + (layout.activationBits - 1) * planeBytes, planeBytes);
  return exchangePlanes(context, roles, sign, planeBytes);
}

function allocateResults(context: ReplicatedContext, count: number, planeBytes: number): Results {
  return {
    less: context.arena.allocate(count * planeBytes),
    equal: context.arena.allocate(count * planeBytes),
  };
}

/** Opens the masked factors of all groups of a level in one round, in the order that combineGroup reads. */
async function openMasked(
  context: ReplicatedContext,
  roles: Roles,
  results: Results,
  groups: readonly Group[],
  masks: Pointer,
  planeBytes: number,
): Promise<Pointer> {
  const { kernels, arena } = context;
  const bytes = groups.reduce((total, group) => total + group.masks, 0) * planeBytes;
  const own = arena.allocate(bytes);
  let at = 0;
  const put = (plane: Pointer): void => {
    kernels.xor(own + at, plane, masks + at, planeBytes);
    at += planeBytes;
  };
  let item = 0;
  for (const { size, low } of groups) {
    for (let i = low; i < size; i++) put(results.equal + (item + i) * planeBytes);
    for (let j = 0; j < size - 1; j++) put(results.less + (item + j) * planeBytes);
    item += size;
  }
  return exchangePlanes(context, roles, own, bytes);
}

/** One round: own becomes own xor the other's. */
async function exchangePlanes(
  context: ReplicatedContext,
  roles: Roles,
  own: Pointer,
  bytes: number,
): Promise<Pointer> {
  context.send(roles.other, own, bytes);
  const theirs = await context.receive(roles.other, context.arena.allocate(bytes), bytes);
  context.kernels.xor(own, own, theirs, bytes);
  context.traffic.rounds++;
  return own;
}
