/**
 * What a connection is shown of this worker's state: that it lives, and what the connection may use. Who holds the owner
 * key is shown everything; who holds a token, its models; everybody else, models that are open to them, if any. How the
 * worker is and how much it is asked is for those who look after it.
 */
import { type Operation, type Viewer, WIRE_VERSION, type WorkerStatus } from '@trivet/shared-types';
import type { Access, Caller } from '../access/access.js';
import type { WorkerConfig } from '../config/schema.js';
import type { Models } from '../serving/models.js';
import type { Serving } from '../serving/serving.js';

export interface Onlooker extends Caller {
  readonly isOwner: boolean;
}

export interface StatusSources {
  readonly config: WorkerConfig;
  readonly access: Access;
  readonly models: Models;
  readonly serving: Serving;
  readonly operation: () => Operation;
}

export type StatusFor = (onlooker: Onlooker) => WorkerStatus;

export function createStatus({ config, access, models, serving, operation }: StatusSources): StatusFor {
  /**
   * While the owner lets this machine ask without a token, for trying out, whoever is on it sees how the worker is as well;
   * not where the operator has an address apart.
   */
  const looksAfter = ({ isOwner, isFromThisMachine }: Onlooker) =>
    isOwner || (isFromThisMachine && config.operator === null && access.isTriedOut);
  /** What is told to many at once is one object, so that it is written as JSON once: by what distinguishes them. */
  const told = new Map<string, WorkerStatus>();
  return (onlooker) => {
    const { isOwner } = onlooker;
    const seesUse = looksAfter(onlooker);
    const viewer: Viewer = isOwner ? 'owner' : access.holdsToken(onlooker) ? 'token' : 'nobody';
    const shown = models.all().filter(({ name }) => isOwner || access.mayAsk(onlooker, name));
    const view = [viewer, seesUse, ...shown.map(({ digest }) => digest)].join();
    const known = told.get(view);
    if (known !== undefined) return known;
    const status: WorkerStatus = {
      wireVersion: WIRE_VERSION,
      worker: { index: config.index, name: config.name },
      clusterId: config.clusterId,
      ready: serving.ready,
      viewer,
      models: shown.map((model) => {
        const status = serving.modelStatus(model);
        return seesUse ? status : { ...status, served: null, requestLimit: null };
      }),
      orders: isOwner ? serving.lifecycle.orders() : [],
      operation: seesUse ? operation() : null,
    };
    if (told.size === 0) queueMicrotask(() => told.clear());
    told.set(view, status);
    return status;
  };
}

const gists = new WeakMap<WorkerStatus, string>();

/** The same text for statuses that say the same: a manifest is known by its digest. */
export function gist(status: WorkerStatus): string {
  let text = gists.get(status);
  if (text === undefined) {
    const models = status.models.map(({ manifest: _, ...model }) => model);
    text = JSON.stringify({ ...status, models });
    gists.set(status, text);
  }
  return text;
}
