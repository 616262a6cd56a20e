/** The model owner's session. The key signs in this worker; it is sent nowhere, stored nowhere and gone with the page. */
import { ModelOwner, type SharedModel } from '@trivet/client';
import { classCount } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import type { ClusterAddress } from '../worker/cluster.js';
import type { InspectedModel } from './inspect.js';
import type { OwnedModel, OwnerCommand, ShareWish } from './messages.js';

const DIGIT_CLASSES = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
const MNIST_PREPROCESSING = { kind: 'mnist', height: 28, width: 28, divideBy: 255 } as const;
/** Workers report at every change; the list of models is asked for no more often than this. */
const LIST_EVERY_MS = 500;

export class OwnerSession {
  readonly #owner: ModelOwner;
  readonly #onModels: (models: readonly OwnedModel[]) => void;
  readonly #unwatch: () => void;
  #listing: ReturnType<typeof setTimeout> | undefined;

  private constructor(owner: ModelOwner, onModels: (models: readonly OwnedModel[]) => void) {
    this.#owner = owner;
    this.#onModels = onModels;
    this.#unwatch = owner.onStatus(() => {
      this.#listing ??= setTimeout(() => void this.#list(), LIST_EVERY_MS);
    });
  }

  /** @throws (rejects) TrivetError as `ModelOwner.connect`; INVALID_ARGUMENT when the text is no key */
  static async open(
    { workers, clusterId }: ClusterAddress,
    keyText: string,
    onModels: (models: readonly OwnedModel[]) => void,
    signal: AbortSignal,
  ): Promise<OwnerSession> {
    if (clusterId === null) {
      throw new TrivetError(
        'FAILED_PRECONDITION',
        'Sharing needs the cluster file: put the cluster.json of `trivet init` beside this page.',
      );
    }
    const ownerSecretKey = keyText.trim();
    if (!/^[0-9a-f]{64}$/.test(ownerSecretKey)) {
      throw new TrivetError(
        'INVALID_ARGUMENT',
        'This is no owner key. It is the file owner.key that `trivet init` wrote: 64 hexadecimal digits.',
      );
    }
    const owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey, signal });
    return new OwnerSession(owner, onModels);
  }

  async models(signal: AbortSignal): Promise<OwnedModel[]> {
    return (await this.#owner.models({ signal })).map(ownedModel);
  }

  /** Splits the weights here and sends each worker its share. */
  async share(
    { compiled, signature }: InspectedModel,
    { name, takesDigits }: ShareWish,
    onProgress: (done: number, total: number) => void,
    signal: AbortSignal,
  ): Promise<OwnedModel> {
    const shared = await this.#owner.share(
      {
        name,
        compiled,
        signature,
        inputRange: compiled.inputRange,
        preprocessing: takesDigits ? MNIST_PREPROCESSING : null,
        labels: takesDigits && classCount(compiled.plan) === DIGIT_CLASSES.length ? DIGIT_CLASSES : null,
      },
      { onProgress, signal },
    );
    return ownedModel(shared);
  }

  async command(command: OwnerCommand, signal: AbortSignal): Promise<void> {
    const { model } = command;
    switch (command.do) {
      case 'serve': {
        const { version, requestLimit, protocol } = command;
        return this.#owner.startServing(model, { version, requestLimit, protocol, signal });
      }
      case 'switch':
        return this.#owner.switchTo(model, command.version, { signal });
      case 'rollback':
        await this.#owner.rollback(model, { signal });
        return;
      case 'stop':
        return this.#owner.stop(model, { signal });
      case 'remove':
        return this.#owner.removeVersion(model, command.version, { signal });
    }
  }

  close(): void {
    clearTimeout(this.#listing);
    this.#unwatch();
    this.#owner.close();
  }

  async #list(): Promise<void> {
    try {
      this.#onModels(await this.models(AbortSignal.timeout(5_000)));
    } catch {
      // A worker is away: the page says so from its own connections, and the next report lists again.
    } finally {
      this.#listing = undefined;
    }
  }
}

function ownedModel({ manifest, ...model }: SharedModel): OwnedModel {
  const { name, version, state, current, labels, reveal, served, requestLimit, protocol } = model;
  return {
    name,
    version,
    state,
    current,
    labels,
    reveal,
    served,
    requestLimit,
    protocol,
    protocols: manifest.protocols,
    createdAt: manifest.createdAt,
  };
}
