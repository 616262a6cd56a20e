/**
 * One request: share, send to three workers, add the replies up. Everything random in it is fresh: two seeds are drawn
 * here, used once, and dropped; a retry is another request, under another id.
 */
import {
  expandSeed,
  InconsistentRepliesError,
  type InputShare,
  type InputSharer,
  inputSharesFor,
  type Kernels,
  type Plan,
  randomSeed,
  reconstructOutputs,
  seedShareFor,
} from '@trivet/mpc-core';
import {
  type BytesInPieces,
  CLIENT_LIMITS,
  decodePredictReply,
  EVENTS,
  emptySchema,
  encodePredictRequest,
  type PredictReply,
  type ProtocolName,
  Redacted,
  TrivetError,
} from '@trivet/shared-types';
import { abortError, type Deadline } from './deadline.js';
import { mostTelling, toTrivetError } from './failures.js';
import { bytesSchema, type WorkerLink } from './link.js';
import type { SharedModel } from './models.js';
import { answerOf, type Prediction, type Transcript, workerReport } from './prediction.js';
import type { Triple, WorkerLinks } from './worker-links.js';

export interface RequestContext {
  readonly links: WorkerLinks;
  readonly sharer: InputSharer;
  readonly kernels: Kernels;
  readonly deadline: Deadline;
  /** Null: the one that the model is served with. */
  readonly protocol: ProtocolName | null;
  readonly ids: RequestIds;
  readonly keepTranscript: boolean;
  /** Before anything is shared worker 0, which decides, is asked whether it would take the request now. */
  readonly askForRoom: boolean;
}

/** How this request is called, and what the client will call its next one. */
export interface RequestIds {
  readonly requestId: string;
  readonly nextRequestId: string | null;
}

/** How long the other workers may take to say what they know, once one has failed. */
const GRACE_MS = 300;
/** A worker that has no room tells the other two, and they tell the client: it need not, if they do so soon. */
const TOLD_MS = 50;

/** @param inputs checked inputs of `count` samples, no more than one request holds */
export async function runRequest(
  model: SharedModel,
  inputs: Float32Array,
  count: number,
  context: RequestContext,
): Promise<Prediction> {
  const { links, sharer, deadline, protocol } = context;
  const { requestId, nextRequestId } = context.ids;
  const { plan } = model.manifest;
  const start = performance.now();
  if (context.askForRoom) await askForRoom(model.digest, count, links, deadline);
  const seeds = [randomSeed(), randomSeed()] as const;
  const deadlineMs = Math.min(deadline.remainingMs(), CLIENT_LIMITS.maxDeadlineMs);
  const encode = ({ first, second }: InputShare) =>
    encodePredictRequest({
      requestId,
      manifestDigest: model.digest,
      deadlineMs,
      count,
      protocol,
      nextRequestId,
      first,
      second,
    });
  let explicit: Uint8Array = new Uint8Array();
  let shared = start;
  // Worker 0 is sent the seeds alone: it begins with what it deals while the third share is computed from them.
  const first = encode(seedShareFor(seeds, count));
  const others = async () => {
    explicit = await sharer.share(inputs, plan.fractionalBits, seeds);
    shared = performance.now();
    const [, second, third] = inputSharesFor(seeds, explicit, count);
    return [encode(second), encode(third)] as const;
  };
  const { messages, received } = await exchange(links, requestId, first, others, deadline).finally(() => {
    // They have left, sealed. Whoever wants to see them keeps them.
    if (!context.keepTranscript) for (const bytes of [...seeds, explicit]) bytes.fill(0);
  });
  const answered = performance.now();
  const { digest, outputSize } = model;
  const expected = { requestId, manifestDigest: digest, count, outputSize, protocol };
  const replies = map3(received, (bytes, index) => readReply(bytes, expected, links.links[index]!));
  const answer = answerOf(plan, outputsOf(replies, plan));
  const done = performance.now();
  return {
    requestId,
    model: model.name,
    version: model.version,
    protocol: agreedProtocol(replies),
    count,
    ...answer,
    timings: {
      shareMs: shared - start,
      networkMs: answered - shared,
      reconstructMs: done - answered,
      totalMs: done - start,
    },
    compute: { kind: sharer.kind, label: sharer.label },
    workers: map3(replies, (reply, index) => workerReport(links.links[index]!.name, reply.statistics)),
    sentBytes: map3(messages, (message) => message.length),
    receivedBytes: map3(received, (message) => message.length),
    ...(context.keepTranscript
      ? {
          transcript: transcribe(
            map3(messages, (message) => message.toBytes()),
            received,
            inputSharesFor(seeds, explicit, count),
            context.kernels,
          ),
        }
      : {}),
  };
}

