/** What the targets have in common. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToHex, canonicalJson, type ErrorCode, hexToBytes, TrivetError } from '@trivet/shared-types';
import { OWNER_SECRET_KEY } from '../../../../packages/shared-types/test/fixtures.js';
import { promise } from '../target.js';

/** Expects TrivetErrors with one of these codes, whose sentence stays short. */
export function coded(...codes: readonly ErrorCode[]): (error: unknown) => boolean {
  return (error) =>
    error instanceof TrivetError && codes.includes(error.code) && error.message.length <= MOST_IN_A_SENTENCE;
}

/** An error that grows with what somebody sent fills logs and connections. */
const MOST_IN_A_SENTENCE = 2_000;

export const utf8 = (text: string): Uint8Array => Buffer.from(text, 'utf8');
export const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value));
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** Plain data only: what was decoded inherits from nothing that a sender named. */
export function requirePlain(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (ArrayBuffer.isView(value) || value instanceof Map) return;
  const prototype = Object.getPrototypeOf(value) as unknown;
  const expected = Array.isArray(value) ? Array.prototype : Object.prototype;
  promise(prototype === expected || prototype === null, 'a decoded value inherits from what was sent');
  for (const entry of Object.values(value)) requirePlain(entry);
}

/** Signs whatever text there is, as an owner would whose software is broken or hostile. */
export function ownerSignature(context: string, text: string): string {
  return bytesToHex(ed25519.sign(utf8(context + text), hexToBytes(OWNER_SECRET_KEY)));
}

/** Most texts are not canonical any more once they are changed: written anew, they get further. */
export function canonicalOr(text: string): string {
  try {
    return canonicalJson(JSON.parse(text));
  } catch {
    return text;
  }
}

/** Several messages as one input: a length u16 before each. */
export function joinPieces(pieces: readonly Uint8Array[]): Buffer {
  return Buffer.concat(pieces.flatMap((piece) => [Buffer.of(piece.length & 255, piece.length >> 8), piece]));
}

export function splitPieces(input: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at + 2 <= input.length; ) {
    const length = input[at]! | (input[at + 1]! << 8);
    pieces.push(input.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return pieces;
}
