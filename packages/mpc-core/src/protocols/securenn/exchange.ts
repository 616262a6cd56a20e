/** Packed words between two parties, and a two-party result made a replicated pair. */
import type { PartyIndex } from '../../channel/channel.js';
import type { Pointer } from '../../kernels/kernels.js';
import type { Shared } from '../../sharing/values.js';
import type { ReplicatedContext } from '../replicated/context.js';
import type { Roles } from '../replicated/roles.js';

/** Sends the low `width` bytes of n words. @returns them as they were sent */
export function sendWords(
  context: ReplicatedContext,
  peer: PartyIndex,
  words: Pointer,
  n: number,
  width: number,
): Pointer {
  const packed = context.arena.allocate(n * width);
  context.kernels.pack(packed, words, n, width);
  context.send(peer, packed, n * width);
  return packed;
}

/** Fresh words. */
export async function receiveWords(
  context: ReplicatedContext,
  peer: PartyIndex,
  n: number,
  width: number,
): Promise<Pointer> {
  const { arena, kernels } = context;
  const words = arena.words(n);
  const mark = arena.mark();
  kernels.unpack(words, await context.receive(peer, arena.allocate(n * width), n * width), n, width);
  arena.rewind(mark);
  return words;
}

/**
 * y = y_left + y_right of the evaluators becomes replicated: `own`, which this one has in common with the helper, stays,
 * and what is left of both is opened. That is the opening of E = Y - A for the next product.
 */
export async function replicate(
  context: ReplicatedContext,
  roles: Roles,
  result: Shared,
  y: Pointer,
  own: Pointer,
  width: number,
): Promise<void> {
  const { kernels } = context;
  const { n } = result;
  const [mine, opened] = roles.isLeft ? [result.first, result.second] : [result.second, result.first];
  kernels.memory.bytes.copyWithin(mine, own, own + 8 * n);
  kernels.subtract(y, y, own, n);
  // Both drop the bytes that are not sent, so that they hold the very same share.
  kernels.unpack(opened, sendWords(context, roles.other, y, n, width), n, width);
  kernels.add(opened, opened, await receiveWords(context, roles.other, n, width), n);
  context.traffic.rounds++;
}
