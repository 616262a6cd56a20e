/**
 * What the workers tell each other beside the protocol's own data: payloads of the mesh's control frames.
 * Those sent once per request or batch are binary (little-endian, exact lengths); the rest is strict JSON.
 *
 * | payload  | fields                                                                       |
 * | -------- | ---------------------------------------------------------------------------- |
 * | arrived  | request id 16, manifest digest 32, count u32, deadline in ms u32, protocol u8 |
 * | reject   | request id 16, error                                                         |
 * | withdraw | request id 16, error                                                         |
 * | deal     | id of the followers' link 8, manifest digest 32, protocol u8, helper u8, dropped items 16 each |
 * | dealt    | memory of the item u48                                                       |
 * | propose  | id of the followers' link 8, manifest digest 32, protocol u8, …: see `encodeProposal` |
 * | served   | manifest digest 32, since u32, served u48                                    |
 * | used     | token id 8 and samples u48, for each token                                   |
 * | abort    | error: u8 code, UTF-8 sentence                                               |
 */
import type { PartyIndex } from '@trivet/mpc-core';
import {
  ACCESS_LIMITS,
  clusterIdSchema,
  ERROR_CODES,
  hexSchema,
  modelNameSchema,
  ORDER_LIMITS,
  type ProtocolName,
  parseJson,
  protocolFromByte,
  protocolToByte,
  TrivetError,
  workerNameSchema,
} from '@trivet/shared-types';
import { z } from 'zod';
import type { SessionKey } from './frames.js';

export const MESH_VERSION = 5;
const ID_BYTES = 16;
const DIGEST_BYTES = 32;
const LINK_ID_BYTES = 8;
const MAX_SENTENCE_BYTES = 1024;
/** What proposals and dealing begin with: link, digest, protocol, helper. */
const RUN_BYTES = LINK_ID_BYTES + DIGEST_BYTES + 2;
const COUNT_BYTES = 4;
const MAX_PROPOSED_REQUESTS = 100_000;
const workerIndex = z.int().min(0).max(2);

export const helloSchema = z.strictObject({
  mesh: z.literal(MESH_VERSION),
  clusterId: clusterIdSchema,
  from: workerIndex,
  to: workerIndex,
  name: workerNameSchema,
});

/** What a worker holds and sees; sent when a link comes up and whenever it changes. */
export const stateSchema = z.strictObject({
  /** Manifest digests of the versions that it has in memory. */
  models: z.array(hexSchema(DIGEST_BYTES)).max(1024),
  /** Id of the sender's link to the third worker, who is neither sender nor receiver; null while it is down. */
  link: hexSchema(LINK_ID_BYTES).nullable(),
  /** For each model of which it has an order: how far it is with it. */
  serving: z
    .array(
      z.strictObject({
        model: modelNameSchema,
        /** The newest order on the sender's disk. */
        order: z.strictObject({ sequence: z.int().min(1), digest: hexSchema(DIGEST_BYTES) }),
        /** Digest of the order that the sender follows. */
        inForce: hexSchema(DIGEST_BYTES).nullable(),
        /** Images served since the order with this sequence. */
        since: z.int().min(0).max(ORDER_LIMITS.maxSequence),
        served: z.int().min(0),
      }),
    )
    .max(1024),
});
export type MeshState = z.infer<typeof stateSchema>;

export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** @throws TrivetError INVALID_ARGUMENT */
export function decodeJson<T>(schema: z.ZodType<T>, payload: Uint8Array, what: string): T {
  return parseJson(schema, asBuffer(payload).toString('utf8'), what);
}

export interface Arrived {
  readonly requestId: string;
  readonly digest: string;
  readonly count: number;
  /** The one that the client named; null: none. */
  readonly protocol: ProtocolName | null;
  readonly deadlineMs: number;
}

const ARRIVED_BYTES = ID_BYTES + DIGEST_BYTES + 9;

export function encodeArrived(message: Arrived): Uint8Array {
  const payload = Buffer.allocUnsafe(ARRIVED_BYTES);
  payload.write(message.requestId, 0, 'hex');
  payload.write(message.digest, ID_BYTES, 'hex');
  payload.writeUInt32LE(message.count, ID_BYTES + DIGEST_BYTES);
  payload.writeUInt32LE(message.deadlineMs, ID_BYTES + DIGEST_BYTES + 4);
  payload[ARRIVED_BYTES - 1] = protocolToByte(message.protocol);
  return payload;
}

