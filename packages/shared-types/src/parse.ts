/** Schema checks at boundaries, with errors a person can act on. */
import { z } from 'zod';
import { TrivetError } from './errors.js';

type Checked<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly issue?: z.core.$ZodIssue | undefined };

/**
 * As zod's `safeParse`, for values from outside: that one throws itself where an object says that its "length" is something
 * which cannot be compared with a number, for it looks at the length of what is no list and no text as well.
 */
export function check<T>(schema: z.ZodType<T>, value: unknown): Checked<T> {
  try {
    const result = schema.safeParse(value);
    return result.success ? result : { success: false, issue: result.error.issues[0] };
  } catch {
    return { success: false };
  }
}

/**
 * The value, checked against `schema`.
 * @param what what the value is, to begin the error's sentence, for example "The manifest"
 * @throws TrivetError INVALID_ARGUMENT that names the first offending field; it never repeats the value
 */
export function parseStrict<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = check(schema, value);
  if (result.success) return result.data;
  const { issue } = result;
  const path = issue === undefined || issue.path.length === 0 ? '' : ` at "${z.core.toDotPath(issue.path)}"`;
  throw new TrivetError(
    'INVALID_ARGUMENT',
    `${what} is not valid${path}: ${issue?.message ?? 'it has a length that is none'}.`,
  );
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
