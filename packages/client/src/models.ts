/**
 * Which models the three workers offer together. A model counts only when all three present the same manifest, with
 * the same owner's valid signature: then they cannot be running different models, nor one of another owner.
 */
import { classCount, type Reveal, revealOf, sizeOf, validatePlan } from '@trivet/mpc-core';
import {
  ACCESS_MODES,
  type AccessMode,
  type Manifest,
  type ModelStatus,
  manifestDigest,
  type ProtocolName,
  TrivetError,
  type VersionState,
  type Viewer,
  verifyManifest,
  type WorkerStatus,
} from '@trivet/shared-types';
import { toTrivetError } from './failures.js';
import type { Triple } from './worker-links.js';

/** Which version of a model is meant: a number, or a label; the current one when neither is given. */
export interface VersionChoice {
  readonly version?: number | undefined;
  readonly label?: string | undefined;
}

/** A version of a model that all three workers hold. */
export interface SharedModel {
  readonly name: string;
  readonly version: number;
  /** SHA-256 of the manifest's text, lowercase hex. */
  readonly digest: string;
  /** Ed25519 public key of its owner, lowercase hex. */
  readonly ownerKey: string;
  readonly manifest: Manifest;
  /** AVAILABLE only when it is at all three; UNKNOWN while they say different things. */
  readonly state: VersionState;
  /** Whether it answers who names no version. */
  readonly current: boolean;
  /** Names that the owner gave it, for example "stable". */
  readonly labels: readonly string[];
  /**
   * Predictions of all versions served since `serve`, by the worker that served fewest; null, as is the limit, for who is not
   * told how much others ask.
   */
  readonly served: number | null;
  readonly requestLimit: number | null;
  /** What runs requests that name none, as worker 0 says, which decides; the manifest lists what may be named. */
  readonly protocol: ProtocolName;
  /** Who may ask; of three answers the strictest. */
  readonly access: AccessMode;
  /** Numbers in one input and in one output. */
  readonly inputSize: number;
  readonly outputSize: number;
  /** What clients receive of an answer: all outputs, or the classes of the largest ones only. */
  readonly reveal: Reveal;
  /** Classes that the model tells apart, however many of them an answer names. */
  readonly classCount: number;
}

/** Verifies manifests and remembers those that passed: a signature is checked once, not once a prediction. */
export class ModelCatalogue {
  readonly #expectedOwnerKey: string | undefined;
  #verified = new Map<string, Manifest>();

  constructor(expectedOwnerKey: string | undefined) {
    this.#expectedOwnerKey = expectedOwnerKey;
  }

  /** The versions that all three hold; those that only some hold, or that fail verification, are left out. */
  list(statuses: Triple<WorkerStatus>): SharedModel[] {
    return this.#agreed(statuses).map(({ model }) => model);
  }

