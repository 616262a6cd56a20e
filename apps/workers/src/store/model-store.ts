/**
 * The models a worker holds, on its disk, encrypted. For each version a file NAME@VERSION.model (manifest and share
 * file, written once); for each model NAME.serving (the owner's orders and how far it is served, small and written
 * often).
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  hexSchema,
  modelNameSchema,
  parseJson,
  type SignedManifest,
  signedManifestSchema,
  signedServingOrderSchema,
  TrivetError,
} from '@trivet/shared-types';
import { z } from 'zod';
import { removeDurably, removeTemporaries, writeAtomically } from './atomic.js';
import { open, seal } from './envelope.js';

const MODEL = '.model';
/** No model's name has an "@". */
const VERSION_FILE = /^([^@]+)@([1-9]\d{0,9})\.model$/;
const SERVING = '.serving';
const LENGTH_BYTES = 4;

/** The owner's orders for a model, and the images served since the one in force began to count. */
export const serveRecordSchema = z.strictObject({
  inForce: signedServingOrderSchema.nullable(),
  next: signedServingOrderSchema.nullable(),
  served: z.int().min(0),
  /** Digests of the versions that were served at some time. */
  past: z.array(hexSchema(32)),
});
export type ServeRecord = z.infer<typeof serveRecordSchema>;

export interface StoredVersion {
  readonly name: string;
  readonly version: number;
}

export interface StoreListing {
  readonly models: readonly StoredVersion[];
  /** Names of models that have a record. */
  readonly records: readonly string[];
  /** Paths. */
  readonly foreign: readonly string[];
}

export class ModelStore {
  constructor(
    private readonly directory: string,
    private readonly key: Uint8Array,
  ) {}

  /** Makes the directory. */
  async prepare(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
  }

  /** Clears what a killed process has left half written. Only for the store's one user. */
  async clean(): Promise<void> {
    await removeTemporaries(this.directory);
  }

  /** What has a file here: versions of models, records, and files of the store that only another release knows. */
  async list(): Promise<StoreListing> {
    const listing = { models: [] as StoredVersion[], records: [] as string[], foreign: [] as string[] };
    for (const file of (await readdir(this.directory)).sort()) {
      const [, name = '', version = ''] = VERSION_FILE.exec(file) ?? [];
      const record = file.endsWith(SERVING) ? file.slice(0, -SERVING.length) : '';
      if (modelNameSchema.safeParse(name).success) listing.models.push({ name, version: Number(version) });
      else if (modelNameSchema.safeParse(record).success) listing.records.push(record);
      else if (file.endsWith(MODEL)) listing.foreign.push(join(this.directory, file));
    }
    return listing;
  }

  /** @throws TrivetError FAILED_PRECONDITION that names the file when it was changed or is of another key */
  async readModel(
    name: string,
    version: number,
  ): Promise<{ manifest: SignedManifest; shareFile: Uint8Array }> {
    const base = versionFile(name, version);
    const content = await this.#read(base);
    const file = join(this.directory, base);
    if (content.length < LENGTH_BYTES || content.readUInt32LE(0) > content.length - LENGTH_BYTES) {
      throw new TrivetError('FAILED_PRECONDITION', `The file ${file} is malformed.`);
    }
    const end = LENGTH_BYTES + content.readUInt32LE(0);
    const text = content.toString('utf8', LENGTH_BYTES, end);
    return {
      manifest: parseJson(signedManifestSchema, text, `The manifest in ${file}`),
      shareFile: content.subarray(end),
    };
  }

  async writeModel(
    name: string,
    version: number,
    manifest: SignedManifest,
    shareFile: Uint8Array,
  ): Promise<void> {
    const text = Buffer.from(JSON.stringify(manifest), 'utf8');
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(text.length);
    await this.#write(versionFile(name, version), [length, text, shareFile]);
  }

  async removeModel(name: string, version: number): Promise<void> {
    await removeDurably(join(this.directory, versionFile(name, version)));
  }

  /** Null when there is no record. @throws TrivetError FAILED_PRECONDITION as `readModel` */
  async readServing(name: string): Promise<ServeRecord | null> {
    try {
      const content = await this.#read(name + SERVING);
      return parseJson(serveRecordSchema, content.toString('utf8'), `The record ${name}${SERVING}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async writeServing(name: string, record: ServeRecord): Promise<void> {
    await this.#write(name + SERVING, [Buffer.from(JSON.stringify(record), 'utf8')]);
  }

  async #read(name: string): Promise<Buffer> {
    const file = join(this.directory, name);
    return open(this.key, name, await readFile(file), file);
  }

  #write(name: string, parts: readonly Uint8Array[]): Promise<void> {
    return writeAtomically(join(this.directory, name), seal(this.key, name, parts));
  }
}

function versionFile(name: string, version: number): string {
  return `${name}@${version}${MODEL}`;
}
