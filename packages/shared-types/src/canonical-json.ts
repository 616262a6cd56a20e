/**
 * Canonical JSON, after RFC 8785 (JCS): no white space, keys sorted by UTF-16 code units, numbers and strings as
 * ECMAScript prints them. One value has one text, so a text can be signed, hashed and compared.
 */

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * @param value plain JSON data; keys whose value is undefined are left out
 * @throws TypeError when a number is not finite, or a value is not JSON
 */
export function canonicalJson(value: unknown): string {
  return print(value as Json);
}

function print(value: Json): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('JSON has no number that is not finite');
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(print).join(',')}]`;
  if (typeof value !== 'object') throw new TypeError(`JSON has no ${typeof value}`);
  const entries = Object.entries(value)
    .filter(([, entry]) => entry !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, entry]) => `${JSON.stringify(key)}:${print(entry)}`);
  return `{${entries.join(',')}}`;
}