  /** The version that is meant, if all three answer for it by these reports. */
  available(name: string, choice: VersionChoice, statuses: Triple<WorkerStatus>): SharedModel | undefined {
    const candidates = this.#agreed(statuses).filter(({ model }) => {
      return model.name === name && model.state === 'AVAILABLE';
    });
    return chosen(candidates, choice)?.model;
  }

  /**
   * The version that is meant, whatever its state; when none is named and none is current, the newest.
   * @throws TrivetError NOT_FOUND, FAILED_PRECONDITION or PERMISSION_DENIED with the worker that disagrees
   */
  find(name: string, statuses: Triple<WorkerStatus>, choice: VersionChoice = {}): SharedModel {
    const versions = this.#agreed(statuses).filter(({ model }) => model.name === name);
    if (versions.length === 0) this.#explain(name, statuses);
    const found = chosen(versions, choice);
    if (found !== undefined) return found.model;
    const isNamed = choice.version !== undefined || choice.label !== undefined;
    if (!isNamed)
      return versions.map(({ model }) => model).sort((left, right) => right.version - left.version)[0]!;
    const what = choice.version === undefined ? `label "${choice.label}"` : `version ${choice.version}`;
    throw new TrivetError(
      'NOT_FOUND',
      `Model "${name}" has no ${what}. \`trivet versions ${name}\` lists what it has.`,
    );
  }

  #agreed(statuses: Triple<WorkerStatus>): Agreed[] {
    const kept = new Map<string, Manifest>();
    const models = statuses[0].models.flatMap((first) => {
      const held = statuses.map((status) => status.models.find((other) => sameManifest(first, other)));
      if (held.some((model) => model === undefined)) return [];
      try {
        const key = cacheKey(first);
        const manifest = this.#verified.get(key) ?? this.#verify(first);
        kept.set(key, manifest);
        return [{ model: join(manifest, held as ModelStatus[]), held: held as ModelStatus[] }];
      } catch {
        return [];
      }
    });
    this.#verified = kept;
    return models;
  }

  #verify(model: ModelStatus): Manifest {
    const manifest = verifyManifest(model.manifest, this.#expectedOwnerKey);
    if (manifestDigest(model.manifest) !== model.digest) {
      throw new TrivetError(
        'PERMISSION_DENIED',
        `The digest of model "${manifest.name}" is not that of its manifest.`,
      );
    }
    try {
      validatePlan(manifest.plan);
    } catch (error) {
      throw new TrivetError('PERMISSION_DENIED', `Model "${manifest.name}": ${toTrivetError(error).message}`);
    }
    return manifest;
  }

  /** Why no version of a model is agreed on. */
  #explain(name: string, statuses: Triple<WorkerStatus>): never {
    const held = statuses.map((status) => status.models.filter((model) => manifestName(model) === name));
    if (held.every((models) => models.length === 0)) throw notShown(name, statuses);
    const missing = held.findIndex((models) => models.length === 0);
    if (missing !== -1) {
      const { viewer, worker } = statuses[missing]!;
      const sentence =
        viewer === 'owner'
          ? `Worker "${worker.name}" does not hold model "${name}": share it again.`
          : `Worker "${worker.name}" does not hold model "${name}", or does not show it: if that lasts, its owner shares it again.`;
      throw new TrivetError('FAILED_PRECONDITION', sentence, worker.name);
    }
    const different = statuses.findIndex(
      (_, index) => !held[index]!.some((model) => sameManifest(model, held[0]![0]!)),
    );
    if (different !== -1) {
      const worker = statuses[different]!.worker.name;
      const sentence = `Worker "${worker}" presents another manifest for model "${name}" than worker "${statuses[0].worker.name}": nothing was sent.`;
      throw new TrivetError('FAILED_PRECONDITION', sentence, worker);
    }
    // All three hold it, so it was verification that refused it: let it say why.
    this.#verify(held[0]![0]!);
    throw new TrivetError('INTERNAL', `Model "${name}" is not usable.`);
  }
}

/** Workers show what a caller may ask for: of other models nobody can tell whether they are there. */
function notShown(name: string, statuses: Triple<WorkerStatus>): TrivetError {
  const is = (viewer: Viewer) => statuses.every((status) => status.viewer === viewer);
  if (is('owner')) {
    return new TrivetError(
      'NOT_FOUND',
      `No model "${name}" is shared. \`trivet status\` lists those that are.`,
    );
  }
  if (is('token')) {
    const sentence = `No model "${name}" is shared, or the token is not for it. \`trivet status\` lists those that it is for.`;
    return new TrivetError('NOT_FOUND', sentence);
  }
  const isAnyOpen = statuses.some((status) => status.models.length > 0);
  return new TrivetError(
    isAnyOpen ? 'NOT_FOUND' : 'UNAUTHENTICATED',
    `No model "${name}" is open to everybody: it needs a token, which its owner makes with \`trivet tokens create\`; or it is not served yet, with \`trivet serve ${name}\`; or there is none.`,
  );
}

