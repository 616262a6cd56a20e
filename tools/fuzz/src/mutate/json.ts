/**
 * Mutations of JSON: values of other kinds, keys that are missing, unknown, doubled or special, lists that are long, deep or
 * empty, numbers at the edge of what a double, an integer or a schema holds.
 */
import type { Choices } from './random.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const NUMBERS = [
  0,
  -0,
  -1,
  1,
  2,
  3,
  16,
  17,
  24,
  25,
  40,
  48,
  49,
  64,
  65,
  512,
  513,
  1024,
  1025,
  0.5,
  1e-9,
  65_535,
  65_536,
  999_999,
  1_000_000,
  1_000_001,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  1e21,
  1e308,
  -1e308,
  5e-324,
];
const TEXTS = [
  '',
  ' ',
  '0',
  '\0',
  '../../etc/passwd',
  'a'.repeat(65),
  'a'.repeat(5_000),
  '00'.repeat(16),
  '00'.repeat(32),
  '00'.repeat(64),
  'AB'.repeat(16),
  '\u{1f600}',
  '\ud800',
  '\u202e',
  '__proto__',
  'constructor',
  'http://localhost:1',
  'javascript:0',
  'NaN',
  '2024-01-01T00:00:00.000Z',
  'replicated',
  'fss',
];
const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  '0',
  '-1',
  '',
  'then',
];
/** Objects that pose as something else to whoever looks at one property of them, or has them compared. */
const STRANGE: readonly Json[] = [
  { length: [{ toString: {} }] },
  { length: 3 },
  { length: { valueOf: 1, toString: 1 } },
  { size: 3, toString: {} },
  { toJSON: 1, toString: 1, valueOf: 1 },
];
/** A raw text that JSON.stringify never writes. */
const RAW = /"@raw:([^"]*)"/g;
const DEEP = 20_000;

function leaf(choices: Choices): Json {
  switch (choices.below(9)) {
    case 0:
      return null;
    case 1:
      return choices.chance(0.5);
    case 2:
      return choices.pick(TEXTS);
    case 3:
      return [];
    case 4:
      return {};
    case 6:
      return structuredClone(choices.pick(STRANGE));
    case 5:
      return choices.pick([
        '@raw:1e999',
        '@raw:-1e999',
        '@raw:1E400',
        '@raw:-0',
        '@raw:0.1e-400',
        `@raw:${'9'.repeat(400)}`,
      ]);
    default:
      return choices.pick(NUMBERS);
  }
}

interface Place {
  readonly holder: { [key: string]: Json };
  readonly key: string;
}

function placesOf(value: Json, into: Place[]): Place[] {
  if (typeof value !== 'object' || value === null) return into;
  const holder = value as { [key: string]: Json };
  for (const key of Object.keys(holder)) {
    if (into.length > 2_000) break;
    into.push({ holder, key });
    placesOf(holder[key]!, into);
  }
  return into;
}

function put(holder: { [key: string]: Json }, key: string, value: Json): void {
  // Of a list only elements are written.
  if (Array.isArray(holder) && !/^\d{1,4}$/.test(key)) return;
  // As JSON.parse does: an own key, whatever its name.
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

/** @returns null when the text is no JSON */
export function mutateJson(text: string, choices: Choices, other: () => string): string | null {
  let root: { [key: string]: Json };
  try {
    root = { value: JSON.parse(text) as Json };
  } catch {
    return null;
  }
  for (let left = choices.small(6); left > 0; left--) {
    const places = placesOf(root, []);
    if (places.length === 0) break;
    const { holder, key } = choices.pick(places);
    change(holder, key, choices, places, other);
  }
  return write(root.value ?? null, choices);
}

function change(
  holder: { [key: string]: Json },
  key: string,
  choices: Choices,
  places: readonly Place[],
  other: () => string,
): void {
  const value = holder[key]!;
  switch (choices.below(11)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      return;
    case 1:
      if (typeof value === 'object' && value !== null) put(value as never, choices.pick(KEYS), leaf(choices));
      else put(holder, choices.pick(KEYS), leaf(choices));
      return;
    case 2: {
      const from = choices.pick(places);
      put(holder, key, structuredClone(from.holder[from.key]!));
      return;
    }
    case 3:
      if (Array.isArray(value))
        for (let left = choices.small(1_500); left > 0; left--) value.push(structuredClone(value[0] ?? null));
      else put(holder, key, leaf(choices));
      return;
    case 4:
      if (typeof value === 'number') put(holder, key, value + choices.pick([-1, 1, 0.5, 1e-7]));
      else if (typeof value === 'string') put(holder, key, spell(value, choices));
      else put(holder, key, leaf(choices));
      return;
    case 5:
      if (typeof value === 'number')
        put(holder, key, choices.pick([-value, value * 2, value * 1_000, value / 2]));
      else put(holder, key, [value]);
      return;
    case 6:
      if (choices.chance(0.05)) put(holder, key, `@raw:${'['.repeat(DEEP)}${']'.repeat(DEEP)}`);
      else put(holder, key, { [choices.pick(KEYS)]: value });
      return;
    case 7: {
      let taken: Json = null;
      try {
        taken = JSON.parse(other()) as Json;
      } catch {
        // The other one need not be JSON any more.
      }
      const parts = placesOf({ taken }, []);
      const part = choices.pick(parts);
      put(holder, key, structuredClone(part.holder[part.key] ?? null));
      return;
    }
    default:
      put(holder, key, leaf(choices));
  }
}

function spell(text: string, choices: Choices): string {
  const where = choices.below(text.length + 1);
  switch (choices.below(5)) {
    case 0:
      return text.toUpperCase();
    case 1:
      return text.slice(0, where) + text.slice(where + 1);
    case 2:
      return (
        text.slice(0, where) + choices.pick(['\0', 'g', '/', '\n', 'é', ' ', '%', '0']) + text.slice(where)
      );
    case 3:
      return text.repeat(choices.small(64));
    default:
      return text.slice(0, where) + String.fromCharCode(choices.below(0x300)) + text.slice(where + 1);
  }
}

/** JSON text; now and then with white space, a doubled key, or something left over. */
function write(value: Json, choices: Choices): string {
  let text = JSON.stringify(value, null, choices.chance(0.1) ? ' ' : '').replace(RAW, '$1');
  if (choices.chance(0.05)) text = text.replace(/\{("[^"]*")/, `{$1:${choices.pick(['1', 'null', '{}'])},$1`);
  if (choices.chance(0.03)) text += choices.pick([' ', '\n', '\0', ',', '}', '{}', '\ufeff']);
  return text;
}
