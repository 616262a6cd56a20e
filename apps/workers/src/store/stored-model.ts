/** A model as its file holds it, before encryption: length of the manifest (u32), the manifest as JSON, the share file. */
import {
  parseJson,
  type SignedManifest,
  signedManifestSchema,
  TrivetError,
  withHidden,
} from '@trivet/shared-types';

const LENGTH_BYTES = 4;

export interface StoredModel {
  readonly manifest: SignedManifest;
  /** A view of what was given; not shown when this is printed. */
  readonly shareFile: Uint8Array;
}

/** The parts of the file, in order. */
export function printStoredModel({ manifest, shareFile }: StoredModel): readonly Uint8Array[] {
  const text = Buffer.from(JSON.stringify(manifest), 'utf8');
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(text.length);
  return [length, text, shareFile];
}

/**
 * @param file its path, for the error's sentence
 * @throws TrivetError FAILED_PRECONDITION or INVALID_ARGUMENT when it is malformed
 */
export function parseStoredModel(content: Buffer, file: string): StoredModel {
  if (content.length < LENGTH_BYTES || content.readUInt32LE(0) > content.length - LENGTH_BYTES) {
    throw new TrivetError('FAILED_PRECONDITION', `The file ${file} is malformed.`);
  }
  const end = LENGTH_BYTES + content.readUInt32LE(0);
  const text = content.toString('utf8', LENGTH_BYTES, end);
  const manifest = parseJson(signedManifestSchema, text, `The manifest in ${file}`);
  return withHidden({ manifest }, { shareFile: content.subarray(end) });
}
