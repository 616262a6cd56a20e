/** The pictures of "what each worker saw": the message that left the browser, opened as its receiver opens it. */
import { expandSeed, type Kernels } from '@trivet/mpc-core';
import { decodePredictRequest, type WireSharePart } from '@trivet/shared-types';
import type { MessageView, SharePicture } from './messages.js';

/**
 * @param message the request exactly as it was sent
 * @param count samples in it; the picture is of the first
 * @param inputSize inputs per sample
 * @throws TrivetError INVALID_ARGUMENT when the message is malformed
 */
export function viewOfMessage(
  kernels: Kernels,
  name: string,
  message: Uint8Array,
  count: number,
  inputSize: number,
): MessageView {
  const request = decodePredictRequest(message, { maxCount: count, inputSizeOf: () => inputSize });
  return {
    name,
    messageBytes: message.length,
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
