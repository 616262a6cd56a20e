/**
 * The binary messages of a prediction, client to one worker and back. Little-endian, exact lengths, no leftovers;
 * headers are multiples of 8 bytes, so words stay aligned.
 *
 * Request: "TVQ2" | requestId 16 | manifestDigest 32 | deadlineMs u32 | count u32 | form of the first and of the
 * second part, u8 each (0 seed, 1 explicit) | protocol u8 (0: none named) | zero u8 | nextRequestId 16 (zeros: none) |
 * first part | second part. A seed is 32 bytes, an explicit part 8 * count * inputSize.
 *
 * Reply: "TVR2" | requestId 16 | manifestDigest 32 | count u32 | outputSize u32 | rounds, bytesSent, bytesReceived,
 * bytesDealt, computeMicros, queueMicros, batchSize u32 each | stepCount u32 | protocol u8 | 3 zero bytes | stepCount
 * times (rounds, bytesSent, bytesReceived, micros u32 each) | words
 * 8 * count * (outputSize + 1).
 *
 * Rejected: protobuf or CBOR, whose decoders accept unknown fields and many spellings of one message.
 */
import { BytesInPieces, bytesToHex, hexToBytes } from './bytes.js';
import { TrivetError } from './errors.js';
import { MODEL_LIMITS } from './manifest.js';
import { CLIENT_LIMITS } from './messages.js';
import { type ProtocolName, protocolFromByte, protocolToByte } from './protocols.js';
import { Redacted } from './redacted.js';

const REQUEST_MAGIC = 0x32515654; // "TVQ2", read as little-endian u32
const REPLY_MAGIC = 0x32525654; // "TVR2"
const REQUEST_HEADER_BYTES = 80;
const NEXT_ID_OFFSET = 64;
const ID_BYTES = 16;
const NO_ID = '0'.repeat(2 * ID_BYTES);
const REPLY_HEADER_BYTES = 96;
const REPLY_STEP_BYTES = 16;
const SEED_BYTES = 32;
const WORD_BYTES = 8;
/** Behind the outputs of each sample. */
const CHECK_WORDS = 1;
const U32_MAX = 0xffff_ffff;

/** One of a worker's two input shares: a ChaCha20 seed, or the 64-bit words. Fits mpc-core's `SharePart`. */
export type WireSharePart =
  | { readonly kind: 'seed'; readonly seed: Uint8Array }
  | { readonly kind: 'explicit'; readonly words: Uint8Array };

/** A part as it was received: it is not shown when it is printed. */
class ReceivedSeed extends Redacted {
  readonly kind = 'seed';

  constructor(readonly seed: Uint8Array) {
    super();
  }

  toString(): string {
    return '[share: a seed]';
  }
}

class ReceivedWords extends Redacted {
  readonly kind = 'explicit';

  constructor(readonly words: Uint8Array) {
    super();
  }

  toString(): string {
    return `[share: ${this.words.length} bytes]`;
  }
}

export interface PredictRequest {
  /** 16 random bytes in lowercase hex; never used twice. */
  readonly requestId: string;
  /** SHA-256 of the manifest's text, lowercase hex. */
  readonly manifestDigest: string;
  /** Milliseconds that the client still waits, counted from the arrival of the request (clocks need not agree). */
  readonly deadlineMs: number;
  /** Samples in this request. */
  readonly count: number;
  /** The protocol to run, one of the manifest's; null: the one that the model is served with. */
  readonly protocol: ProtocolName | null;
  /**
   * What this client will call its next request, of one sample for the same model and protocol: the workers may agree
   * ahead on how to run it. Null: not told.
   */
  readonly nextRequestId: string | null;
  readonly first: WireSharePart;
  readonly second: WireSharePart;
}

/** What a receiver allows; everything is checked before anything is allocated. */
export interface PredictRequestLimits {
  readonly maxCount: number;
  /** Input size of one sample of the model with this digest, or undefined when there is no such model here. */
  inputSizeOf(manifestDigest: string): number | undefined;
}

