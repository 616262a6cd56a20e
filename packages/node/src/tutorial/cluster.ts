/**
 * Three workers together: `sy.TFECluster` of the Syft Keras tutorial. The model's owner starts it; for a client it says
 * where the workers are.
 */
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Triple } from '@trivet/client';
import { type Cluster as ClusterFile, TrivetError } from '@trivet/shared-types';
import { DEFAULT_CLUSTER_DIRECTORY, readCluster, readOwnerKey } from '../cluster-directory.js';
import { findFreePorts } from '../local-cluster/free-ports.js';
import { waitUntilReady } from '../local-cluster/ready.js';
import { type WorkerExit, WorkerProcess } from '../local-cluster/worker-process.js';
import type { Worker } from './worker.js';

export interface ClusterStartOptions {
  /** Where certificates and keys are, or are made: as `trivet init` writes it. `.trivet` unless told. */
  readonly directory?: string;
  /** 30,000 ms unless told where all workers are started here; else without end. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Told what to run, and who is missing; prints unless told. */
  readonly log?: (line: string) => void;
}

/** What the owner of a cluster has, beside the workers. */
export interface OwnedCluster {
  readonly file: ClusterFile;
  readonly ownerSecretKey: string;
}

const NAMES = ['alice', 'bob', 'carol'] as const;
const START_TIMEOUT_MS = 30_000;
/** From a worker's port for clients to that for the other workers, where they are on different machines. */
const MESH_PORT_OFFSET = 100;

export class Cluster {
  readonly workers: Triple<Worker>;
  #owned: OwnedCluster | null = null;
  #processes: readonly WorkerProcess[] = [];
  #log: (line: string) => void = console.log;

  /** @throws TrivetError INVALID_ARGUMENT unless there are three, each on a host of its own */
  constructor(...workers: Worker[]) {
    const [alice, bob, carol] = workers;
    if (workers.length !== 3 || alice === undefined || bob === undefined || carol === undefined) {
      throw new TrivetError(
        'INVALID_ARGUMENT',
        `A cluster is three workers, and ${workers.length} were given.`,
      );
    }
    if (new Set(workers.map((worker) => worker.host)).size !== 3) {
      throw new TrivetError(
        'INVALID_ARGUMENT',
        'Each of the three workers needs a host and port of its own.',
      );
    }
    this.workers = [alice, bob, carol];
  }

  /**
   * What clients must know: addresses, and the keys that the owner signed.
   * @param path the owner's cluster.json or the directory that has it, where this program has not started the cluster
   * @throws TrivetError FAILED_PRECONDITION when there is none, or it is of other workers; as `readCluster`
   */
  async file(path: string = DEFAULT_CLUSTER_DIRECTORY): Promise<ClusterFile> {
    if (this.#owned !== null) return this.#owned.file;
    const file = await readCluster(path).catch((error: unknown) => {
      if (!(error instanceof TrivetError) || error.code !== 'FAILED_PRECONDITION') throw error;
      const sentence = `${error.message} A client on another machine names the cluster.json that it has from the owner: { clusterFile }.`;
      throw new TrivetError(error.code, sentence, null, { cause: error });
    });
    this.#requireSameWorkers(file, path, 'name the right one with { clusterFile }');
    return file;
  }

  /** @throws TrivetError FAILED_PRECONDITION when the cluster is another one than the program names */
  #requireSameWorkers(file: ClusterFile, where: string, advice: string): void {
    const expected = this.workers.map(({ host }, index) => `${NAMES[index]} ${host}`);
    const found = file.workers.map(({ name, url }) => `${name} ${new URL(url).host}`);
    if (found.every((one, index) => one === expected[index])) return;
    const urls = file.workers.map(({ url }) => url).join(', ');
    throw new TrivetError(
      'FAILED_PRECONDITION',
      `${where} has a cluster of other workers (${urls}): ${advice}.`,
    );
  }

