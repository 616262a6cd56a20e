/**
 * The versions of models that this worker holds: all of them on disk, and those that are to answer in the engine's
 * memory too. Which these are is for lifecycle.ts to say.
 */
import { createHash } from 'node:crypto';
import { type LoadedModel, type Party, type Plan, sizeOf, validatePlan } from '@trivet/mpc-core';
import {
  type Manifest,
  manifestDigest,
  type ProtocolName,
  type SignedManifest,
  TrivetError,
  verifyManifest,
} from '@trivet/shared-types';
import type { Logger } from '../observe/logger.js';
import type { ModelStore } from '../store/model-store.js';
import { ServeRecords } from './serve-records.js';

/** One version of a model, on disk. */
export interface HeldModel {
  readonly name: string;
  readonly version: number;
  /** SHA-256 of the manifest's text: the version's name in every request. */
  readonly digest: string;
  readonly manifest: Manifest;
  readonly signed: SignedManifest;
  /** Numbers of one sample. */
  readonly inputSize: number;
  readonly outputSize: number;
  /** Shared by all versions of the model. */
  readonly records: ServeRecords;
}

/** One version of a model, in the engine's memory. */
export interface Model extends HeldModel {
  readonly loaded: LoadedModel;
}

/** What runs requests for a version that name no protocol. */
export function defaultProtocol({ records, digest, manifest }: HeldModel): ProtocolName {
  return records.protocolOf(digest) ?? manifest.protocols[0]!;
}

export interface ModelsOptions {
  readonly worker: string;
  readonly ownerKey: string;
  readonly clusterId: string;
  readonly party: Party;
  readonly store: ModelStore;
  /** Versions of all models together. */
  readonly maxModels: number;
  readonly log: Logger;
  /** A version came, went, was loaded or unloaded, or its limit was reached. */
  readonly onChange: () => void;
  readonly onStoreFailure: () => void;
}

export class Models {
  readonly #held = new Map<string, HeldModel>();
  readonly #loaded = new Map<string, Model>();
  readonly #loading = new Map<string, Promise<Model>>();
  readonly #records = new Map<string, ServeRecords>();
  /** Batches that run on a model; one that is unloaded is freed when the last of them ends. */
  readonly #users = new Map<Model, number>();
  #changing: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: ModelsOptions) {}

  /** Every version on disk, by name and version. */
  all(): readonly HeldModel[] {
    const byName = (left: HeldModel, right: HeldModel) => (left.name < right.name ? -1 : 1);
    return [...this.#held.values()].sort((left, right) =>
      left.name === right.name ? left.version - right.version : byName(left, right),
    );
  }