/** What one plan step cost, in plan order; names are in the manifest's plan. */
export interface PredictStepStatistics {
  readonly rounds: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly micros: number;
}

/** What the prediction cost the worker; of the whole batch it ran in. Values above 2^32 - 1 saturate. */
export interface PredictStatistics {
  readonly rounds: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Part of `bytesSent` that depends on no input. */
  readonly bytesDealt: number;
  readonly computeMicros: number;
  readonly queueMicros: number;
  /** Samples in the batch, this request's included. */
  readonly batchSize: number;
  /** One entry per plan step, or empty. */
  readonly steps: readonly PredictStepStatistics[];
}

export interface PredictReply {
  readonly requestId: string;
  readonly manifestDigest: string;
  readonly count: number;
  readonly outputSize: number;
  /** The protocol that ran. */
  readonly protocol: ProtocolName;
  readonly statistics: PredictStatistics;
  /** This worker's share of the outputs and their check words: count * (outputSize + 1) little-endian 64-bit words. */
  readonly words: Uint8Array;
}

/** A reply as it was received: its share is not shown when it is printed. */
class ReceivedReply extends Redacted implements PredictReply {
  constructor(
    readonly requestId: string,
    readonly manifestDigest: string,
    readonly count: number,
    readonly outputSize: number,
    readonly protocol: ProtocolName,
    readonly statistics: PredictStatistics,
    readonly words: Uint8Array,
  ) {
    super();
  }

  toString(): string {
    return `[reply to ${this.requestId}: ${this.words.length} bytes]`;
  }
}

/**
 * Encodes a request. Its parts are not copied: they lie where they were, in one of the pieces each.
 * @throws TrivetError INVALID_ARGUMENT when a field is out of its range
 */
export function encodePredictRequest(request: PredictRequest): BytesInPieces {
  const { first, second } = request;
  const header = new Uint8Array(REQUEST_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, REQUEST_MAGIC, true);
  header.set(idBytes(request.requestId, ID_BYTES, 'request id'), 4);
  header.set(idBytes(request.manifestDigest, 32, 'manifest digest'), 20);
  view.setUint32(52, checkDeadline(request.deadlineMs), true);
  view.setUint32(56, checkCount(request.count, CLIENT_LIMITS.maxImagesPerRequest), true);
  header[60] = first.kind === 'seed' ? 0 : 1;
  header[61] = second.kind === 'seed' ? 0 : 1;
  header[62] = protocolToByte(request.protocol);
  if (request.nextRequestId !== null) {
    header.set(idBytes(checkNextId(request.nextRequestId), ID_BYTES, 'request id'), NEXT_ID_OFFSET);
  }
  return new BytesInPieces([header, partBytes(first), partBytes(second)]);
}

/**
 * Decodes a request. Its parts are views of `bytes`, not copies.
 * @throws TrivetError INVALID_ARGUMENT (malformed) or NOT_FOUND (no such model)
 */
export function decodePredictRequest(bytes: Uint8Array, limits: PredictRequestLimits): PredictRequest {
  const view = openHeader(bytes, REQUEST_HEADER_BYTES, REQUEST_MAGIC, 'request');
  const requestId = bytesToHex(bytes.subarray(4, 20));
  const manifestDigest = bytesToHex(bytes.subarray(20, 52));
  const deadlineMs = checkDeadline(view.getUint32(52, true));
  const count = checkCount(view.getUint32(56, true), limits.maxCount);
  const forms = [view.getUint8(60), view.getUint8(61)] as const;
  if (forms[0] > 1 || forms[1] > 1 || view.getUint8(63) !== 0) fail('The request has an unknown share form');
  const protocol = protocolFromByte(view.getUint8(62));
  const nextId = bytesToHex(bytes.subarray(NEXT_ID_OFFSET, NEXT_ID_OFFSET + ID_BYTES));
  const inputSize = limits.inputSizeOf(manifestDigest);
  if (inputSize === undefined) {
    throw new TrivetError(
      'NOT_FOUND',
      `No model with the digest ${manifestDigest.slice(0, 12)}… is shared here.`,
    );
  }
  const [firstLength, secondLength] = forms.map((form) =>
    form === 0 ? SEED_BYTES : WORD_BYTES * count * inputSize,
  ) as [number, number];
  checkLength(bytes, REQUEST_HEADER_BYTES + firstLength + secondLength, 'request');
  const middle = REQUEST_HEADER_BYTES + firstLength;
  return {
    requestId,
    manifestDigest,
    deadlineMs,
    count,
    protocol,
    nextRequestId: nextId === NO_ID ? null : nextId,
    first: toPart(forms[0], bytes.subarray(REQUEST_HEADER_BYTES, middle)),
    second: toPart(forms[1], bytes.subarray(middle)),
  };
}