function sameManifest(left: ModelStatus, right: ModelStatus): boolean {
  return cacheKey(left) === cacheKey(right);
}

/** Digest, owner and signature: everything that makes two signed manifests the same. */
function cacheKey(model: ModelStatus): string {
  const { text, ownerKey, signature } = model.manifest;
  return `${model.digest}.${ownerKey}.${signature}.${text}`;
}

/** Name and version in a manifest that may be anything. */
function manifestHead(model: ModelStatus): { readonly name?: unknown; readonly version?: unknown } {
  try {
    const value: unknown = JSON.parse(model.manifest.text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Name and version in the manifest of what a worker reports; null when it is malformed. Nothing is verified. */
export function nameAndVersion(
  model: ModelStatus,
): { readonly name: string; readonly version: number } | null {
  const { name, version } = manifestHead(model);
  return typeof name === 'string' && typeof version === 'number' ? { name, version } : null;
}

/** The name in a manifest that may be anything. */
export function manifestName(model: ModelStatus): string | undefined {
  const { name } = manifestHead(model);
  return name === undefined ? undefined : String(name);
}

/** The highest version of a model that any worker holds, 0 when none does: a new one must be above it. */
export function highestVersion(name: string, statuses: Triple<WorkerStatus>): number {
  const held = statuses.flatMap((status) => status.models).map(manifestHead);
  const versions = held.filter((head) => head.name === name).map(({ version }) => version);
  return Math.max(0, ...versions.filter((version): version is number => Number.isSafeInteger(version)));
}

interface Agreed {
  readonly model: SharedModel;
  readonly held: readonly ModelStatus[];
}

/**
 * The version that is meant. While the workers go over from one order to the next, some call the old version by a name
 * and some the new one: then it is the one that most of them mean, the newer of two.
 */
function chosen(versions: readonly Agreed[], { version, label }: VersionChoice): Agreed | undefined {
  if (version !== undefined) return versions.find(({ model }) => model.version === version);
  const meant = ({ held }: Agreed) =>
    held.filter((one) => (label === undefined ? one.current : one.labels.includes(label))).length;
  return versions
    .filter((one) => meant(one) > 0)
    .sort((left, right) => meant(right) - meant(left) || right.model.version - left.model.version)[0];
}

function join(manifest: Manifest, held: readonly ModelStatus[]): SharedModel {
  const [first] = held as [ModelStatus];
  const same = held.every((model) => model.state === first.state);
  const underWay = held.some((model) => model.state === 'LOADING') ? 'LOADING' : 'UNKNOWN';
  return {
    name: manifest.name,
    version: manifest.version,
    digest: first.digest,
    ownerKey: first.manifest.ownerKey,
    manifest,
    state: same ? first.state : underWay,
    current: held.every((model) => model.current),
    labels: first.labels.filter((label) => held.every((model) => model.labels.includes(label))),
    served: least(held.map((model) => model.served)),
    requestLimit: first.requestLimit,
    protocol: first.protocol,
    access: ACCESS_MODES.find((mode) => held.some((model) => model.access === mode))!,
    inputSize: sizeOf(manifest.plan.inputShape),
    outputSize: sizeOf(manifest.plan.outputShape),
    reveal: revealOf(manifest.plan),
    classCount: classCount(manifest.plan),
  };
}

function least(counts: readonly (number | null)[]): number | null {
  const known = counts.filter((count) => count !== null);
  return known.length < counts.length ? null : Math.min(...known);
}

/** @throws TrivetError INVALID_ARGUMENT when the model's owner does not allow the protocol */
export function checkProtocol({ name, manifest }: SharedModel, protocol: ProtocolName): void {
  if (manifest.protocols.includes(protocol)) return;
  throw new TrivetError(
    'INVALID_ARGUMENT',
    `Model "${name}" may be run under ${manifest.protocols.join(', ')}, and not under ${protocol}: its owner says so when sharing it.`,
  );
}
