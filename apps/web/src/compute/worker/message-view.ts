/** The pictures of "what each worker saw": the message that left the browser, opened as its receiver opens it. */
import { expandSeed, type Kernels } from '@trivet/mpc-core';
import { decodePredictReply, decodePredictRequest, type WireSharePart } from '@trivet/shared-types';
import type { MessageView, SharePicture } from './messages.js';

export interface MessageSizes {
  readonly count: number;
  readonly inputSize: number;
  readonly outputSize: number;
}

/**
 * @param exchange the request exactly as it was sent, and the reply to it
 * @param sizes samples in it; the picture is of the first; numbers in one input and in one output
 * @throws TrivetError INVALID_ARGUMENT when a message is malformed
 */
export function viewOfMessage(
  kernels: Kernels,
  name: string,
  { sent, received }: { readonly sent: Uint8Array; readonly received: Uint8Array },
  { count, inputSize, outputSize }: MessageSizes,
): MessageView {
  const request = decodePredictRequest(sent, { maxCount: count, inputSizeOf: () => inputSize });
  const { requestId, manifestDigest } = request;
  const reply = decodePredictReply(received, {
    requestId,
    manifestDigest,
    count,
    outputSize,
    protocol: request.protocol,
  });
  return {
    name,
    messageBytes: sent.length,
    sent,
    received,
    summands: reply.words.slice(0, 8 * outputSize),
    shares: [pictureOf(kernels, request.first, inputSize), pictureOf(kernels, request.second, inputSize)],
  };
}

function pictureOf(kernels: Kernels, part: WireSharePart, inputSize: number): SharePicture {
  if (part.kind === 'explicit') {
    return { form: 'explicit', sentBytes: part.words.length, bytes: part.words.slice(0, 8 * inputSize) };
  }
  const bytes = expandSeed(kernels, part.seed, inputSize).slice(0, 8 * inputSize);
  return { form: 'seed', sentBytes: part.seed.length, bytes };
}
