/** The part of jsfive that is used; it ships no types of its own. */
declare module 'jsfive' {
  export class Group {
    readonly keys: readonly string[];
    readonly attrs: Readonly<Record<string, unknown>>;
    /** @throws a string when there is no such object */
    get(path: string): Group | Dataset | null;
  }

  export class Dataset {
    readonly shape: readonly number[];
    /** For example "<f4". */
    readonly dtype: unknown;
    readonly value: ArrayLike<number>;
    readonly attrs: Readonly<Record<string, unknown>>;
  }

  /** Internal to jsfive: the headers of one object. */
  export interface DataObjects {
    determine_data_shape(buffer: ArrayBuffer, offset: number): readonly number[];
    readonly fh: ArrayBuffer;
    /** Reads the next three. */
    _get_chunk_params(): void;
    readonly _chunks: readonly number[];
    /** One more than the dataset has. */
    readonly _chunk_dims: number;
    readonly _chunk_address: number;
    _get_chunked_data(offset: number): unknown;
  }

  export class File extends Group {
    readonly _dataobjects: DataObjects;
    constructor(bytes: ArrayBuffer, name: string);
  }
}
