/** Calibration data: arrays from a file, IDX as MNIST is, NumPy's .npy, or JSON. Told apart by content. */
import { readFile } from 'node:fs/promises';
import { TrivetError } from '@trivet/shared-types';

export interface Calibration {
  /** `count` samples, one after the other. */
  readonly inputs: Float32Array;
  readonly count: number;
}

interface Numbers {
  readonly values: ArrayLike<number>;
  /** Bytes of pictures, which models take divided by 255. */
  readonly pictures: boolean;
}

/**
 * @param inputSize numbers of one sample
 * @param most samples to take, from the first on
 * @param divideBytes whether bytes are pixels of 0 to 255 for a model that takes 0 to 1
 * @throws TrivetError INVALID_ARGUMENT when the file is no such array, or does not hold whole samples
 */
export async function readCalibration(
  path: string,
  inputSize: number,
  most: number,
  divideBytes: boolean,
): Promise<Calibration> {
  const fail = (problem: string) => new TrivetError('INVALID_ARGUMENT', `${path}: ${problem}`);
  const file = await readFile(path).catch(() => {
    throw fail('the file does not exist or cannot be read.');
  });
  const { values, pictures } = decode(file, fail);
  if (values.length === 0 || values.length % inputSize !== 0) {
    throw fail(`${values.length} numbers are no whole samples of ${inputSize}.`);
  }
  const count = Math.min(most, values.length / inputSize);
  const scale = pictures && divideBytes ? 1 / 255 : 1;
  const inputs = Float32Array.from({ length: count * inputSize }, (_, index) => values[index]! * scale);
  if (!inputs.every(Number.isFinite)) throw fail('it holds values that are no finite numbers.');
  return { inputs, count };
}

type Fail = (problem: string) => TrivetError;

const NPY_MAGIC = Buffer.from('\x93NUMPY', 'latin1');

function decode(file: Buffer, fail: Fail): Numbers {
  if (file.subarray(0, NPY_MAGIC.length).equals(NPY_MAGIC)) return decodeNpy(file, fail);
  if (file.length >= 4 && file[0] === 0 && file[1] === 0) return decodeIdxNumbers(file, fail);
  return { values: decodeJson(file, fail), pictures: false };
}

/** How the elements of a type are stored. */
interface Stored {
  readonly bytes: number;
  readonly read: (view: DataView, at: number, littleEndian: boolean) => number;
}

const BYTE: Stored = { bytes: 1, read: (view, at) => view.getUint8(at) };
const FLOAT: Stored = { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) };
const DOUBLE: Stored = { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) };

/** LeCun's IDX: the type is the third byte, everything big-endian. */
const IDX_TYPES: ReadonlyMap<number, Stored> = new Map([
  [0x08, BYTE],
  [0x0d, FLOAT],
  [0x0e, DOUBLE],
]);

function decodeIdxNumbers(file: Buffer, fail: Fail): Numbers {
  const stored = IDX_TYPES.get(file[2]!);
  if (stored === undefined) throw fail(`an IDX file with elements of the type ${file[2]} is not supported.`);
  const header = 4 + 4 * file[3]!;
  if (file.length < header) throw fail('the IDX file is cut short.');
  const extents = Array.from({ length: file[3]! }, (_, axis) => file.readUInt32BE(4 + 4 * axis));
  const values = readAll(file.subarray(header), extents, stored, false, fail);
  return { values, pictures: stored === BYTE };
}

const NPY_TYPES: Readonly<Record<string, Stored>> = { u1: BYTE, f4: FLOAT, f8: DOUBLE };

/** NumPy's format, versions 1 to 3: a Python dictionary as text, then the array (numpy/lib/format.py). */
function decodeNpy(file: Buffer, fail: Fail): Numbers {
  const major = file[6]!;
  const start = major === 1 ? 10 : 12;
  if (file.length < start || major < 1 || major > 3)
    throw fail('the .npy file is cut short, or of a newer version.');
  const end = start + (major === 1 ? file.readUInt16LE(8) : file.readUInt32LE(8));
  const header = file.subarray(start, end).toString('latin1');
  const type = /'descr':\s*'([<>|])([a-z]\d)'/.exec(header);
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(header);
  if (end > file.length || type === null || shape === null)
    throw fail('the header of the .npy file is malformed.');
  if (!/'fortran_order':\s*False/.test(header)) {
    throw fail('the array is stored by columns; save it with numpy.ascontiguousarray.');
  }
  const stored = Object.hasOwn(NPY_TYPES, type[2]!) ? NPY_TYPES[type[2]!] : undefined;
  if (stored === undefined)
    throw fail(`elements of the type ${type[2]} are not supported: use float32 or uint8.`);
  const extents = shape[1]!
    .split(',')
    .filter((extent) => extent.trim() !== '')
    .map(Number);
  const values = readAll(file.subarray(end), extents, stored, type[1] !== '>', fail);
  return { values, pictures: stored === BYTE };
}

function readAll(
  data: Buffer,
  extents: readonly number[],
  stored: Stored,
  littleEndian: boolean,
  fail: Fail,
): Float64Array {
  const count = extents.reduce((product, extent) => product * extent, 1);
  if (data.length !== count * stored.bytes) {
    throw fail(
      `${extents.join(' x ')} elements need ${count * stored.bytes} bytes, there are ${data.length}.`,
    );
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Float64Array.from({ length: count }, (_, index) =>
    stored.read(view, index * stored.bytes, littleEndian),
  );
}

function decodeJson(file: Buffer, fail: Fail): readonly number[] {
  let json: unknown;
  try {
    json = JSON.parse(file.toString('utf8'));
  } catch {
    throw fail('it is neither IDX, nor .npy, nor a JSON array of numbers.');
  }
  const values: number[] = [];
  const waiting: unknown[] = [json];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (Array.isArray(next)) for (const element of next.toReversed()) waiting.push(element);
    else if (typeof next === 'number') values.push(next);
    else throw fail('the JSON must be an array of numbers, or of arrays of them.');
  }
  return values;
}