/** @throws TrivetError RESOURCE_EXHAUSTED when there is no room; DEADLINE_EXCEEDED; CANCELLED */
async function askForRoom(
  digest: string,
  count: number,
  links: WorkerLinks,
  deadline: Deadline,
): Promise<void> {
  const [leader] = links.links;
  const deadlineMs = Math.min(deadline.remainingMs(), CLIENT_LIMITS.maxDeadlineMs);
  try {
    await leader.call(EVENTS.room, { digest, count, deadlineMs }, emptySchema, {
      signal: deadline.signal,
      timeoutMs: deadlineMs + GRACE_MS,
    });
  } catch (error) {
    // Whatever else is in the way, the request itself says better; a worker of before does not know the question.
    if (deadline.signal.aborted || toTrivetError(error).code === 'RESOURCE_EXHAUSTED') throw error;
  }
}

/**
 * Sends worker 0 its message, then the others theirs, and waits for the three replies. As soon as one fails, or the deadline
 * passes, the others are told to cancel; when one had no room, which it tells them, only if they do not answer at once: a client that
 * is refused should cost workers that are busy as little as may be.
 * @param others makes the messages of workers 1 and 2, in that order
 * @throws TrivetError the most telling failure; or what `others` throws
 */
async function exchange(
  links: WorkerLinks,
  requestId: string,
  first: BytesInPieces,
  others: () => Promise<readonly [BytesInPieces, BytesInPieces]>,
  deadline: Deadline,
): Promise<{ readonly messages: Triple<BytesInPieces>; readonly received: Triple<Uint8Array> }> {
  const failures: TrivetError[] = [];
  // Ends the calls after the grace period, or with the deadline: whichever comes first.
  const calls = new AbortController();
  const giveUp = () => calls.abort(abortError(deadline.signal));
  let grace: ReturnType<typeof setTimeout> | undefined;
  let told: ReturnType<typeof setTimeout> | undefined;
  /** Those that have been sent theirs. */
  const unanswered = new Set<WorkerLink>();
  const cancelAll = () => {
    for (const link of unanswered) {
      // Best effort: a worker that is gone has nothing to cancel.
      if (link.ready) link.call(EVENTS.cancel, { requestId }, emptySchema).catch(() => undefined);
    }
  };
  const onDeadline = () => {
    cancelAll();
    giveUp();
  };
  deadline.signal.addEventListener('abort', onDeadline, { once: true });
  const timeoutMs = deadline.remainingMs() + GRACE_MS;
  const send = async (link: WorkerLink, message: BytesInPieces): Promise<Uint8Array> => {
    unanswered.add(link);
    try {
      const reply = await link.call(EVENTS.predict, message, bytesSchema, {
        signal: calls.signal,
        timeoutMs,
      });
      unanswered.delete(link);
      return reply;
    } catch (error) {
      unanswered.delete(link);
      const failure = toTrivetError(error, link.name);
      failures.push(failure);
      if (failures.length === 1 && !deadline.signal.aborted) {
        if (failure.code === 'RESOURCE_EXHAUSTED') told = setTimeout(cancelAll, TOLD_MS);
        else cancelAll();
        const late = new TrivetError('ABORTED', 'Another worker failed.', link.name);
        grace = setTimeout(() => calls.abort(late), GRACE_MS);
      }
      throw error;
    }
  };
  try {
    const begun = send(links.links[0], first);
    // It is looked at below, with the others.
    begun.catch(() => undefined);
    let rest: readonly [BytesInPieces, BytesInPieces];
    try {
      rest = await others();
    } catch (error) {
      cancelAll();
      calls.abort(new TrivetError('CANCELLED', 'The input could not be shared.'));
      throw error;
    }
    const failed = () => (deadline.signal.aborted ? abortError(deadline.signal) : mostTelling(failures));
    // Worker 0 has refused meanwhile: the others need not be sent what they would have to forget.
    if (failures.length > 0) throw failed();
    const messages: Triple<BytesInPieces> = [first, ...rest];
    const [, left, right] = links.links;
    const settled = await Promise.allSettled([begun, send(left, rest[0]), send(right, rest[1])]);
    if (failures.length > 0) throw failed();
    const received = settled.map((one) => (one as PromiseFulfilledResult<Uint8Array>).value);
    return { messages, received: received as unknown as Triple<Uint8Array> };
  } finally {
    clearTimeout(grace);
    clearTimeout(told);
    deadline.signal.removeEventListener('abort', onDeadline);
  }
}

