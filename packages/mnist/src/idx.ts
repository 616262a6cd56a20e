/**
 * The IDX format of the MNIST files (LeCun, Cortes, Burges, "The MNIST database of handwritten digits"):
 * two zero bytes, the type of the elements, the number of dimensions, each extent as a big-endian 32-bit
 * word, then the elements, row-major. Only unsigned bytes are read, because MNIST has nothing else.
 */

const UNSIGNED_BYTE = 0x08;

/** The bytes are not the IDX file that they should be; the message says in what. */
export class IdxFormatError extends Error {
  readonly code = 'INVALID_IDX';

  constructor(source: string, problem: string) {
    super(`${source}: ${problem}`);
    this.name = 'IdxFormatError';
  }
}

export interface IdxArray {
  readonly shape: readonly number[];
  /** Row-major; a view of the bytes that were given, not a copy. */
  readonly values: Uint8Array;
}

/**
 * Reads one IDX array of unsigned bytes.
 *
 * @param source what the bytes are, for error messages, for example a file's name
 * @param dimensions the number of dimensions the array must have
 * @throws IdxFormatError on a wrong header, and when bytes are missing or left over
 */
export function decodeIdx(bytes: Uint8Array, dimensions: number, source: string): IdxArray {
  const headerBytes = 4 + 4 * dimensions;
  if (bytes.length < headerBytes) {
    throw new IdxFormatError(
      source,
      `an IDX header takes ${headerBytes} bytes, the file has ${bytes.length}`,
    );
  }
  if (bytes[0] !== 0 || bytes[1] !== 0) {
    throw new IdxFormatError(source, 'not an IDX file: the first two bytes are not zero');
  }
  if (bytes[2] !== UNSIGNED_BYTE) {
    throw new IdxFormatError(
      source,
      `elements of type ${bytes[2]}, expected ${UNSIGNED_BYTE} (unsigned bytes)`,
    );
  }
  if (bytes[3] !== dimensions) {
    throw new IdxFormatError(source, `${bytes[3]} dimensions, expected ${dimensions}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: dimensions }, (_, axis) => view.getUint32(4 + 4 * axis));
  const elements = shape.reduce((product, extent) => product * extent, 1);
  if (bytes.length - headerBytes !== elements) {
    throw new IdxFormatError(
      source,
      `${shape.join(' x ')} elements need ${elements} bytes, the file has ${bytes.length - headerBytes}`,
    );
  }
  return { shape, values: bytes.subarray(headerBytes) };
}
