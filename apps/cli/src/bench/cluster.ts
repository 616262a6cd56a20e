/** Three real workers with the model shared and served, behind a delaying relay when a round-trip time is asked for. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelOwner, type ShareRequest } from '@trivet/client';
import type { CompiledModel } from '@trivet/mpc-core';
import type { WorkerExit } from '@trivet/node';
import {
  findFreePorts,
  type LocalCluster,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  startLocalCluster,
} from '@trivet/node';
import type { Cluster, ProtocolName } from '@trivet/shared-types';
import { createCluster, DEFAULT_WORKERS } from '@trivet/workers';
import type { Relay, Route } from '../relay/relay.js';
import { measureRoundTrip, startRelayProcess } from '../relay/start-relay.js';

export const MODEL_NAME = 'bench';

export interface ServingOptions {
  readonly compiled: CompiledModel;
  /** Round-trip time between any two of the four; 0: no relay unless `relayed` says so. */
  readonly rttMs: number;
  /** Puts the relay in between without a delay too. */
  readonly relayed?: boolean;
  /** False: the operating system places the workers; else see `LocalClusterOptions`. */
  readonly evaluatorsApart?: boolean;
  readonly signal: AbortSignal;
  readonly onCrash: (exit: WorkerExit) => void;
}

export interface ServingCluster {
  /** As clients see it: behind the relay when there is one. */
  readonly cluster: Cluster;
  readonly local: LocalCluster;
  /** The workers' own endpoints, for their metrics. */
  readonly metricsUrls: readonly [string, string, string];
  /** Measured through the relay; null without one, or without a delay. */
  readonly relayRoundTripMs: number | null;
  /** Null without one. Its routes: `clientRoute` and `meshRoute`. */
  readonly relay: Relay | null;
  /** Has the model served with another protocol from here on. */
  serve(protocol: ProtocolName): Promise<void>;
  /** Another model beside it, by default under the first protocol that it allows. */
  shareAndServe(name: string, compiled: CompiledModel, protocol?: ProtocolName): Promise<void>;
  /** Whatever else the model's owner does. */
  asOwner<T>(work: (owner: ModelOwner) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

/** The relay's route between clients and a worker. */
export function clientRoute(worker: 0 | 1 | 2): number {
  return worker;
}

/** A route of the relay that carries a worker's mesh links: the higher index dials, so nobody dials worker 2. */
export function meshRoute(worker: 0 | 1 | 2): number {
  return 3 + Math.min(worker, 1);
}

/** @throws TrivetError when something does not start; nothing is left running then */
export async function startServing(options: ServingOptions): Promise<ServingCluster> {
  const { rttMs, signal, onCrash, relayed = rttMs > 0 } = options;
  const directory = await mkdtemp(join(tmpdir(), 'trivet-bench-'));
  let relay: Relay | undefined;
  let local: LocalCluster | undefined;
  const stop = async () => {
    await local?.stop();
    await relay?.close();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const ports = await planPorts();
    await createCluster(directory, { workers: workersOn(ports, relayed), logLevel: 'warn' });
    let relayRoundTripMs: number | null = null;
    if (relayed) {
      relay = await startRelayProcess([...ports.client, ...ports.mesh, ports.echo], rttMs / 2);
      if (rttMs > 0) relayRoundTripMs = await measureRoundTrip(ports.echo);
    }
    local = await startLocalCluster({
      directory,
      signal,
      onCrash,
      evaluatorsApart: options.evaluatorsApart ?? true,
    });
    const started = local;
    const asOwner: ServingCluster['asOwner'] = (work) => withOwnerOf(started, signal, work);
    await asOwner(async (owner) => {
      await owner.share(shareRequest(MODEL_NAME, options.compiled), { signal });
      await owner.startServing(MODEL_NAME, { signal });
    });
    const url = (index: 0 | 1 | 2) => `http://127.0.0.1:${ports.client[index].targetPort}`;
    const { cluster } = local;
    const serve = (protocol: ProtocolName) =>
      asOwner((owner) => owner.startServing(MODEL_NAME, { protocol, signal }));
    const shareAndServe = (name: string, compiled: CompiledModel, protocol?: ProtocolName) =>
      asOwner(async (owner) => {
        await owner.share(shareRequest(name, compiled), { signal });
        await owner.startServing(name, { signal, ...(protocol !== undefined && { protocol }) });
      });
    const metricsUrls = [url(0), url(1), url(2)] as const;
    return {
      cluster,
      local,
      metricsUrls,
      relayRoundTripMs,
      relay: relay ?? null,
      serve,
      shareAndServe,
      asOwner,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Routes = readonly [Route, Route, Route];

async function planPorts(): Promise<{ client: Routes; mesh: Routes; echo: Route }> {
  const free = await findFreePorts(14);
  const route = (index: number): Route => ({
    listenPort: free[2 * index]!,
    targetPort: free[2 * index + 1]!,
  });
  return { client: [route(0), route(1), route(2)], mesh: [route(3), route(4), route(5)], echo: route(6) };
}

function workersOn({ client, mesh }: { client: Routes; mesh: Routes }, relayed: boolean) {
  const worker = (index: 0 | 1 | 2) => ({
    name: DEFAULT_WORKERS[index].name,
    host: 'localhost',
    clientPort: client[index].targetPort,
    meshPort: mesh[index].targetPort,
    ...(relayed && {
      url: `http://127.0.0.1:${client[index].listenPort}`,
      meshAddress: { host: '127.0.0.1', port: mesh[index].listenPort },
    }),
  });
  return [worker(0), worker(1), worker(2)] as const;
}

export function shareRequest(name: string, compiled: CompiledModel): ShareRequest {
  return {
    name,
    compiled,
    preprocessing: MNIST_PREPROCESSING,
    inputRange: MNIST_INPUT_RANGE,
    labels: null,
  };
}

async function withOwnerOf<T>(
  { cluster, ownerSecretKey }: LocalCluster,
  signal: AbortSignal,
  work: (owner: ModelOwner) => Promise<T>,
): Promise<T> {
  const { workers, clusterId } = cluster;
  const owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey, signal });
  try {
    return await work(owner);
  } finally {
    owner.close();
  }
}