function readReply(
  bytes: Uint8Array,
  expected: Parameters<typeof decodePredictReply>[1],
  link: WorkerLink,
): PredictReply {
  try {
    return decodePredictReply(bytes, expected);
  } catch (error) {
    const why = toTrivetError(error).message;
    throw new TrivetError('INTERNAL', `Worker "${link.name}" sent a malformed reply. ${why}`, link.name);
  }
}

/** @throws TrivetError INTERNAL: one of them is garbage, or was made from garbage; nothing says whose */
function outputsOf(replies: Triple<PredictReply>, plan: Plan): Float64Array {
  try {
    return reconstructOutputs(
      map3(replies, (reply) => reply.words),
      plan,
    );
  } catch (error) {
    if (!(error instanceof InconsistentRepliesError)) throw error;
    const advice = 'Ask again; if it happens again, their operators should look after them.';
    const sentence = `${error.message} One of them computed or sent something wrong, so there is no answer. ${advice}`;
    throw new TrivetError('INTERNAL', sentence);
  }
}

/** @throws TrivetError INTERNAL: shares of runs of different protocols do not add up */
function agreedProtocol(replies: Triple<PredictReply>): ProtocolName {
  const [{ protocol }] = replies;
  if (replies.every((reply) => reply.protocol === protocol)) return protocol;
  throw new TrivetError('INTERNAL', 'The three workers ran different protocols.');
}

function transcribe(
  sent: Triple<Uint8Array>,
  received: Triple<Uint8Array>,
  shares: readonly [InputShare, InputShare, InputShare],
  kernels: Kernels,
): Transcript {
  const wordsPerShare = shares
    .flatMap(({ first, second }) => [first, second])
    .find((part) => part.kind === 'explicit');
  const words = wordsPerShare?.kind === 'explicit' ? wordsPerShare.words.length / 8 : 0;
  const expand = (part: InputShare['first']) =>
    part.kind === 'seed' ? expandSeed(kernels, part.seed, words) : part.words;
  const expandedShares = map3(shares, ({ first, second }) => [expand(first), expand(second)] as const);
  return new KeptTranscript(sent, received, expandedShares);
}

/** All shares of the client's own input: whoever asked for it looks inside, and nothing that prints a prediction does. */
class KeptTranscript extends Redacted implements Transcript {
  constructor(
    readonly sent: Transcript['sent'],
    readonly received: Transcript['received'],
    readonly expandedShares: Transcript['expandedShares'],
  ) {
    super();
  }

  toString(): string {
    return '[transcript of a prediction]';
  }
}

function map3<From, To>(triple: Triple<From>, change: (value: From, index: number) => To): [To, To, To] {
  return [change(triple[0], 0), change(triple[1], 1), change(triple[2], 2)];
}
