/** Schema checks at boundaries, with errors a person can act on. */
import { z } from 'zod';
import { TrivetError } from './errors.js';

/**
 * The value, checked against `schema`.
 * @param what what the value is, to begin the error's sentence, for example "The manifest"
 * @throws TrivetError INVALID_ARGUMENT that names the first offending field; it never repeats the value
 */
export function parseStrict<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue === undefined || issue.path.length === 0 ? '' : ` at "${z.core.toDotPath(issue.path)}"`;
  throw new TrivetError('INVALID_ARGUMENT', `${what} is not valid${path}: ${issue?.message ?? 'unknown'}.`);
}

/** As {@link parseStrict}, from JSON text. */
export function parseJson<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may be a secret.
    throw new TrivetError('INVALID_ARGUMENT', `${what} is not valid JSON.`);
  }
  return parseStrict(schema, value, what);
}
