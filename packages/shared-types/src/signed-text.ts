/** What the owner has signed, as it travels: its exact text, and the signature, in hex. */
import { z } from 'zod';
import { hexSchema } from './bytes.js';

/** @param maxBytes most UTF-16 code units of the text, which is canonical JSON */
export function signedTextSchema(maxBytes: number) {
  return z.strictObject({ text: z.string().max(maxBytes), signature: hexSchema(64) });
}
export type SignedText = z.infer<ReturnType<typeof signedTextSchema>>;
