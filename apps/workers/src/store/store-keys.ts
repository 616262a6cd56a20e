/**
 * Follows the store's keys while the worker runs. A key file that was replaced is noticed within a second or two, a SIGHUP
 * at once; the store is then sealed anew, file by file, while the worker serves.
 */
import { unwatchFile, watchFile } from 'node:fs';
import { readStoreKeys } from '../config/load.js';
import type { WorkerConfig } from '../config/schema.js';
import type { Logger } from '../observe/logger.js';
import type { ModelStore } from './model-store.js';

const LOOK_EVERY_MS = 1000;

export class StoreKeys {
  #reloading: Promise<void> = Promise.resolve();
  readonly #onChange = () => void this.reload();

  constructor(
    private readonly source: WorkerConfig['store']['key'],
    private readonly store: ModelStore,
    private readonly log: Logger,
  ) {}

  start(): void {
    const { source } = this;
    if (typeof source === 'string') {
      watchFile(source, { interval: LOOK_EVERY_MS, persistent: false }, this.#onChange);
    }
    // A change that was cut short, or was made while the worker did not run.
    void this.reload();
  }

  /** Resolves when the store is sealed with the newest key, or the reason why not is in the log. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload());
    return this.#reloading;
  }

  async close(): Promise<void> {
    if (typeof this.source === 'string') unwatchFile(this.source, this.#onChange);
    await this.#reloading;
  }

  async #reload(): Promise<void> {
    try {
      const files = await this.store.changeKeys(await readStoreKeys(this.source));
      if (files > 0) this.log.info({ files }, 'the store is encrypted with a new key');
    } catch (error) {
      this.log.error({ err: error }, 'the store keys cannot be changed; the ones of before stay');
    }
  }
}