/** @throws TrivetError INVALID_ARGUMENT when a field is out of its range */
export function encodePredictReply(reply: PredictReply): Uint8Array {
  const { statistics, words } = reply;
  if (statistics.steps.length > MODEL_LIMITS.maxSteps) fail('The reply has too many steps');
  const stepsEnd = REPLY_HEADER_BYTES + REPLY_STEP_BYTES * statistics.steps.length;
  const message = new Uint8Array(stepsEnd + words.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, REPLY_MAGIC, true);
  message.set(idBytes(reply.requestId, ID_BYTES, 'request id'), 4);
  message.set(idBytes(reply.manifestDigest, 32, 'manifest digest'), 20);
  view.setUint32(52, checkCount(reply.count, CLIENT_LIMITS.maxImagesPerRequest), true);
  view.setUint32(56, checkOutputSize(reply.outputSize), true);
  const { rounds, bytesSent, bytesReceived, bytesDealt, computeMicros, queueMicros, batchSize } = statistics;
  const totals = [rounds, bytesSent, bytesReceived, bytesDealt, computeMicros, queueMicros, batchSize];
  setSaturated(view, 60, totals);
  view.setUint32(88, statistics.steps.length, true);
  view.setUint8(92, protocolToByte(reply.protocol));
  statistics.steps.forEach((step, index) => {
    const values = [step.rounds, step.bytesSent, step.bytesReceived, step.micros];
    setSaturated(view, REPLY_HEADER_BYTES + REPLY_STEP_BYTES * index, values);
  });
  checkLength(message, stepsEnd + wordBytes(reply), 'reply');
  message.set(words, stepsEnd);
  return message;
}

/**
 * Decodes the reply to a request. Its words are a view of `bytes`, not a copy.
 * @param expected what was asked: a reply to anything else is refused
 * @throws TrivetError INVALID_ARGUMENT when it is malformed or answers another request
 */
export function decodePredictReply(
  bytes: Uint8Array,
  expected: Pick<PredictReply, 'requestId' | 'manifestDigest' | 'count' | 'outputSize'> &
    Pick<PredictRequest, 'protocol'>,
): PredictReply {
  const view = openHeader(bytes, REPLY_HEADER_BYTES, REPLY_MAGIC, 'reply');
  const requestId = bytesToHex(bytes.subarray(4, 20));
  const manifestDigest = bytesToHex(bytes.subarray(20, 52));
  const u32 = (offset: number) => view.getUint32(offset, true);
  const [count, outputSize, stepCount] = [u32(52), u32(56), u32(88)];
  if (requestId !== expected.requestId || manifestDigest !== expected.manifestDigest) {
    fail('The reply answers another request');
  }
  if (count !== expected.count || outputSize !== expected.outputSize)
    fail('The reply has another shape than asked');
  const protocol = protocolFromByte(view.getUint8(92));
  if (protocol === null || (expected.protocol !== null && protocol !== expected.protocol)) {
    fail('The reply is not of the protocol that was asked for');
  }
  if (stepCount > MODEL_LIMITS.maxSteps || u32(92) >>> 8 !== 0) fail('The reply has malformed statistics');
  const stepsEnd = REPLY_HEADER_BYTES + REPLY_STEP_BYTES * stepCount;
  checkLength(bytes, stepsEnd + wordBytes(expected), 'reply');
  const steps = Array.from({ length: stepCount }, (_, index) => {
    const at = REPLY_HEADER_BYTES + REPLY_STEP_BYTES * index;
    return { rounds: u32(at), bytesSent: u32(at + 4), bytesReceived: u32(at + 8), micros: u32(at + 12) };
  });
  const statistics = {
    rounds: u32(60),
    bytesSent: u32(64),
    bytesReceived: u32(68),
    bytesDealt: u32(72),
    computeMicros: u32(76),
    queueMicros: u32(80),
    batchSize: u32(84),
    steps,
  };
  const words = bytes.subarray(stepsEnd);
  return new ReceivedReply(requestId, manifestDigest, count, outputSize, protocol, statistics, words);
}

