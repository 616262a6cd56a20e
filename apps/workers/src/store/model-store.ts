/**
 * The models a worker holds, on its disk, encrypted. For each version a file NAME@VERSION.model (manifest and share
 * file, written once); for each model NAME.serving (the owner's orders and how far it is served, small and written
 * often). Beside them access.order and access.use: who may ask, and how much of each token's quota is used up.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  exists,
  type KeyRing,
  openFile,
  readKeyId,
  removeDurably,
  removeTemporaries,
  resealFile,
  sealBytes,
  writeAtomically,
} from '@trivet/at-rest';
import {
  hexSchema,
  modelNameSchema,
  parseJson,
  type SignedAccessOrder,
  type SignedManifest,
  signedAccessOrderSchema,
  signedServingOrderSchema,
  TrivetError,
  tokenIdSchema,
} from '@trivet/shared-types';
import { z } from 'zod';
import { parseStoredModel, printStoredModel, type StoredModel } from './stored-model.js';

const MODEL = '.model';
/** No model's name has an "@". */
const VERSION_FILE = /^([^@]+)@([1-9]\d{0,9})\.model$/;
const SERVING = '.serving';
/** An empty file under the newest key: whether the keys at hand are those of the store, and which one it seals with. */
export const KEY_CHECK = 'key.check';
/** The owner's access order, and what is used up of the tokens' quotas. */
const ACCESS_ORDER = 'access.order';
const ACCESS_USE = 'access.use';

/** The owner's orders for a model, and the images served since the one in force began to count. */
export const serveRecordSchema = z.strictObject({
  inForce: signedServingOrderSchema.nullable(),
  next: signedServingOrderSchema.nullable(),
  served: z.int().min(0),
  /** Digests of the versions that were served at some time. */
  past: z.array(hexSchema(32)),
});
export type ServeRecord = z.infer<typeof serveRecordSchema>;

