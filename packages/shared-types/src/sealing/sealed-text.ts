/**
 * What is inside a record: an event with its payload, or an outcome. JSON, and at most one run of bytes beside it.
 *
 *   length of the head u32 | head | bytes
 *
 * The head is JSON: `name`, the event's or "" in an answer; `value`, without the bytes; `bytes`, where they belong: true
 * for the whole value, or the name of the value's field. Both of the latter are absent when there are none.
 */
import { z } from 'zod';
import { BytesInPieces } from '../bytes.js';
import { TrivetError } from '../errors.js';
import { check } from '../parse.js';

const LENGTH_BYTES = 4;

/** More than what an event with bytes has beside them: the length, the head, and the record's tag. */
export const SEALED_EVENT_BYTES = 1024;

/** The fields of payloads and outcomes that hold bytes. */
const BYTES_FIELDS = ['data', 'value'] as const;

const headSchema = z.strictObject({
  name: z.string().max(64),
  value: z.unknown().optional(),
  bytes: z.union([z.literal(true), z.enum(BYTES_FIELDS)]).optional(),
});

export interface SealedText {
  readonly name: string;
  readonly value: unknown;
}

/**
 * @param allocate gives the text's bytes, to be written
 * @returns what was allocated
 */
export function encodeSealedText(
  { name, value }: SealedText,
  allocate: (length: number) => Uint8Array = (length) => new Uint8Array(length),
): Uint8Array {
  const { rest, bytes, where } = separate(value);
  const head = new TextEncoder().encode(JSON.stringify({ name, value: rest, bytes: where }));
  const text = allocate(LENGTH_BYTES + head.length + bytes.length);
  new DataView(text.buffer, text.byteOffset).setUint32(0, head.length, true);
  text.set(head, LENGTH_BYTES);
  if (bytes instanceof BytesInPieces) bytes.copyTo(text, LENGTH_BYTES + head.length);
  else text.set(bytes, LENGTH_BYTES + head.length);
  return text;
}

/** Bytes in the value are a view of `text`. @throws TrivetError INVALID_ARGUMENT */
export function decodeSealedText(text: Uint8Array): SealedText {
  if (text.length < LENGTH_BYTES) fail();
  const headEnd = LENGTH_BYTES + new DataView(text.buffer, text.byteOffset).getUint32(0, true);
  if (headEnd > text.length) fail();
  const parsed = check(headSchema, parse(text.subarray(LENGTH_BYTES, headEnd)));
  if (!parsed.success) return fail();
  const { name, value, bytes: where } = parsed.data;
  const bytes = text.subarray(headEnd);
  if (where === undefined) return bytes.length === 0 ? { name, value } : fail();
  if (where === true) return value === undefined ? { name, value: bytes } : fail();
  if (typeof value !== 'object' || value === null || Object.hasOwn(value, where)) return fail();
  return { name, value: { ...value, [where]: bytes } };
}

function separate(value: unknown): {
  readonly rest: unknown;
  readonly bytes: Uint8Array | BytesInPieces;
  readonly where: true | (typeof BYTES_FIELDS)[number] | undefined;
} {
  if (value instanceof Uint8Array || value instanceof BytesInPieces)
    return { rest: undefined, bytes: value, where: true };
  if (typeof value === 'object' && value !== null) {
    for (const field of BYTES_FIELDS) {
      const { [field]: bytes, ...rest } = value as Record<string, unknown>;
      if (bytes instanceof Uint8Array) return { rest, bytes, where: field };
    }
  }
  return { rest: value, bytes: new Uint8Array(), where: undefined };
}

function parse(head: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(head));
  } catch {
    return undefined;
  }
}

function fail(): never {
  throw new TrivetError('INVALID_ARGUMENT', 'A sealed message holds something that is no event.');
}
