/**
 * Replies, as the client adds them up. Of each sample a worker replies with its summands of the outputs, shifted left by
 * 64 - outputBits, and with their check word (ring/checks.ts), all blinded by zero shares: 64 uniform bits a word. In the sums
 * the low bits must be zero and the check words fit. Where a worker answered garbage, or two workers held different things
 * when they made their zero shares, they are random and do not.
 */
import { type Plan, sizeOf } from '../graph/plan.js';
import { checkWord } from '../ring/checks.js';
import { addWords, readWords, WORD_BYTES } from '../ring/words.js';

/** The three replies are not shares of one answer: a worker computed or sent something wrong. Nothing says which one. */
export class InconsistentRepliesError extends Error {
  constructor() {
    super("The three workers' replies do not fit together.");
    this.name = 'InconsistentRepliesError';
  }
}

/** Words of a reply for one sample: its outputs, and their check word. */
export function replySize(plan: Plan): number {
  return sizeOf(plan.outputShape) + 1;
}

/**
 * Adds three replies up to the model's outputs (logits, or classes), in the clear.
 *
 * @param replies count * replySize words each
 * @returns count * outputSize values
 * @throws RangeError when the replies differ in length or are not whole samples
 * @throws InconsistentRepliesError when one of them is garbage; random words pass with probability 2^-64 at most
 */
export function reconstructOutputs(
  replies: readonly [Uint8Array, Uint8Array, Uint8Array],
  plan: Plan,
): Float64Array {
  const size = replySize(plan);
  const bytes = replies[0].length;
  if (replies.some((reply) => reply.length !== bytes) || bytes % (WORD_BYTES * size) !== 0) {
    throw new RangeError('The three replies do not fit together.');
  }
  const words = readWords(addWords(...replies));
  const shift = BigInt(64 - plan.outputBits);
  const scale = 2 ** plan.outputFractionalBits;
  const outputs = new Float64Array((words.length / size) * (size - 1));
  for (let at = 0, to = 0; at < words.length; at += size) {
    const row = words.slice(at, at + size - 1);
    if (
      words[at + size - 1] !== checkWord(row) ||
      row.some((word) => BigInt.asUintN(64 - plan.outputBits, word) !== 0n)
    ) {
      throw new InconsistentRepliesError();
    }
    for (const word of row) outputs[to++] = Number(BigInt.asIntN(64, word) >> shift) / scale;
  }
  return outputs;
}