/** Samples by token. */
export const accessUseSchema = z.record(tokenIdSchema, z.int().min(0));
export type AccessUse = z.infer<typeof accessUseSchema>;

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
  #ring: KeyRing;
  /** What is under way with each file: a file is written, sealed anew and removed by one at a time. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly directory: string,
    ring: KeyRing,
  ) {
    this.#ring = ring;
  }

  /**
   * Makes the directory, and checks that its files are of these keys.
   * @throws TrivetError FAILED_PRECONDITION when they are of others
   */
  async prepare(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    if (await this.#checkKeys(this.#ring)) return;
    await this.#write(KEY_CHECK, []);
  }

  /**
   * Seals with another ring from now on, and all that is here anew. What is killed on the way is carried on by the next
   * call; until then the files are of several keys.
   * @returns how many files were sealed anew
   * @throws TrivetError FAILED_PRECONDITION when the ring does not open what is here: the old one stays
   */
  async changeKeys(ring: KeyRing): Promise<number> {
    await this.#checkKeys(ring);
    this.#ring = ring;
    // What is being written under the old keys may not be in the listing yet.
    await Promise.all(this.#turns.values());
    let resealed = 0;
    const failures: unknown[] = [];
    const reseal = async (file: string) => {
      const path = join(this.directory, file);
      if (!(await exists(path)) || ring.isCurrent(await readKeyId(path))) return;
      await resealFile(ring, path);
      resealed += 1;
    };
    for (const file of await this.#files()) {
      await this.#inTurn(file, () => reseal(file)).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
    // Last: it says that all the rest is done.
    await this.#inTurn(KEY_CHECK, () => reseal(KEY_CHECK));
    return resealed;
  }

  /** Paths of the files that are not sealed with this key yet; those of an unknown format do not count. */
  async outdated(id: string): Promise<string[]> {
    const outdated: string[] = [];
    for (const file of [...(await this.#files()), KEY_CHECK]) {
      const path = join(this.directory, file);
      const found = await readKeyId(path).catch(() => null);
      if (found !== id && (found !== null || file === KEY_CHECK)) outdated.push(path);
    }
    return outdated;
  }

  async #files(): Promise<string[]> {
    const files = await readdir(this.directory);
    return files.filter(
      (file) =>
        VERSION_FILE.test(file) || file.endsWith(SERVING) || file === ACCESS_ORDER || file === ACCESS_USE,
    );
  }

  /** Whether there is a check, and it opens. */
  async #checkKeys(ring: KeyRing): Promise<boolean> {
    const path = join(this.directory, KEY_CHECK);
    if (!(await exists(path))) return false;
    await openFile(ring, path);
    return true;
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
  async readModel(name: string, version: number): Promise<StoredModel> {
    const base = versionFile(name, version);
    return parseStoredModel(await this.#read(base), join(this.directory, base));
  }

  async writeModel(
    name: string,
    version: number,
    manifest: SignedManifest,
    shareFile: Uint8Array,
  ): Promise<void> {
    await this.#write(versionFile(name, version), printStoredModel({ manifest, shareFile }));
  }

  async removeModel(name: string, version: number): Promise<void> {
    const file = versionFile(name, version);
    await this.#inTurn(file, () => removeDurably(join(this.directory, file)));
  }

  /** Null when there is no record. @throws TrivetError FAILED_PRECONDITION as `readModel` */
  readServing(name: string): Promise<ServeRecord | null> {
    return this.#readJson(name + SERVING, serveRecordSchema);
  }

  async writeServing(name: string, record: ServeRecord): Promise<void> {
    await this.#writeJson(name + SERVING, record);
  }

  /** Null when there is none. @throws TrivetError as `readServing` */
  readAccessOrder(): Promise<SignedAccessOrder | null> {
    return this.#readJson(ACCESS_ORDER, signedAccessOrderSchema);
  }

  async writeAccessOrder(order: SignedAccessOrder): Promise<void> {
    await this.#writeJson(ACCESS_ORDER, order);
  }

  /** Null when there is none. @throws TrivetError as `readServing` */
  readAccessUse(): Promise<AccessUse | null> {
    return this.#readJson(ACCESS_USE, accessUseSchema);
  }

  async writeAccessUse(use: AccessUse): Promise<void> {
    await this.#writeJson(ACCESS_USE, use);
  }

  async #readJson<T>(name: string, schema: z.ZodType<T>): Promise<T | null> {
    if (!(await exists(join(this.directory, name)))) return null;
    const content = await this.#read(name);
    return parseJson(schema, content.toString('utf8'), `The record ${name}`);
  }

  #writeJson(name: string, value: unknown): Promise<void> {
    return this.#write(name, [Buffer.from(JSON.stringify(value), 'utf8')]);
  }

  #read(name: string): Promise<Buffer> {
    return openFile(this.#ring, join(this.directory, name));
  }

  /** @throws TrivetError UNAVAILABLE when the disk does not take it; the file is as it was then */
  #write(name: string, parts: readonly Uint8Array[]): Promise<void> {
    return this.#inTurn(name, () =>
      writeAtomically(join(this.directory, name), async (write) => {
        for (const chunk of await sealBytes(this.#ring, name, parts)) await write(chunk);
      }),
    ).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      if (error instanceof TrivetError || code === undefined) throw error;
      const message = `The worker's store cannot be written (${code}): its operator should see to the disk.`;
      throw new TrivetError('UNAVAILABLE', message, null, { cause: error });
    });
  }

  #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const run = (this.#turns.get(name) ?? Promise.resolve()).then(work);
    const settled = run.catch(() => undefined);
    this.#turns.set(name, settled);
    settled.then(() => {
      if (this.#turns.get(name) === settled) this.#turns.delete(name);
    });
    return run;
  }
}

function versionFile(name: string, version: number): string {
  return `${name}@${version}${MODEL}`;
}
