/**
 * The variables of a SavedModel: a checkpoint bundle, `variables.index` (a table from the name of each tensor to
 * where it lies) and `variables.data-0000i-of-0000n` with the bytes. Source: tensorflow/core/util/tensor_bundle.
 */
import { ModelFormatError } from '../errors.js';
import { type Constant, constant, elementsOf } from '../ops/values.js';
import { decodeMessage } from '../protobuf/message.js';
import { maskedChecksum } from './checksum.js';
import { type BundleEntry, bundleEntry, bundleHeader } from './messages.js';
import { readTable } from './table.js';
import { readElements } from './types.js';

const MAX_SHARDS = 10_000;
const LITTLE_ENDIAN = 0;

/** Reads a file of the folder `variables`. */
export type ReadVariablesFile = (name: string) => Promise<Uint8Array>;

export class VariableBundle {
  private constructor(
    private readonly entries: ReadonlyMap<string, Uint8Array>,
    private readonly shards: readonly Uint8Array[],
  ) {}

  /** @throws ModelFormatError when the index is damaged; what `read` throws when a file is missing */
  static async open(read: ReadVariablesFile): Promise<VariableBundle> {
    const entries = readTable(await read('variables.index'), 'variables.index');
    const header = entries.get('');
    if (header === undefined) throw new ModelFormatError('variables.index has no header.');
    const { shards, endianness } = decodeMessage(bundleHeader, header, 'The header of variables.index');
    if (endianness !== LITTLE_ENDIAN) {
      throw new ModelFormatError('The variables are stored big-endian, which is not supported.');
    }
    if (!(shards >= 1 && shards <= MAX_SHARDS)) {
      throw new ModelFormatError(`variables.index says that there are ${shards} files of variables.`);
    }
    const digits = (number: number) => String(number).padStart(5, '0');
    const data: Uint8Array[] = [];
    for (let shard = 0; shard < shards; shard++) {
      data.push(await read(`variables.data-${digits(shard)}-of-${digits(shards)}`));
    }
    return new VariableBundle(entries, data);
  }

  has(key: string): boolean {
    return key !== '' && this.entries.has(key);
  }

  /** @throws ModelFormatError when there is no such tensor, or it is damaged */
  read(key: string): Constant {
    const where = `Variable "${key}"`;
    const encoded = key === '' ? undefined : this.entries.get(key);
    if (encoded === undefined) throw new ModelFormatError(`${where} is not among the saved variables.`);
    const entry = decodeMessage(bundleEntry, encoded, `The entry of ${where}`);
    if (entry.slices.length > 0) {
      throw new ModelFormatError(`${where} is stored in slices, which is not supported.`);
    }
    const shape = (entry.shape?.dim ?? []).map(({ size }) => size);
    const data = this.bytesOf(entry, where);
    return constant(shape, readElements(entry.dtype, data, elementsOf(shape, where), where), where);
  }

  private bytesOf({ shard, offset, size, checksum }: BundleEntry, where: string): Uint8Array {
    const file = this.shards[shard];
    if (file === undefined || offset < 0 || size < 0 || offset + size > file.length) {
      throw new ModelFormatError(`${where} lies beyond the end of its file: the file is cut short.`);
    }
    const data = file.subarray(offset, offset + size);
    if (maskedChecksum(data) !== checksum) {
      throw new ModelFormatError(`${where} is damaged: its checksum is wrong.`);
    }
    return data;
  }
}