function openHeader(bytes: Uint8Array, headerBytes: number, magic: number, what: string): DataView {
  if (bytes.length < headerBytes) fail(`The ${what} is cut short: ${bytes.length} bytes`);
  if (bytes.length > CLIENT_LIMITS.maxMessageBytes) fail(`The ${what} is too long: ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== magic) fail(`The ${what} is not a prediction ${what} of this version`);
  return view;
}

function partBytes(part: WireSharePart): Uint8Array {
  if (part.kind === 'explicit') return part.words;
  if (part.seed.length !== SEED_BYTES) fail('A seed is 32 bytes');
  return part.seed;
}

function toPart(form: number, bytes: Uint8Array): WireSharePart {
  return form === 0 ? new ReceivedSeed(bytes) : new ReceivedWords(bytes);
}

function idBytes(hex: string, length: number, what: string): Uint8Array {
  if (!/^[0-9a-f]*$/.test(hex) || hex.length !== 2 * length)
    fail(`A ${what} is ${length} bytes in lowercase hexadecimal`);
  return hexToBytes(hex);
}

function setSaturated(view: DataView, offset: number, values: readonly number[]): void {
  values.forEach((value, index) => {
    view.setUint32(offset + 4 * index, Math.max(0, Math.min(U32_MAX, Math.round(value))), true);
  });
}

/** Zeros stand for none. */
function checkNextId(id: string): string {
  if (id === NO_ID) fail('A request id of zeros cannot be announced');
  return id;
}

function checkDeadline(deadlineMs: number): number {
  const { minDeadlineMs, maxDeadlineMs } = CLIENT_LIMITS;
  if (!Number.isInteger(deadlineMs) || deadlineMs < minDeadlineMs || deadlineMs > maxDeadlineMs) {
    fail(`The deadline must be ${minDeadlineMs} to ${maxDeadlineMs} ms`);
  }
  return deadlineMs;
}

function checkCount(count: number, maxCount: number): number {
  if (!Number.isInteger(count) || count < 1 || count > maxCount) {
    fail(`A request holds 1 to ${maxCount} samples, this one ${count}`);
  }
  return count;
}

function checkOutputSize(outputSize: number): number {
  if (!Number.isInteger(outputSize) || outputSize < 1 || outputSize > MODEL_LIMITS.maxTensorElements) {
    fail('The output size is out of range');
  }
  return outputSize;
}

function wordBytes({ count, outputSize }: Pick<PredictReply, 'count' | 'outputSize'>): number {
  return WORD_BYTES * count * (outputSize + CHECK_WORDS);
}

function checkLength(bytes: Uint8Array, expected: number, what: string): void {
  if (bytes.length !== expected) fail(`The ${what} has ${bytes.length} bytes where ${expected} are expected`);
}

function fail(sentence: string): never {
  throw new TrivetError('INVALID_ARGUMENT', `${sentence}.`);
}
