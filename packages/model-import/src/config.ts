/** Strict reading of JSON whose shape is not known: every value is checked, every error says where it is. */
import { ModelFormatError } from './errors.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws ModelFormatError */
export function asObject(value: unknown, where: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ModelFormatError(`${where} is ${describe(value)}, expected an object.`);
  }
  return value as JsonObject;
}

/** @throws ModelFormatError */
export function asArray(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new ModelFormatError(`${where} is ${describe(value)}, expected a list.`);
  return value;
}

/** @throws ModelFormatError */
export function asString(value: unknown, where: string): string {
  if (typeof value !== 'string') {
    throw new ModelFormatError(`${where} is ${describe(value)}, expected a text.`);
  }
  return value;
}

/** @throws ModelFormatError */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ModelFormatError(`${where} is not JSON: ${(error as Error).message}.`, { cause: error });
  }
}

export function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = written(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Nested too deep: it can be read, and not be written.
    return Array.isArray(value) ? 'a list in lists' : 'an object in objects';
  }
}

/** The `config` of one layer. Getters throw ModelFormatError naming the layer and the option. */
export class LayerConfig {
  constructor(
    readonly layerName: string,
    readonly className: string,
    private readonly values: JsonObject,
  ) {}

  /** The raw value; undefined when it is missing or null. */
  raw(option: string): unknown {
    return Object.hasOwn(this.values, option) ? (this.values[option] ?? undefined) : undefined;
  }

  string(option: string, fallback: string): string {
    const value = this.raw(option) ?? fallback;
    if (typeof value !== 'string') throw this.invalid(option, value, 'a text');
    return value;
  }

  boolean(option: string, fallback: boolean): boolean {
    const value = this.raw(option) ?? fallback;
    if (typeof value !== 'boolean') throw this.invalid(option, value, 'true or false');
    return value;
  }

  number(option: string, fallback: number): number {
    const value = this.raw(option) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.invalid(option, value, 'a number');
    return value;
  }

  integer(option: string): number {
    const value = this.raw(option);
    if (!isPositiveInteger(value)) throw this.invalid(option, value, 'a positive whole number');
    return value;
  }

  /** One positive whole number for both axes, or one each. */
  pair(option: string, fallback?: readonly [number, number]): readonly [number, number] {
    const value = this.raw(option) ?? fallback;
    const pair = typeof value === 'number' ? [value, value] : value;
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every(isPositiveInteger)) {
      throw this.invalid(option, value, 'one or two positive whole numbers');
    }
    return pair as unknown as readonly [number, number];
  }

  invalid(option: string, value: unknown, expected: string): ModelFormatError {
    return new ModelFormatError(
      `Layer "${this.layerName}" (${this.className}): ${option} is ${describe(value)}, expected ${expected}.`,
    );
  }
}

function isPositiveInteger(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
