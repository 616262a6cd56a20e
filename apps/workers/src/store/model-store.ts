/**
 * The models a worker holds, on its disk, encrypted. Per model two files: NAME.model (manifest and share file, written
 * once) and NAME.serving (how far it is served, small and written often).
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  hexSchema,
  modelNameSchema,
  parseJson,
  protocolNameSchema,
  type SignedManifest,
  signedManifestSchema,
  TrivetError,
} from '@trivet/shared-types';
import { z } from 'zod';
import { removeTemporaries, writeAtomically } from './atomic.js';
import { open, seal } from './envelope.js';

const MODEL = '.model';
const SERVING = '.serving';
const LENGTH_BYTES = 4;

/** How far a model is served. `served` counts images since the owner's last `serve`. */
export const serveRecordSchema = z.strictObject({
  /** The manifest it belongs to; a record of another one is stale. */
  digest: hexSchema(32),
  serving: z.boolean(),
  served: z.int().min(0),
  requestLimit: z.int().min(1).nullable(),
  protocol: protocolNameSchema,
});
export type ServeRecord = z.infer<typeof serveRecordSchema>;

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

  /** Names of the models that have a file here. */
  async list(): Promise<string[]> {
    const names = await readdir(this.directory);
    return names
      .filter((name) => name.endsWith(MODEL))
      .map((name) => name.slice(0, -MODEL.length))
      .filter((name) => modelNameSchema.safeParse(name).success)
      .sort();
  }

  /** @throws TrivetError FAILED_PRECONDITION that names the file when it was changed or is of another key */
  async readModel(name: string): Promise<{ manifest: SignedManifest; shareFile: Uint8Array }> {
    const content = await this.#read(name + MODEL);
    const file = join(this.directory, name + MODEL);
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

  async writeModel(name: string, manifest: SignedManifest, shareFile: Uint8Array): Promise<void> {
    const text = Buffer.from(JSON.stringify(manifest), 'utf8');
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(text.length);
    await this.#write(name + MODEL, [length, text, shareFile]);
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
