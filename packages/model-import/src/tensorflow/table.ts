/**
 * The sorted table that holds the index of a checkpoint: LevelDB's file format without its filters
 * (leveldb/doc/table_format.md; tensorflow/tsl/lib/io/format.cc, block.cc). The last 48 bytes point to the index block,
 * each of whose values points to a data block; a block is a run of entries whose keys leave out what they share
 * with the key before, a byte for the kind of compression, and a checksum.
 */
import { ModelFormatError } from '../errors.js';
import { maskedChecksum } from './checksum.js';
import { decompressSnappy } from './snappy.js';

const FOOTER_BYTES = 48;
const TRAILER_BYTES = 5;
const MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const MAX_ENTRIES = 1_000_000;
/** Keys are names of variables. Each may share all of the one before: without a limit, memory grows with the square of the file. */
const MAX_KEY_BYTES = 4096;
/** 0 is none. */
const SNAPPY = 1;

/**
 * All entries, in order.
 *
 * @throws ModelFormatError when the table is cut short, damaged or compressed
 */
export function readTable(file: Uint8Array, where: string): ReadonlyMap<string, Uint8Array> {
  const fail = (problem: string) => new ModelFormatError(`${where} is damaged: ${problem}.`);
  const footer = file.subarray(Math.max(0, file.length - FOOTER_BYTES));
  if (
    footer.length < FOOTER_BYTES ||
    !MAGIC.every((byte, i) => footer[FOOTER_BYTES - MAGIC.length + i] === byte)
  ) {
    throw new ModelFormatError(
      `${where} is not the index of a checkpoint, or it is cut short: it does not end as one does.`,
    );
  }
  const handles = new Cursor(footer, fail);
  handles.handle();
  const index = readBlock(file, handles.handle(), fail);
  const entries = new Map<string, Uint8Array>();
  for (const [, value] of index) {
    for (const [key, content] of readBlock(file, new Cursor(value, fail).handle(), fail)) {
      if (entries.has(key)) throw fail(`the key "${key}" comes twice`);
      if (entries.size === MAX_ENTRIES) throw fail('it has too many entries');
      entries.set(key, content);
    }
  }
  return entries;
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

type Fail = (problem: string) => ModelFormatError;

function readBlock(file: Uint8Array, { offset, size }: Handle, fail: Fail): [string, Uint8Array][] {
  if (offset + size + TRAILER_BYTES > file.length) throw fail('a block lies beyond its end');
  const content = file.subarray(offset, offset + size);
  const view = new DataView(file.buffer, file.byteOffset + offset, size + TRAILER_BYTES);
  if (view.getUint32(size + 1, true) !== maskedChecksum(file.subarray(offset, offset + size + 1))) {
    throw fail('the checksum of a block is wrong');
  }
  const compression = view.getUint8(size);
  if (compression > SNAPPY) throw fail(`a block has the unknown compression ${compression}`);
  const block = compression === SNAPPY ? decompressSnappy(content, fail) : content;
  if (block.length < 4) throw fail('a block is too short');
  const restarts = new DataView(block.buffer, block.byteOffset + block.length - 4, 4).getUint32(0, true);
  const end = block.length - 4 - 4 * restarts;
  if (end < 0) throw fail('a block is too short');
  return readEntries(block.subarray(0, end), fail);
}

function readEntries(content: Uint8Array, fail: Fail): [string, Uint8Array][] {
  const cursor = new Cursor(content, fail);
  const entries: [string, Uint8Array][] = [];
  let key = new Uint8Array();
  while (!cursor.done) {
    const shared = cursor.varint();
    const own = cursor.varint();
    const length = cursor.varint();
    if (shared > key.length) throw fail('a key shares more than the key before it has');
    if (shared + own > MAX_KEY_BYTES) throw fail(`a key is longer than ${MAX_KEY_BYTES} bytes`);
    const next = new Uint8Array(shared + own);
    next.set(key.subarray(0, shared));
    next.set(cursor.bytes(own), shared);
    key = next;
    entries.push([new TextDecoder().decode(key), cursor.bytes(length)]);
  }
  return entries;
}

class Cursor {
  #at = 0;

  constructor(
    private readonly content: Uint8Array,
    private readonly fail: Fail,
  ) {}

  get done(): boolean {
    return this.#at >= this.content.length;
  }

  /** A base-128 number, at most 2^53. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 56; shift += 7) {
      const byte = this.content[this.#at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (Number.isSafeInteger(value)) return value;
        break;
      }
    }
    throw this.fail('a number in it has no end');
  }

  bytes(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.content.length) throw this.fail('an entry lies beyond the end of its block');
    const part = this.content.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  handle(): Handle {
    return { offset: this.varint(), size: this.varint() };
  }
}
