/**
 * Protocol buffers, read by description: a message is a table of its fields, and what it decodes to has their names
 * and types. The wire format is read by @bufbuild/protobuf; fields that a description leaves out are skipped.
 *
 * Rejected: generated code for the whole of TensorFlow's and ONNX's schemas, of which a tenth is looked at.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ModelFormatError } from '../errors.js';

/** How one value of a type is read. */
export interface ValueType<T> {
  readonly wire: WireType;
  readonly read: (reader: BinaryReader) => T;
}

/** How all values of one field are collected. */
export interface FieldType<T> {
  initial(): T;
  merge(previous: T, reader: BinaryReader, wire: WireType): T;
}

export type Fields = Readonly<Record<string, readonly [number: number, type: FieldType<unknown>]>>;
export type MessageOf<F extends Fields> = {
  readonly [Name in keyof F]: F[Name][1] extends FieldType<infer T> ? T : never;
};

/** A message type: something that turns a reader over its bytes into a value. */
export interface Message<T> extends ValueType<T> {
  readonly empty: () => T;
}

function safeInteger(value: bigint | string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`the number ${value} is too large`);
  return number;
}

export const int64: ValueType<number> = {
  wire: WireType.Varint,
  read: (reader) => safeInteger(reader.int64()),
};
export const int32: ValueType<number> = { wire: WireType.Varint, read: (reader) => reader.int32() };
export const bool: ValueType<boolean> = { wire: WireType.Varint, read: (reader) => reader.bool() };
export const float: ValueType<number> = { wire: WireType.Bit32, read: (reader) => reader.float() };
export const double: ValueType<number> = { wire: WireType.Bit64, read: (reader) => reader.double() };
export const fixed32: ValueType<number> = { wire: WireType.Bit32, read: (reader) => reader.fixed32() };
export const text: ValueType<string> = { wire: WireType.LengthDelimited, read: (reader) => reader.string() };
export const bytes: ValueType<Uint8Array> = {
  wire: WireType.LengthDelimited,
  read: (reader) => reader.bytes(),
};

function expectWire(type: ValueType<unknown>, wire: WireType): void {
  if (wire !== type.wire) throw new RangeError(`a field has the wire type ${wire}, expected ${type.wire}`);
}

/** A field that may be absent. */
export function optional<T>(type: ValueType<T>): FieldType<T | undefined> {
  return {
    initial: () => undefined,
    merge: (_, reader, wire) => {
      expectWire(type, wire);
      return type.read(reader);
    },
  };
}

/** A field whose absence means `absent`. */
export function single<T>(type: ValueType<T>, absent: T): FieldType<T> {
  const field = optional(type);
  return { initial: () => absent, merge: (_, reader, wire) => field.merge(undefined, reader, wire) as T };
}

/** A list; numbers may come packed. */
export function repeated<T>(type: ValueType<T>): FieldType<T[]> {
  return {
    initial: () => [],
    merge: (list, reader, wire) => {
      if (wire === WireType.LengthDelimited && type.wire !== WireType.LengthDelimited) {
        const packed = new BinaryReader(reader.bytes());
        while (packed.pos < packed.len) list.push(type.read(packed));
        return list;
      }
      expectWire(type, wire);
      list.push(type.read(reader));
      return list;
    },
  };
}

/** map<string, T>. A key that comes twice is an error. */
export function map<T>(type: Message<T>): FieldType<Map<string, T>> {
  const entry = message({ key: [1, single(text, '')], value: [2, optional(type)] });
  return {
    initial: () => new Map(),
    merge: (entries, reader, wire) => {
      expectWire(entry, wire);
      const { key, value } = entry.read(reader);
      if (entries.has(key)) throw new RangeError(`the key "${key}" comes twice`);
      return entries.set(key, value ?? type.empty());
    },
  };
}

/** map<string, string>. */
export function textMap(): FieldType<Map<string, string>> {
  return map({ ...text, empty: () => '' });
}

/** @param fields the fields that are looked at, by name: number and type */
export function message<F extends Fields>(fields: F): Message<MessageOf<F>> {
  const byNumber = new Map(Object.entries(fields).map(([name, [number, type]]) => [number, { name, type }]));
  const empty = () =>
    Object.fromEntries(Object.entries(fields).map(([name, [, type]]) => [name, type.initial()]));
  const read = (reader: BinaryReader) => {
    const own = new BinaryReader(reader.bytes());
    return readFields(own, empty(), byNumber) as MessageOf<F>;
  };
  return { wire: WireType.LengthDelimited, read, empty: () => empty() as MessageOf<F> };
}

function readFields(
  reader: BinaryReader,
  result: Record<string, unknown>,
  byNumber: ReadonlyMap<number, { readonly name: string; readonly type: FieldType<unknown> }>,
): Record<string, unknown> {
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const field = byNumber.get(number);
    if (field !== undefined) result[field.name] = field.type.merge(result[field.name], reader, wire);
    else if (wire === WireType.StartGroup) throw new RangeError('groups are not part of this format');
    else reader.skip(wire, number);
  }
  return result;
}

/**
 * Decodes a whole message.
 *
 * @param where what is decoded, for the error
 * @throws ModelFormatError when the bytes are not such a message
 */
export function decodeMessage<T>(type: Message<T>, data: Uint8Array, where: string): T {
  try {
    // A message in a field is its length, then its bytes: read it as one.
    const reader = new BinaryReader(data);
    reader.bytes = () => data;
    return type.read(reader);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelFormatError(`${where} is damaged or of another kind: ${reason}.`, { cause: error });
  }
}
