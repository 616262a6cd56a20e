/**
 * Three real worker processes on this machine: for `pnpm verify`, benchmarks, end-to-end tests and the demo.
 *
 * ```ts
 * const cluster = await startLocalCluster();
 * const client = await PredictionClient.connect({ workers: cluster.cluster.workers });
 * …
 * await cluster.stop();
 * ```
 */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Cluster, TrivetError, withHidden } from '@trivet/shared-types';
import type { ClusterOptions } from '@trivet/workers';
import { readCluster, readOwnerKey } from '../cluster-directory.js';
import { coreOf } from './cores.js';
import { findFreePorts } from './free-ports.js';
import { waitUntilReady } from './ready.js';
import { type WorkerExit, WorkerProcess } from './worker-process.js';

export interface LocalClusterOptions {
  /**
   * Where the cluster lives. One that is there is used as it is, with its ports; else it is created. Without a
   * directory, a temporary one is made, and removed by `stop`.
   */
  readonly directory?: string;
  /** Ports for clients, of a cluster that is created; free ones unless told. Mesh ports are always free ones. */
  readonly ports?: readonly [number, number, number];
  /** Further options of a cluster that is created: batching, limits, log level. */
  readonly options?: Omit<ClusterOptions, 'workers'>;
  /** Whether the two evaluators are kept on cores of their own, where these are few: a digit takes an eighth less time. */
  readonly evaluatorsApart?: boolean;
  /** Called when a worker ends without having been told to. */
  readonly onCrash?: (exit: WorkerExit) => void;
  /** For all three to be ready; 30,000 ms unless told. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface LocalCluster {
  readonly directory: string;
  readonly cluster: Cluster;
  /** Not shown when this is printed. */
  readonly ownerSecretKey: string;
  readonly workers: readonly [WorkerProcess, WorkerProcess, WorkerProcess];
  /** Waits until all three are running and see each other. @throws TrivetError UNAVAILABLE naming who is not */
  ready(timeoutMs?: number): Promise<void>;
  /** Stops all three and removes the directory if it was temporary. Safe to call twice. */
  stop(): Promise<void>;
}

const NAMES = ['alice', 'bob', 'carol'] as const;
const START_TIMEOUT_MS = 30_000;

/** Free ports can be taken by another program before a worker listens on them. */
const ATTEMPTS_WITH_FREE_PORTS = 3;

/** @throws TrivetError UNAVAILABLE when a worker does not start; nothing is left running then */
export async function startLocalCluster(options: LocalClusterOptions = {}): Promise<LocalCluster> {
  const attempts =
    options.directory === undefined && options.ports === undefined ? ATTEMPTS_WITH_FREE_PORTS : 1;
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      const ended = error instanceof TrivetError && error.code === 'UNAVAILABLE' && error.worker !== null;
      if (!ended || attempt >= attempts) throw error;
    }
  }
}

async function startOnce(options: LocalClusterOptions): Promise<LocalCluster> {
  const temporary = options.directory === undefined;
  const directory = temporary ? await mkdtemp(join(tmpdir(), 'trivet-')) : resolve(options.directory);
  const crashListeners = new Set<(exit: WorkerExit) => void>();
  let stopping: Promise<void> | undefined;
  const onExit = (exit: WorkerExit) => {
    if (stopping === undefined) for (const listener of [...crashListeners]) listener(exit);
  };
  const workers: WorkerProcess[] = [];
  const stop = () => {
    stopping ??= (async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
      if (temporary) await rm(directory, { recursive: true, force: true });
    })();
    return stopping;
  };
  try {
    await ensureCluster(directory, temporary, options);
    const cluster = await readCluster(directory);
    const ownerSecretKey = await readOwnerKey(directory);
    for (const [index, { name }] of cluster.workers.entries()) {
      const folder = join(directory, name);
      const worker = new WorkerProcess(
        name,
        join(folder, `${name}.json`),
        join(folder, 'worker.log'),
        onExit,
        options.evaluatorsApart ? await coreOf(index) : null,
      );
      workers.push(worker);
      worker.start();
    }
    const ready = (timeoutMs = START_TIMEOUT_MS) =>
      waitUntilReady(cluster, { timeoutMs, signal: options.signal, crashListeners });
    await ready(options.timeoutMs);
    // Until here a crash is the error of this call.
    if (options.onCrash !== undefined) crashListeners.add(options.onCrash);
    const shown = { directory, cluster, workers: workers as never, ready, stop };
    return withHidden(shown, { ownerSecretKey });
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ensureCluster(directory: string, isNew: boolean, options: LocalClusterOptions): Promise<void> {
  const exists = await access(join(directory, 'cluster.json')).then(
    () => true,
    () => false,
  );
  if (exists && !isNew) {
    await upgradeEarlier(directory);
    return;
  }
  const free = await findFreePorts(6);
  const clientPorts = options.ports ?? free.slice(3);
  const worker = (index: 0 | 1 | 2) => {
    return { name: NAMES[index], host: 'localhost', clientPort: clientPorts[index]!, meshPort: free[index]! };
  };
  // Loaded only here: the service and its dependencies would slow the start of every program that needs neither.
  const { createCluster } = await import('@trivet/workers');
  await createCluster(directory, { ...options.options, workers: [worker(0), worker(1), worker(2)] });
}

/** A directory that an earlier version has left: all of the cluster is here, so it can be given what it lacks. */
async function upgradeEarlier(directory: string): Promise<void> {
  const isEarlier = await readCluster(directory).then(
    () => false,
    (error: unknown) => error instanceof TrivetError && error.code === 'FAILED_PRECONDITION',
  );
  if (!isEarlier) return;
  const { upgradeCluster } = await import('@trivet/workers');
  await upgradeCluster(directory);
}
