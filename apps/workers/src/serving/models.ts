/**
 * The models this worker holds: in the engine's memory, on disk, and how far each is served.
 * One model a name; a newer version takes the older one's place.
 */
import { createHash } from 'node:crypto';
import { type LoadedModel, type Party, type Plan, sizeOf, validatePlan } from '@trivet/mpc-core';
import {
  type Manifest,
  manifestDigest,
  type SignedManifest,
  TrivetError,
  verifyManifest,
} from '@trivet/shared-types';
import type { Logger } from '../observe/logger.js';
import type { ModelStore } from '../store/model-store.js';
import { ServeRecords } from './serve-records.js';

export interface Model {
  readonly name: string;
  /** SHA-256 of the manifest's text: the model's name in every request. */
  readonly digest: string;
  readonly manifest: Manifest;
  readonly signed: SignedManifest;
  readonly loaded: LoadedModel;
  /** Numbers of one sample. */
  readonly inputSize: number;
  readonly outputSize: number;
  readonly records: ServeRecords;
}

export interface ModelsOptions {
  readonly worker: string;
  readonly ownerKey: string;
  readonly party: Party;
  readonly store: ModelStore;
  readonly maxModels: number;
  readonly log: Logger;
  /** A model came, went, started or stopped being served. */
  readonly onChange: () => void;
  readonly onStoreFailure: () => void;
}

export class Models {
  readonly #byName = new Map<string, Model>();
  readonly #byDigest = new Map<string, Model>();
  /** Batches that run on a model; one that was replaced is freed when the last of them ends. */
  readonly #users = new Map<Model, number>();
  #installing: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: ModelsOptions) {}

  all(): readonly Model[] {
    return [...this.#byName.values()];
  }

  byDigest(digest: string): Model | undefined {
    return this.#byDigest.get(digest);
  }

  /** @throws TrivetError NOT_FOUND */
  byName(name: string): Model {
    const model = this.#byName.get(name);
    if (model === undefined) throw this.#error('NOT_FOUND', `No model named "${name}" is shared here.`);
    return model;
  }

  /** Loads what the store holds. A file that cannot be used is reported and skipped; the others are served. */
  async restore(): Promise<void> {
    const { store, log, ownerKey, onStoreFailure } = this.options;
    for (const name of await store.list()) {
      try {
        const { manifest: signed, shareFile } = await store.readModel(name);
        const manifest = verifyManifest(signed, ownerKey);
        const model = this.#load(signed, manifest, shareFile);
        if (manifest.name !== name) throw this.#error('FAILED_PRECONDITION', 'The name is another one.');
        this.#put(model);
        await model.records.restore();
      } catch (error) {
        onStoreFailure();
        log.error({ err: error, model: name }, 'a stored model cannot be used and is skipped');
      }
    }
  }

  /**
   * Checks a manifest before its share file is uploaded.
   * @throws TrivetError PERMISSION_DENIED, INVALID_ARGUMENT, FAILED_PRECONDITION (an older version), RESOURCE_EXHAUSTED
   */
  check(signed: SignedManifest): Manifest {
    const manifest = verifyManifest(signed, this.options.ownerKey);
    this.#accept(manifest, () => validatePlan(manifest.plan));
    const current = this.#byName.get(manifest.name);
    if (current !== undefined && manifest.version < current.manifest.version) {
      throw this.#error(
        'FAILED_PRECONDITION',
        `Version ${current.manifest.version} of "${manifest.name}" is shared already; version ${manifest.version} is older.`,
      );
    }
    if (current === undefined && this.#byName.size >= this.options.maxModels) {
      throw this.#error(
        'RESOURCE_EXHAUSTED',
        `This worker holds ${this.#byName.size} models, as many as it may.`,
      );
    }
    return manifest;
  }

  /**
   * Takes in an uploaded model: checks the share against the manifest, loads it, writes it to disk, then replaces an
   * older version. It is served only when the owner says so, except that a model shared again stays as it is.
   * @throws TrivetError INVALID_ARGUMENT when the share is not the one that the owner signed, or does not fit the plan
   */
  async install(signed: SignedManifest, shareFile: Uint8Array): Promise<Model> {
    const run = this.#installing.then(() => this.#install(signed, shareFile));
    this.#installing = run.catch(() => undefined);
    return run;
  }

  /** Keeps a model in memory while a batch runs on it; call the result when it has ended. */
  use(model: Model): () => void {
    this.#users.set(model, (this.#users.get(model) ?? 0) + 1);
    return () => {
      this.#users.set(model, this.#users.get(model)! - 1);
      this.#freeIfUnused(model);
    };
  }

  /** Writes what is not on disk yet, and frees the engine's memory. */
  async close(): Promise<void> {
    await this.#installing;
    for (const model of this.all()) await model.records.flush();
    for (const model of this.all()) this.#remove(model);
  }

  async #install(signed: SignedManifest, shareFile: Uint8Array): Promise<Model> {
    const manifest = this.check(signed);
    const current = this.#byName.get(manifest.name);
    if (current?.digest === manifestDigest(signed)) return current;
    const model = this.#load(signed, manifest, shareFile);
    try {
      await this.options.store.writeModel(model.name, signed, shareFile);
    } catch (error) {
      this.options.party.unload(model.loaded);
      throw error;
    }
    if (current !== undefined) {
      await current.records.retire();
      this.#remove(current);
    }
    this.#put(model);
    this.options.log.info(
      { model: model.name, version: manifest.version, bytes: shareFile.length },
      'model shared',
    );
    this.options.onChange();
    return model;
  }

  #load(signed: SignedManifest, manifest: Manifest, shareFile: Uint8Array): Model {
    const { party, store, onChange } = this.options;
    const expected = manifest.shareDigests[party.index];
    if (createHash('sha256').update(shareFile).digest('hex') !== expected) {
      throw this.#error(
        'INVALID_ARGUMENT',
        `The share of "${manifest.name}" is not the one that its owner signed.`,
      );
    }
    const plan: Plan = manifest.plan;
    const digest = manifestDigest(signed);
    const loaded = this.#accept(manifest, () => party.load(plan, shareFile));
    return {
      name: manifest.name,
      digest,
      manifest,
      signed,
      loaded,
      inputSize: sizeOf(plan.inputShape),
      outputSize: sizeOf(plan.outputShape),
      records: new ServeRecords(manifest.name, digest, store, onChange, manifest.protocols[0]!),
    };
  }

  /** Runs a check of mpc-core; what it throws becomes a refusal of the model. */
  #accept<T>(manifest: Manifest, check: () => T): T {
    try {
      return check();
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'it cannot be loaded';
      const message = `Model "${manifest.name}" is refused: ${reason}`;
      throw new TrivetError('INVALID_ARGUMENT', message, this.options.worker, { cause: error });
    }
  }

  #put(model: Model): void {
    this.#byName.set(model.name, model);
    this.#byDigest.set(model.digest, model);
    this.#users.set(model, 0);
  }

  #remove(model: Model): void {
    this.#byName.delete(model.name);
    this.#byDigest.delete(model.digest);
    this.#freeIfUnused(model);
  }

  #freeIfUnused(model: Model): void {
    if (this.#users.get(model) !== 0 || this.#byDigest.get(model.digest) === model) return;
    this.#users.delete(model);
    this.options.party.unload(model.loaded);
  }

  #error(code: ConstructorParameters<typeof TrivetError>[0], message: string): TrivetError {
    return new TrivetError(code, message, this.options.worker);
  }
}
