/**
 * The protocols by name. On the wire a protocol is one byte, its place in this list counted from 1; 0 names none and
 * leaves the choice to who serves the model.
 */
import { z } from 'zod';
import { TrivetError } from './errors.js';

export const PROTOCOL_NAMES = ['replicated', 'fss', 'securenn'] as const;

export const protocolNameSchema = z.enum(PROTOCOL_NAMES);
export type ProtocolName = z.infer<typeof protocolNameSchema>;

export function protocolToByte(name: ProtocolName | null): number {
  return name === null ? 0 : PROTOCOL_NAMES.indexOf(name) + 1;
}

/** @throws TrivetError INVALID_ARGUMENT when no protocol has this number */
export function protocolFromByte(byte: number): ProtocolName | null {
  if (byte === 0) return null;
  const name = PROTOCOL_NAMES[byte - 1];
  if (name === undefined) throw new TrivetError('INVALID_ARGUMENT', 'No protocol has that number.');
  return name;
}
