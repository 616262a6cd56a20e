/** What a serving order asks for, put together from the one before it and the versions that the workers hold. */
import { type Reveal, revealsMore } from '@trivet/mpc-core';
import {
  type ProtocolName,
  type ServedVersion,
  type ServingOrder,
  type SignedServingOrder,
  TrivetError,
  type WorkerStatus,
} from '@trivet/shared-types';
import { checkProtocol, type SharedModel } from './models.js';

/** An order without what every order has. */
export type Wish = Pick<ServingOrder, 'since' | 'requestLimit' | 'versions' | 'current' | 'labels'>;
type Selection = Pick<Wish, 'versions' | 'current' | 'labels'>;

/** To serve nothing. */
export const NOTHING: Selection = { versions: [], current: null, labels: {} };

/** To count from this order on. */
export function counting(sequence: number, requestLimit: number | null, selection: Selection): Wish {
  return { since: sequence, requestLimit, ...selection };
}

/** The last order, when it has something served. @throws TrivetError FAILED_PRECONDITION */
export function served(model: string, order: ServingOrder | null): ServingOrder {
  if (order === null || order.versions.length === 0) throw notServed(model);
  return order;
}

export function notServed(model: string): TrivetError {
  return new TrivetError(
    'FAILED_PRECONDITION',
    `Model "${model}" is not served now; \`trivet serve ${model}\` starts that.`,
  );
}

/** The version with the highest number. */
export function newest<Version extends { readonly version: number }>(
  versions: readonly Version[],
): Version | undefined {
  return [...versions].sort((left, right) => right.version - left.version)[0];
}

/** @throws TrivetError NOT_FOUND when the three workers do not all hold it */
export function pick(model: string, versions: readonly SharedModel[], version: number): SharedModel {
  const found = versions.find((one) => one.version === version);
  if (found !== undefined) return found;
  const held = versions.map((one) => one.version).join(', ');
  throw new TrivetError(
    'NOT_FOUND',
    `Model "${model}" has no version ${version} on all three workers, only ${held}.`,
  );
}

/** @param protocol null: the first that the manifest allows. @throws TrivetError INVALID_ARGUMENT */
export function withProtocol(model: SharedModel, protocol: ProtocolName | null): ServedVersion {
  if (protocol !== null) checkProtocol(model, protocol);
  const { version, digest, manifest } = model;
  return { version, digest, protocol: protocol ?? manifest.protocols[0]! };
}

/** The protocol that the order has its current version run with, if this version allows it too. */
export function protocolOf(order: ServingOrder, model: SharedModel): ProtocolName | null {
  const before = order.versions.find((one) => one.version === order.current)?.protocol;
  return before !== undefined && model.manifest.protocols.includes(before) ? before : null;
}

/**
 * The current version, and beside it those that have a label.
 * @throws TrivetError NOT_FOUND when a label names a version that the three workers do not all hold
 */
export function withCurrent(
  order: Pick<ServingOrder, 'versions' | 'labels'> | null,
  versions: readonly SharedModel[],
  current: ServedVersion,
): Selection {
  const labels = order?.labels ?? {};
  const chosen = new Map([[current.version, current]]);
  for (const version of Object.values(labels)) {
    if (chosen.has(version)) continue;
    const before = order?.versions.find((one) => one.version === version);
    const [first] = versions;
    chosen.set(version, before ?? withProtocol(pick(first?.name ?? '', versions, version), null));
  }
  const sorted = [...chosen.values()].sort((left, right) => left.version - right.version);
  return { versions: sorted, current: current.version, labels };
}

/**
 * @param version that is to be served; the newest when it is undefined
 * @throws TrivetError FAILED_PRECONDITION when it, or a version that has a label and is served beside it, reveals more
 */
export function checkReveal(held: readonly SharedModel[], version: number | undefined, reveal: Reveal): void {
  const chosen = version ?? newest(held)?.version;
  const over = held.find((one) => {
    return (one.version === chosen || one.labels.length > 0) && revealsMore(one.reveal, reveal);
  });
  if (over === undefined) return;
  const advice = `share the model again with \`--reveal ${reveal}\`, which makes a version that can be served`;
  throw new TrivetError(
    'FAILED_PRECONDITION',
    `Version ${over.version} of model "${over.name}" reveals ${over.reveal}, which is more than ${reveal}: ${advice}.`,
  );
}

/** Why an order did not come into force, naming the worker that cannot follow it. */
export function whoIsMissing(
  model: string,
  order: SignedServingOrder,
  statuses: readonly WorkerStatus[],
): TrivetError {
  const { versions } = JSON.parse(order.text) as ServingOrder;
  for (const { digest, version } of versions) {
    const lacking = statuses.find((status) => !status.models.some((held) => held.digest === digest));
    if (lacking === undefined) continue;
    const { name } = lacking.worker;
    const sentence = `Worker "${name}" does not hold version ${version} of "${model}": share it again.`;
    return new TrivetError('FAILED_PRECONDITION', sentence, name);
  }
  const away = statuses.find((status) => !status.ready);
  if (away !== undefined) {
    const peers = (away.operation?.peers ?? []).filter((peer) => !peer.connected).map((peer) => peer.name);
    const sentence = `Worker "${away.worker.name}" waits for ${peers.join(' and ') || 'its peers'}; try again in a moment.`;
    return new TrivetError('UNAVAILABLE', sentence, away.worker.name);
  }
  const behind = statuses.find((status) => !status.orders.some((one) => one.model === model && one.inForce));
  const name = behind?.worker.name ?? statuses[0]!.worker.name;
  return new TrivetError(
    'FAILED_PRECONDITION',
    `Worker "${name}" could not load what is to be served of "${model}"; its log says why.`,
    name,
  );
}