  /** Every version in memory. */
  loaded(): readonly Model[] {
    return [...this.#loaded.values()];
  }

  /** Whether or not it is in memory. */
  held(digest: string): HeldModel | undefined {
    return this.#held.get(digest);
  }

  /** A version in memory. */
  byDigest(digest: string): Model | undefined {
    return this.#loaded.get(digest);
  }

  /** Batches that run on it now. */
  usersOf(digest: string): number {
    const model = this.#loaded.get(digest);
    return model === undefined ? 0 : (this.#users.get(model) ?? 0);
  }

  /** Names of which this worker has an order or a version. */
  names(): readonly string[] {
    return [...this.#records.keys()].sort();
  }

  /** How far a model is served; an empty record when nothing is known of it. */
  records(name: string): ServeRecords {
    let records = this.#records.get(name);
    if (records === undefined) {
      records = new ServeRecords(name, this.options.store, this.options.onChange);
      this.#records.set(name, records);
    }
    return records;
  }

  /** Reads what the store holds. A file that cannot be used is reported and skipped; the others are served. */
  async restore(): Promise<void> {
    const { store, log, ownerKey, clusterId, onStoreFailure } = this.options;
    const { models, records, foreign } = await store.list();
    for (const file of foreign) {
      onStoreFailure();
      log.error({ file }, 'a file of another release is in the store; share its model again and remove it');
    }
    for (const { name, version } of models) {
      try {
        const { manifest: signed, shareFile } = await store.readModel(name, version);
        const manifest = verifyManifest(signed, ownerKey);
        this.#checkShare(manifest, shareFile);
        if (manifest.name !== name || manifest.version !== version) {
          throw this.#error('FAILED_PRECONDITION', 'The manifest is of another model or version.');
        }
        this.#hold(signed, manifest);
      } catch (error) {
        onStoreFailure();
        log.error({ err: error, model: name, version }, 'a stored model cannot be used and is skipped');
      }
    }
    for (const name of records) {
      try {
        await this.records(name).restore(ownerKey, clusterId);
      } catch (error) {
        onStoreFailure();
        log.error({ err: error, model: name }, 'the record of what is served cannot be used and is skipped');
      }
    }
  }

  /**
   * Checks a manifest before its share file is uploaded.
   * @throws TrivetError PERMISSION_DENIED, INVALID_ARGUMENT, ALREADY_EXISTS (the version, with another manifest),
   *   RESOURCE_EXHAUSTED
   */
  check(signed: SignedManifest): Manifest {
    const manifest = verifyManifest(signed, this.options.ownerKey);
    this.#accept(manifest, () => validatePlan(manifest.plan));
    if (this.#held.has(manifestDigest(signed))) return manifest;
    const { name, version } = manifest;
    if (this.all().some((held) => held.name === name && held.version === version)) {
      throw this.#error(
        'ALREADY_EXISTS',
        `Version ${version} of "${name}" is shared already, and is another one: take a new version.`,
      );
    }
    if (this.#held.size >= this.options.maxModels) {
      throw this.#error(
        'RESOURCE_EXHAUSTED',
        `This worker holds ${this.#held.size} versions of models, as many as it may: \`trivet versions NAME --remove VERSION\` makes room.`,
      );
    }
    return manifest;
  }

  /**
   * Takes in an uploaded version: checks the share against the manifest and the plan, and writes it to disk. It is
   * served only when the owner says so.
   * @throws TrivetError INVALID_ARGUMENT when the share is not the one that the owner signed, or does not fit the plan
   */
  install(signed: SignedManifest, shareFile: Uint8Array): Promise<HeldModel> {
    return this.#inTurn(async () => {
      const manifest = this.check(signed);
      const present = this.#held.get(manifestDigest(signed));
      if (present !== undefined) return present;
      this.#checkShare(manifest, shareFile);
      const { party, store, log } = this.options;
      party.unload(this.#accept(manifest, () => party.load(manifest.plan as Plan, shareFile)));
      const { name, version } = manifest;
      await store.writeModel(name, version, signed, shareFile);
      const held = this.#hold(signed, manifest);
      log.info({ model: name, version, bytes: shareFile.length }, 'model shared');
      this.options.onChange();
      return held;
    });
  }

  /** Takes a version from the disk; it must not be in memory. A version that is not here is no error. */
  remove(name: string, version: number): Promise<void> {
    return this.#inTurn(async () => {
      const held = this.all().find((one) => one.name === name && one.version === version);
      if (held === undefined) return;
      await this.options.store.removeModel(name, version);
      this.#held.delete(held.digest);
      this.options.log.info({ model: name, version }, 'version removed');
      this.options.onChange();
    });
  }

  /** Brings a version into memory. @throws TrivetError when its file cannot be used any more */
  load(held: HeldModel): Promise<Model> {
    const loaded = this.#loaded.get(held.digest);
    if (loaded !== undefined) return Promise.resolve(loaded);
    let loading = this.#loading.get(held.digest);
    if (loading === undefined) {
      loading = this.#load(held).finally(() => this.#loading.delete(held.digest));
      this.#loading.set(held.digest, loading);
    }
    return loading;
  }

  /** Lets a version go from memory, as soon as no batch runs on it. */
  unload(model: Model): void {
    if (!this.#loaded.delete(model.digest)) return;
    this.#freeIfUnused(model);
    this.options.onChange();
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
    await this.#changing;
    await Promise.allSettled(this.#loading.values());
    for (const records of this.#records.values()) await records.flush();
    for (const model of this.loaded()) {
      this.#loaded.delete(model.digest);
      this.#freeIfUnused(model);
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#changing.then(work);
    this.#changing = run.catch(() => undefined);
    return run;
  }

  async #load(held: HeldModel): Promise<Model> {
    const { party, store } = this.options;
    const { shareFile } = await store.readModel(held.name, held.version);
    this.#checkShare(held.manifest, shareFile);
    const loaded = this.#accept(held.manifest, () => party.load(held.manifest.plan as Plan, shareFile));
    const model = { ...held, loaded };
    this.#loaded.set(held.digest, model);
    this.#users.set(model, 0);
    this.options.onChange();
    return model;
  }

  #hold(signed: SignedManifest, manifest: Manifest): HeldModel {
    const { name, version, plan } = manifest;
    const held: HeldModel = {
      name,
      version,
      digest: manifestDigest(signed),
      manifest,
      signed,
      inputSize: sizeOf(plan.inputShape),
      outputSize: sizeOf(plan.outputShape),
      records: this.records(name),
    };
    this.#held.set(held.digest, held);
    return held;
  }

  #checkShare(manifest: Manifest, shareFile: Uint8Array): void {
    const expected = manifest.shareDigests[this.options.party.index];
    if (createHash('sha256').update(shareFile).digest('hex') === expected) return;
    throw this.#error(
      'INVALID_ARGUMENT',
      `The share of "${manifest.name}" is not the one that its owner signed.`,
    );
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

  #freeIfUnused(model: Model): void {
    if (this.#users.get(model) !== 0 || this.#loaded.get(model.digest) === model) return;
    this.#users.delete(model);
    this.options.party.unload(model.loaded);
  }

  #error(code: ConstructorParameters<typeof TrivetError>[0], message: string): TrivetError {
    return new TrivetError(code, message, this.options.worker);
  }
}