  /**
   * Starts the workers that are managed here, says what to run for the others, and waits for all three. The first time,
   * it makes the cluster's certificates and keys.
   * @throws TrivetError FAILED_PRECONDITION when the directory has a cluster of other hosts; INVALID_ARGUMENT when a worker
   *   of another machine is to be started here; UNAVAILABLE naming who does not start; CANCELLED
   */
  async start(options: ClusterStartOptions = {}): Promise<void> {
    const { directory = DEFAULT_CLUSTER_DIRECTORY, signal, log = console.log } = options;
    if (this.#owned !== null) throw new TrivetError('ALREADY_EXISTS', 'This cluster is started already.');
    const abroad = this.workers.find((worker) => worker.autoManaged && !worker.isLocal);
    if (abroad !== undefined) {
      throw new TrivetError(
        'INVALID_ARGUMENT',
        `autoManaged starts a process on this machine, and "${abroad.host}" is another: use { autoManaged: false }.`,
      );
    }
    this.#log = log;
    const root = resolve(directory);
    const file = await this.#files(root);
    const crashListeners = new Set<(exit: WorkerExit) => void>();
    const onExit = (exit: WorkerExit) => {
      for (const listener of [...crashListeners]) listener(exit);
    };
    this.#processes = this.workers.flatMap(({ autoManaged }, index) => {
      const name = NAMES[index]!;
      const folder = join(root, name);
      return autoManaged
        ? [new WorkerProcess(name, join(folder, `${name}.json`), join(folder, 'worker.log'), onExit)]
        : [];
    });
    this.#owned = { file, ownerSecretKey: await readOwnerKey(root) };
    const patient = this.#processes.length < 3;
    try {
      for (const process of this.#processes) process.start();
      this.workers.forEach((worker, index) => {
        if (!worker.autoManaged) log(howToRun(worker, NAMES[index]!, root));
      });
      await waitUntilReady(file, {
        timeoutMs: options.timeoutMs ?? (patient ? null : START_TIMEOUT_MS),
        signal,
        crashListeners,
        // Those that are started here come by themselves.
        onMissing: (missing) => {
          const manual = missing.filter(({ index }) => !this.workers[index].autoManaged);
          if (manual.length === 0) return;
          const names = manual.map(({ name, index }) => `${name} (${this.workers[index].host})`);
          log(`Waiting for ${new Intl.ListFormat('en').format(names)}.`);
        },
      });
    } catch (error) {
      await this.stop({ quietly: true });
      throw error;
    }
    crashListeners.add(({ name, lastWords }) => log(`Worker ${name} has ended: ${lastWords}`));
  }

  /** What sharing and serving need. @throws TrivetError FAILED_PRECONDITION before `start` */
  owned(): OwnedCluster {
    if (this.#owned !== null) return this.#owned;
    throw new TrivetError('FAILED_PRECONDITION', 'Start the cluster first: await cluster.start().');
  }

  /** Stops the workers that were started here, and says which others run on. Models stay shared, on their disks. */
  async stop({ quietly = false }: { readonly quietly?: boolean } = {}): Promise<void> {
    if (this.#owned === null) return;
    this.#owned = null;
    await Promise.all(this.#processes.map((process) => process.stop()));
    this.#processes = [];
    for (const worker of this.workers) {
      if (!worker.autoManaged && !quietly)
        this.#log(`The worker on ${worker.host} runs on: stop it there with Ctrl-C.`);
    }
  }

  /** The cluster in `root`, made if there is none. */
  async #files(root: string): Promise<ClusterFile> {
    const exists = await access(join(root, 'cluster.json')).then(
      () => true,
      () => false,
    );
    if (!exists) {
      const free = await findFreePorts(3);
      const worker = (index: 0 | 1 | 2) => {
        const { hostname, port, isLocal } = this.workers[index];
        // On one machine nobody else needs to know the port.
        const meshPort = isLocal ? free[index]! : port + MESH_PORT_OFFSET;
        return { name: NAMES[index], host: hostname, clientPort: port, meshPort };
      };
      const { createCluster } = await import('@trivet/workers');
      await createCluster(root, { workers: [worker(0), worker(1), worker(2)] });
    }
    const file = await readCluster(root);
    this.#requireSameWorkers(file, root, 'name another directory, cluster.start({ directory })');
    return file;
  }
}

/** The one command for a worker that is not managed here. */
function howToRun(worker: Worker, name: string, root: string): string {
  const folder = join(root, name);
  return worker.isLocal
    ? `On ${worker.host}, unless it runs already: trivet worker --config ${join(folder, `${name}.json`)}`
    : `On ${worker.host}, where its operator alone has the folder ${folder}, unless it runs already: trivet worker --config ${name}/${name}.json`;
}