export function decodeArrived(payload: Uint8Array): Arrived {
  const buffer = exactly(payload, ARRIVED_BYTES);
  return {
    requestId: buffer.toString('hex', 0, ID_BYTES),
    digest: buffer.toString('hex', ID_BYTES, ID_BYTES + DIGEST_BYTES),
    count: buffer.readUInt32LE(ID_BYTES + DIGEST_BYTES),
    deadlineMs: buffer.readUInt32LE(ID_BYTES + DIGEST_BYTES + 4),
    protocol: protocolFromByte(buffer[ARRIVED_BYTES - 1]!),
  };
}

export function encodeRefusal(requestId: string, error: TrivetError): Uint8Array {
  return Buffer.concat([Buffer.from(requestId, 'hex'), encodeError(error)]);
}

/** @param from name of the worker that sent it, which becomes the error's worker */
export function decodeRefusal(payload: Uint8Array, from: string): { requestId: string; error: TrivetError } {
  if (payload.length < ID_BYTES) throw malformed();
  return {
    requestId: asBuffer(payload).toString('hex', 0, ID_BYTES),
    error: decodeError(payload.subarray(ID_BYTES), from),
  };
}

/** In place of a protocol: requests of the batch may name any, or none. */
const ANY_PROTOCOL = 0xff;

export interface Proposal {
  readonly link: string;
  readonly digest: string;
  readonly protocol: ProtocolName;
  readonly helper: PartyIndex;
  /** Of all its requests together. */
  readonly images: number;
  /**
   * Of a request that the followers may not have yet: the protocol that it must name, or null that it must name none.
   * Absent where all three are known to hold the same.
   */
  readonly asked?: ProtocolName | null;
  /** Nobody has the request yet: the leader will say that it has begun, or recall the proposal. */
  readonly ahead: boolean;
  /** Items of the pool that the batch uses up, one an image, or none. */
  readonly material: readonly SessionKey[];
  readonly requestIds: readonly string[];
}

export function encodeProposal(proposal: Proposal): Uint8Array {
  const { material, requestIds } = proposal;
  const { asked } = proposal;
  const counts = Buffer.alloc(2 * COUNT_BYTES + 2);
  counts[2 * COUNT_BYTES] = asked === undefined ? ANY_PROTOCOL : protocolToByte(asked);
  counts[2 * COUNT_BYTES + 1] = Number(proposal.ahead);
  counts.writeUInt32LE(proposal.images);
  counts.writeUInt32LE(material.length, COUNT_BYTES);
  const items = Buffer.from(material.join(''), 'latin1');
  return Buffer.concat([encodeRun(proposal), counts, items, Buffer.from(requestIds.join(''), 'hex')]);
}

export function decodeProposal(payload: Uint8Array): Proposal {
  const buffer = asBuffer(payload);
  const run = decodeRun(buffer);
  const ids = RUN_BYTES + 2 * COUNT_BYTES + 2;
  if (buffer.length < ids) throw malformed();
  const images = buffer.readUInt32LE(RUN_BYTES);
  const start = ids + buffer.readUInt32LE(RUN_BYTES + COUNT_BYTES) * ID_BYTES;
  const count = (buffer.length - start) / ID_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > MAX_PROPOSED_REQUESTS) throw malformed();
  const material = decodeIds(buffer, ids, start, 'latin1');
  const requestIds = decodeIds(buffer, start, buffer.length, 'hex');
  const [asked, ahead] = [buffer[ids - 2]!, buffer[ids - 1]!];
  if (ahead > 1) throw malformed();
  const expects = asked === ANY_PROTOCOL ? {} : { asked: protocolFromByte(asked) };
  return { ...run, images, ...expects, ahead: ahead === 1, material, requestIds };
}

/** That an item is dealt, in the frame's session. */
export interface Deal {
  readonly link: string;
  readonly digest: string;
  readonly protocol: ProtocolName;
  readonly helper: PartyIndex;
  /** Items that will not be used. */
  readonly dropped: readonly SessionKey[];
}

export function encodeDeal(deal: Deal): Uint8Array {
  return Buffer.concat([encodeRun(deal), Buffer.from(deal.dropped.join(''), 'latin1')]);
}

export function decodeDeal(payload: Uint8Array): Deal {
  const buffer = asBuffer(payload);
  return { ...decodeRun(buffer), dropped: decodeIds(buffer, RUN_BYTES, buffer.length, 'latin1') };
}

type Run = Omit<Deal, 'dropped'>;

