/** What the targets have in common. */
import { type ErrorCode, TrivetError } from '@trivet/shared-types';
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