function encodeRun({ link, digest, protocol, helper }: Run): Buffer {
  return Buffer.concat([Buffer.from(link + digest, 'hex'), Buffer.of(protocolToByte(protocol), helper)]);
}

function decodeRun(buffer: Buffer): Run {
  if (buffer.length < RUN_BYTES) throw malformed();
  const digestEnd = LINK_ID_BYTES + DIGEST_BYTES;
  const protocol = protocolFromByte(buffer[digestEnd]!);
  const helper = buffer[digestEnd + 1]!;
  if (protocol === null || helper > 2) throw malformed();
  return {
    link: buffer.toString('hex', 0, LINK_ID_BYTES),
    digest: buffer.toString('hex', LINK_ID_BYTES, digestEnd),
    protocol,
    helper: helper as PartyIndex,
  };
}

/** Ids of 16 bytes, none of them twice. */
function decodeIds(buffer: Buffer, start: number, end: number, encoding: 'hex' | 'latin1'): string[] {
  if ((end - start) % ID_BYTES !== 0) throw malformed();
  const ids: string[] = [];
  for (let at = start; at < end; at += ID_BYTES) ids.push(buffer.toString(encoding, at, at + ID_BYTES));
  if (new Set(ids).size !== ids.length) throw malformed();
  return ids;
}

/** @param bytes memory that the item takes at this follower */
export function encodeDealt(bytes: number): Uint8Array {
  const payload = Buffer.allocUnsafe(6);
  payload.writeUIntLE(bytes, 0, 6);
  return payload;
}

export function decodeDealt(payload: Uint8Array): number {
  return exactly(payload, 6).readUIntLE(0, 6);
}

export interface Served {
  readonly digest: string;
  /** Sequence of the order that began to count. */
  readonly since: number;
  readonly served: number;
}

export function encodeServed({ digest, since, served }: Served): Uint8Array {
  const payload = Buffer.allocUnsafe(DIGEST_BYTES + 10);
  payload.write(digest, 0, 'hex');
  payload.writeUInt32LE(since, DIGEST_BYTES);
  payload.writeUIntLE(served, DIGEST_BYTES + 4, 6);
  return payload;
}

export function decodeServed(payload: Uint8Array): Served {
  const buffer = exactly(payload, DIGEST_BYTES + 10);
  return {
    digest: buffer.toString('hex', 0, DIGEST_BYTES),
    since: buffer.readUInt32LE(DIGEST_BYTES),
    served: buffer.readUIntLE(DIGEST_BYTES + 4, 6),
  };
}

const TOKEN_ID_BYTES = 8;
const USED_BYTES = TOKEN_ID_BYTES + 6;

/** Samples that were answered to whoever has each token, since it was made. */
export function encodeUsed(counts: readonly (readonly [string, number])[]): Uint8Array {
  const payload = Buffer.allocUnsafe(counts.length * USED_BYTES);
  for (const [index, [id, used]] of counts.entries()) {
    payload.write(id, index * USED_BYTES, 'hex');
    payload.writeUIntLE(used, index * USED_BYTES + TOKEN_ID_BYTES, 6);
  }
  return payload;
}

export function decodeUsed(payload: Uint8Array): readonly (readonly [string, number])[] {
  const buffer = asBuffer(payload);
  const count = buffer.length / USED_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > ACCESS_LIMITS.maxTokens) throw malformed();
  return Array.from({ length: count }, (_, index) => {
    const at = index * USED_BYTES;
    const id = buffer.toString('hex', at, at + TOKEN_ID_BYTES);
    return [id, buffer.readUIntLE(at + TOKEN_ID_BYTES, 6)] as const;
  });
}

export function encodeError(error: TrivetError): Uint8Array {
  const sentence = Buffer.from(error.message, 'utf8').subarray(0, MAX_SENTENCE_BYTES);
  return Buffer.concat([Buffer.of(ERROR_CODES.indexOf(error.code)), sentence]);
}

export function decodeError(payload: Uint8Array, from: string): TrivetError {
  const code = ERROR_CODES[payload[0] ?? ERROR_CODES.length];
  if (code === undefined || payload.length > 1 + MAX_SENTENCE_BYTES) throw malformed();
  return new TrivetError(code, asBuffer(payload).toString('utf8', 1), from);
}

function exactly(payload: Uint8Array, bytes: number): Buffer {
  if (payload.length !== bytes) throw malformed();
  return asBuffer(payload);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(): TrivetError {
  return new TrivetError('INVALID_ARGUMENT', 'A control frame is malformed.');
}
